import type { IncomingMessage, RequestListener } from 'node:http';
import type { Log } from '../observability/log.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { sendJson } from './body.ts';

export interface JsonAnswer {
  readonly status: number;
  /** Absent for an answer without a body. */
  readonly body?: object;
}

/**
 * Serves POST requests: results as JSON, errors in Google's error model, and for each 5xx one log entry with its cause.
 */
export function jsonListener(handle: (request: IncomingMessage) => Promise<JsonAnswer>, log: Log): RequestListener {
  return (request, response) => {
    const respond = async () => {
      if (request.method !== 'POST') throw new ServiceError('METHOD_NOT_ALLOWED', 'Send this request with POST.');
      const { status, body } = await handle(request);
      if (body !== undefined) sendJson(request, response, status, {}, body);
      else if (!response.headersSent) response.writeHead(status).end();
    };
    void respond().catch((error: unknown) => {
      const failure = ServiceError.of(error);
      if (failure.kind.http >= 500) log.traced(request.headers).requestFailed(failure);
      sendJson(request, response, failure.kind.http, failure.headers, failure);
    });
  };
}
