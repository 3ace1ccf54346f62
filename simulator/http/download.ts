import type { Content } from '../files/content.ts';
import type { Core } from '../core.ts';
import { ApiError } from '../errors.ts';
import { parseRange } from '../files/range.ts';
import { parameter, route } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';

/** Downloads of generated files, whole or by range. */
export function downloadRoutes({ files, settings }: Core): Route[] {
  const handle = (c: SimulatorContext): Response => {
    const { content, mimeType } = files.getGenerated(parameter(c));
    const { ranges, partBytes, contentRange } = settings.get().files;
    const range = parseRange(ranges ? c.req.header('range') : undefined, content.sizeBytes);
    if (range === 'unsatisfiable') return unsatisfiable(content);
    const start = range?.start ?? 0;
    const end = Math.min(range?.end ?? content.sizeBytes, range && partBytes ? start + partBytes : Infinity);
    const place = { 'content-range': `bytes ${start}-${end - 1}/${content.sizeBytes}` };
    const headers = {
      'content-type': mimeType,
      'content-length': String(end - start),
      ...(range && contentRange ? place : {}),
      ...(ranges ? { 'accept-ranges': 'bytes' } : {}),
    };
    const body = ReadableStream.from<Uint8Array>(content.read(start, end));
    return new Response(body, { status: range === undefined ? 200 : 206, headers });
  };
  return [route('files.download', 'GET /files/:id/~download', handle)];
}

/** Cuts an answer after its first bytes: the connection closes short of the announced length. */
export function cutOff(c: SimulatorContext, answer: Response, bytes: number): Response {
  if (answer.body === null) return answer;
  const { socket } = c.env.incoming;
  const body = firstBytes(answer.body, bytes, () => socket.destroySoon());
  return new Response(ReadableStream.from<Uint8Array>(body), answer);
}

async function* firstBytes(
  body: ReadableStream<Uint8Array>,
  bytes: number,
  cut: () => void,
): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of body) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) {
      cut();
      return;
    }
  }
}

function unsatisfiable({ sizeBytes }: Content): Response {
  const error = new ApiError(416, 'Requested range not satisfiable');
  return Response.json(error, { status: 416, headers: { 'content-range': `bytes */${sizeBytes}` } });
}
