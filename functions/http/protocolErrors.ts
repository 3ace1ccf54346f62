import http, { type RequestListener, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { ServiceError } from '../runtime/serviceError.ts';
import { jsonHeaders } from './body.ts';

/**
 * Replaces Node's built-in error responses, which are not JSON or missing, with JSON errors. They quote nothing of the
 * request. An unknown expectation may be ignored (RFC 9110, section 10.1.1).
 */
export function answerProtocolErrors(server: Server, listener: RequestListener): void {
  server.on('checkExpectation', listener);
  server.on('connect', (_request, socket) => {
    refuse(socket, new ServiceError('METHOD_NOT_ALLOWED', 'This server is not a proxy. Send a POST request.'));
  });
  server.on('clientError', (_error, socket) => {
    const message = 'The request is not valid HTTP/1.1 with at most 16 KiB of headers. Send a well-formed request.';
    refuse(socket, new ServiceError('INVALID_HEADER', message));
  });
}

/** Answers on a connection for which Node has no response object, and closes it. */
function refuse(socket: Duplex, error: ServiceError): void {
  if (!socket.writable) return;
  const body = JSON.stringify(error);
  const { http: status } = error.kind;
  const headers = { ...jsonHeaders(body), connection: 'close', ...error.headers };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const answer = `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
  // Node no longer handles errors of this connection; without a listener one would end the process.
  socket.on('error', () => {});
  socket.end(answer, () => socket.destroy());
}
