import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { sendJson } from '../http/body.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { readReconcileConfig } from './config.ts';

/**
 * Composes `reconcileJobs` from its environment. Its libraries are loaded after the configuration has been checked.
 *
 * @throws {ConfigError} that names every bad variable.
 */
export function createReconcileJobs(variables: NodeJS.ProcessEnv): RequestListener {
  const config = readReconcileConfig(variables);
  const loaded = import('./runtime.ts').then(({ connectReconciler }) => connectReconciler(config));
  loaded.catch(() => {});
  return (request, response) => {
    void answer(request, response, async () => await (await loaded)());
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, run: () => Promise<object>): Promise<void> {
  try {
    if (request.method !== 'POST') throw new ServiceError('METHOD_NOT_ALLOWED', 'Send POST to run the reconciler.');
    sendJson(request, response, 200, {}, await run());
  } catch (error) {
    const failure = ServiceError.of(error);
    sendJson(request, response, failure.kind.http, failure.headers, failure);
  }
}
