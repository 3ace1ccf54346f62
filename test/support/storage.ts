import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { CRC32C } from '@google-cloud/storage';

/** The uploads of Cloud Storage's JSON surface; Google has no emulator of it in the SDK. */
export interface StorageServer {
  /** The value of `STORAGE_EMULATOR_HOST`. */
  readonly url: string;
  /** Stored content, by `bucket/name`. */
  readonly objects: Map<string, Buffer>;
  /** How many uploads are still refused with 403. */
  refusals: number;
  /** Leaves uploads without a response. */
  isSilent: boolean;
  close(): Promise<void>;
}

export async function startStorage(): Promise<StorageServer> {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, Buffer[]>();
  const server = createServer((request, response) => {
    void answer(request, response);
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', storage.url);
    const [, bucket = ''] = /\/b\/([^/]+)\/o/.exec(url.pathname) ?? [];
    const body = await buffer(request);
    if (storage.isSilent) return;
    if (storage.refusals > 0) {
      storage.refusals -= 1;
      return send(response, 403, { error: { code: 403, message: 'No access.' } });
    }
    const name = `${bucket}/${url.searchParams.get('name')}`;
    if (url.searchParams.get('uploadType') === 'multipart') return store(response, name, mediaOf(request, body));
    if (request.method === 'POST') {
      uploads.set(name, []);
      return send(response, 200, {}, { location: `${storage.url}${url.pathname}${url.search}&upload_id=1` });
    }
    const chunks = uploads.get(name) ?? [];
    chunks.push(body);
    uploads.set(name, chunks);
    // A part of known length in a whole of unknown length is not the last; one of unknown length goes to the end.
    const isLast = !/\d-\d+\/\*$/.test(request.headers['content-range'] ?? '');
    const { length } = Buffer.concat(chunks);
    if (isLast) return store(response, name, Buffer.concat(chunks));
    send(response, 308, {}, length > 0 ? { range: `bytes=0-${length - 1}` } : {});
  }

  function store(response: ServerResponse, name: string, content: Buffer): void {
    objects.set(name, content);
    const crc = new CRC32C();
    crc.update(content);
    send(response, 200, { name, size: String(content.length), crc32c: crc.toString() });
  }

  // To compute a checksum takes both sides longer than a connection is kept by default.
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const storage: StorageServer = {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    objects,
    refusals: 0,
    isSilent: false,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return storage;
}

/** The second part of a `multipart/related` body: the first is the object's metadata. */
function mediaOf(request: IncomingMessage, body: Buffer): Buffer {
  const [, boundary = ''] = /boundary="?([^";]+)/.exec(request.headers['content-type'] ?? '') ?? [];
  const second = body.indexOf(`--${boundary}`, boundary.length);
  const start = body.indexOf('\r\n\r\n', second) + 4;
  return body.subarray(start, body.lastIndexOf(`\r\n--${boundary}--`));
}

function send(response: ServerResponse, status: number, content: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(content));
}
