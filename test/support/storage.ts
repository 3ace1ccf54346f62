import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { CRC32C } from '@google-cloud/storage';
import { sendJson, serveHttp } from './server.ts';

/** The uploads of Cloud Storage's JSON surface; Google has no emulator of it in the SDK. */
export interface StorageServer {
  /** The value of `STORAGE_EMULATOR_HOST`. */
  readonly url: string;
  /** Stored content, by `bucket/name`. */
  readonly objects: Map<string, Buffer>;
  /** The number of further uploads that are refused with 403. */
  refusals: number;
  /** Leaves uploads without a response. */
  isSilent: boolean;
  close(): Promise<void>;
}

export async function startStorage(): Promise<StorageServer> {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, Buffer[]>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', storage.url);
    const [, bucket = ''] = /\/b\/([^/]+)\/o/.exec(url.pathname) ?? [];
    const body = await buffer(request);
    if (storage.isSilent) return;
    if (storage.refusals > 0) {
      storage.refusals -= 1;
      return sendJson(response, 403, { error: { code: 403, message: 'No access.' } });
    }
    const name = `${bucket}/${url.searchParams.get('name')}`;
    if (url.searchParams.get('uploadType') === 'multipart') return store(response, name, mediaOf(request, body));
    if (request.method === 'POST') {
      uploads.set(name, []);
      return sendJson(response, 200, {}, { location: `${storage.url}${url.pathname}${url.search}&upload_id=1` });
    }
    const chunks = uploads.get(name) ?? [];
    chunks.push(body);
    uploads.set(name, chunks);
    // A part of known length in a whole of unknown length is not the last; one of unknown length goes to the end.
    const isLast = !/\d-\d+\/\*$/.test(request.headers['content-range'] ?? '');
    const { length } = Buffer.concat(chunks);
    if (isLast) return store(response, name, Buffer.concat(chunks));
    sendJson(response, 308, {}, length > 0 ? { range: `bytes=0-${length - 1}` } : {});
  }

  function store(response: ServerResponse, name: string, content: Buffer): void {
    objects.set(name, content);
    const crc = new CRC32C();
    crc.update(content);
    sendJson(response, 200, { name, size: String(content.length), crc32c: crc.toString() });
  }

  const { server, url, close } = await serveHttp(answer);
  // Both sides compute checksums for longer than a connection is kept by default.
  server.keepAliveTimeout = 60_000;
  const storage: StorageServer = { url, objects, refusals: 0, isSilent: false, close };
  return storage;
}

/** The second part of a `multipart/related` body: the first is the object's metadata. */
function mediaOf(request: IncomingMessage, body: Buffer): Buffer {
  const [, boundary = ''] = /boundary="?([^";]+)/.exec(request.headers['content-type'] ?? '') ?? [];
  const second = body.indexOf(`--${boundary}`, boundary.length);
  const start = body.indexOf('\r\n\r\n', second) + 4;
  return body.subarray(start, body.lastIndexOf(`\r\n--${boundary}--`));
}
