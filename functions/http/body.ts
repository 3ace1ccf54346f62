import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServiceError } from '../runtime/serviceError.ts';

/**
 * Reads a request's bytes unchanged, for any content type: nothing is decoded or parsed. The caller sets the limit:
 * 256 KiB for callbacks (`callback/pipeline.ts`), 16 MiB for messages of Pub/Sub (`push.ts`).
 *
 * @throws {ServiceError} `BODY_TOO_LARGE`, `BODY_INCOMPLETE`
 */
export async function readBytes(request: IncomingMessage & { rawBody?: Buffer }, maxBytes: number): Promise<Buffer> {
  const { rawBody } = request;
  if (rawBody && rawBody.length > maxBytes) throw bodyTooLarge(maxBytes);
  return rawBody ?? (await bytesOf(request, maxBytes));
}

/** Reads by events, which take a tenth of an async iterator's time, and drops bytes above the limit. */
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
    reject(
      new ServiceError('BODY_INCOMPLETE', 'The connection ended before the body did. Send the request again.', {
        cause,
      }),
    );
  });
  return await promise;
}

export function bodyTooLarge(maxBytes: number): ServiceError {
  return new ServiceError('BODY_TOO_LARGE', `The body exceeds the limit of ${maxBytes} bytes. Send less.`);
}

export interface JsonResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent for a response without a body. */
  readonly body?: object;
}

/** Returns the response to a request that failed, in Google's error model. */
export function errorResponse(error: ServiceError): JsonResponse {
  return { status: error.kind.http, headers: error.headers, body: error };
}

/** Answers with JSON, unless the request has been answered or its connection is closed. */
export function sendJson(request: IncomingMessage, response: ServerResponse, content: JsonResponse): void {
  if (response.destroyed || response.headersSent) return;
  // A string is sent together with the headers, in one write.
  const body = content.body && JSON.stringify(content.body);
  response.writeHead(content.status, { ...(body && jsonHeaders(body)), ...content.headers });
  response.end(body);
  // Reads and drops the rest of the body, so that a sender in the middle of it gets the answer and not a reset.
  request.resume();
}

export function jsonHeaders(body: string): Readonly<Record<string, string | number>> {
  return {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  };
}
