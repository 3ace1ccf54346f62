import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { CallbackError } from '../platform/errors.ts';
import type { CallbackAnswer, CallbackRequest } from './handler.ts';

/** A Gemini event is thin: a few hundred bytes (G 4.2). */
const MAX_BODY_BYTES = 262_144;

/** Serves a handler over Node's own HTTP types, which are also those of the Functions Framework. */
export function listener(handle: (request: CallbackRequest) => Promise<CallbackAnswer>): RequestListener {
  return (request, response) => {
    const { method = '', url = '', headers } = request;
    const [path = ''] = url.split('?', 1);
    void handle({ method, path, headers, body: () => readBody(request) }).then((answer) =>
      send(request, response, answer),
    );
  };
}

/** The bytes as they were sent: no content type decides whether they are read, none is decoded or parsed. */
async function readBody(request: IncomingMessage & { rawBody?: Buffer }): Promise<Buffer> {
  if (request.rawBody) return withinLimit([request.rawBody], request.rawBody.length);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_BODY_BYTES) break;
  }
  return withinLimit(chunks, length);
}

function withinLimit(chunks: readonly Buffer[], length: number): Buffer {
  if (length <= MAX_BODY_BYTES) return Buffer.concat(chunks);
  throw new CallbackError('BODY_TOO_LARGE', `The body is larger than ${MAX_BODY_BYTES} bytes, and no Gemini event is.`);
}

function send(request: IncomingMessage, response: ServerResponse, answer: CallbackAnswer): void {
  if (response.destroyed) return;
  const body = Buffer.from(JSON.stringify(answer.body));
  response.writeHead(answer.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...answer.headers,
  });
  response.end(body);
  // What is left of a body is read and dropped, so that a sender in the middle of it gets the answer and not a reset.
  request.resume();
}
