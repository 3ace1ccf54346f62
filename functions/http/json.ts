import type { IncomingMessage, RequestListener } from 'node:http';
import type { Log } from '../observability/log.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { errorResponse, type JsonResponse, sendJson } from './body.ts';

/**
 * Serves POST requests: results as JSON, errors in Google's error model, and for each 5xx one log entry with its cause.
 * The reasons and their statuses: `runtime/serviceError.ts`.
 */
export function jsonListener(handle: (request: IncomingMessage) => Promise<JsonResponse>, log: Log): RequestListener {
  return (request, response) => {
    const respond = async () => {
      if (request.method !== 'POST') throw new ServiceError('METHOD_NOT_ALLOWED', 'Send this request with POST.');
      sendJson(request, response, await handle(request));
    };
    void respond().catch((error: unknown) => {
      const failure = ServiceError.of(error);
      if (failure.kind.http >= 500) log.traced(request.headers).requestFailed(failure);
      sendJson(request, response, errorResponse(failure));
    });
  };
}
