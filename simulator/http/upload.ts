import type { Core } from '../core.ts';
import { ApiError } from '../errors.ts';
import { jsonBody, JSON_TYPE, route } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';

/** `POST /upload/{v}/files`: the start and the chunks of a resumable upload use the same path (docs/gemini-wire.md 8.2). */
export function uploadRoutes({ files, uploads }: Core): Route[] {
  const start = async (c: SimulatorContext) => {
    if (c.req.header('x-goog-upload-protocol') !== 'resumable') {
      throw new ApiError('INVALID_ARGUMENT', 'Only the resumable upload protocol is supported.');
    }
    const size = c.req.header('x-goog-upload-header-content-length');
    const type = c.req.header('x-goog-upload-header-content-type');
    const id = uploads.start(await jsonBody(c), size, type);
    const url = new URL(c.req.url);
    url.search = new URLSearchParams({ upload_id: id, upload_protocol: 'resumable' }).toString();
    return uploadAnswer('active', {}, { 'x-goog-upload-url': url.href });
  };

  const chunk = async (c: SimulatorContext, id: string, command: string) => {
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    const file = uploads.add(id, { command, offset: c.req.header('x-goog-upload-offset'), bytes });
    return file === undefined ? uploadAnswer('active', {}) : uploadAnswer('final', { file: files.resource(file) });
  };

  const query = (id: string) =>
    uploadAnswer('active', {}, { 'x-goog-upload-size-received': String(uploads.receivedBytes(id)) });

  const cancel = (id: string) => {
    uploads.cancel(id);
    return uploadAnswer('cancelled', {});
  };

  const handle = async (c: SimulatorContext): Promise<Response> => {
    const command = c.req.header('x-goog-upload-command') ?? '';
    const id = c.req.query('upload_id') ?? '';
    if (command === 'start') return await start(c);
    if (command === 'query') return query(id);
    if (command === 'cancel') return cancel(id);
    if (/^(upload|finalize|upload, *finalize)$/.test(command)) return await chunk(c, id, command);
    throw new ApiError('INVALID_ARGUMENT', `Unknown upload command: '${command}'`);
  };
  // The SDK for Python sends chunks without credentials: the upload_id is one.
  const isOpen = (c: SimulatorContext) => c.req.query('upload_id') !== undefined;
  return [route('files.upload', 'POST /files', handle, isOpen)];
}

function uploadAnswer(status: 'active' | 'final' | 'cancelled', body: object, headers: Record<string, string> = {}) {
  const upload = { 'content-type': JSON_TYPE, 'x-goog-upload-status': status };
  return new Response(JSON.stringify(body), { headers: { ...upload, ...headers } });
}
