import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServiceError } from '../runtime/serviceError.ts';

/**
 * A request's bytes as they were sent: no content type decides whether they are read, none is decoded or parsed.
 *
 * @throws {ServiceError} `BODY_TOO_LARGE`, `BODY_INCOMPLETE`
 */
export async function readBytes(request: IncomingMessage & { rawBody?: Buffer }, maxBytes: number): Promise<Buffer> {
  const { rawBody } = request;
  if (rawBody && rawBody.length > maxBytes) throw bodyTooLarge(maxBytes);
  return rawBody ?? (await bytesOf(request, maxBytes));
}

/** By events, which cost a tenth of an iterator's time; what comes above the limit is dropped. */
async function bytesOf(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxBytes) chunks.push(chunk);
    else reject(bodyTooLarge(maxBytes));
  });
  request.on('end', () => resolve(Buffer.concat(chunks)));
  request.on('error', (cause) => {
    reject(new ServiceError('BODY_INCOMPLETE', 'The connection ended before the body did; send it again.', { cause }));
  });
  return await promise;
}

export function bodyTooLarge(maxBytes: number): ServiceError {
  return new ServiceError('BODY_TOO_LARGE', `The body may have ${maxBytes} bytes at most; send less.`);
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
