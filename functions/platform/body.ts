import type { IncomingMessage, ServerResponse } from 'node:http';
import { CallbackError } from './errors.ts';

/**
 * A request's bytes as they were sent: no content type decides whether they are read, none is decoded or parsed.
 *
 * @throws {CallbackError} `BODY_TOO_LARGE`, `BODY_INCOMPLETE`
 */
export async function readBytes(request: IncomingMessage & { rawBody?: Buffer }, maxBytes: number): Promise<Buffer> {
  if (request.rawBody) return withinLimit([request.rawBody], request.rawBody.length, maxBytes);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxBytes) break;
    }
  } catch (cause) {
    throw new CallbackError('BODY_INCOMPLETE', 'The connection ended before the body did; send it again.', { cause });
  }
  return withinLimit(chunks, length, maxBytes);
}

function withinLimit(chunks: readonly Buffer[], length: number, maxBytes: number): Buffer {
  if (length <= maxBytes) return Buffer.concat(chunks);
  throw bodyTooLarge(maxBytes);
}

export function bodyTooLarge(maxBytes: number): CallbackError {
  return new CallbackError('BODY_TOO_LARGE', `The body may have ${maxBytes} bytes at most; send less.`);
}

export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  content: object,
): void {
  if (response.destroyed) return;
  // A text goes out together with the headers, in one write.
  const body = JSON.stringify(content);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
  // What is left of a body is read and dropped, so that a sender in the middle of it gets the answer and not a reset.
  request.resume();
}
