import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { readBytes, sendJson } from '../http/body.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { readSubmitConfig } from './config.ts';
import type { Receipt } from './pipeline.ts';

/** Gemini takes 20 MB inline; what stands around it is ours. */
const MAX_BODY_BYTES = 20_971_520;

type Submit = (body: Buffer, idempotencyKey: string | undefined) => Promise<Receipt>;

/**
 * `submitJob`, put together from its environment; what it needs is loaded behind the configuration.
 *
 * @throws {ConfigError} where the environment is not complete.
 */
export function createSubmitJob(variables: NodeJS.ProcessEnv): RequestListener {
  const config = readSubmitConfig(variables);
  const loaded = import('./runtime.ts').then(({ connectSubmit }) => connectSubmit(config));
  loaded.catch(() => {});
  return (request, response) => {
    void answer(request, response, async (body, key) => await (await loaded)(body, key));
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, submit: Submit): Promise<void> {
  try {
    if (request.method !== 'POST') throw new ServiceError('METHOD_NOT_ALLOWED', 'Jobs are submitted with POST.');
    const body = await readBody(request);
    const key = request.headers['idempotency-key'];
    sendJson(request, response, 202, {}, await submit(body, Array.isArray(key) ? key.join() : key));
  } catch (error) {
    const failure = ServiceError.of(error);
    sendJson(request, response, failure.kind.http, failure.headers, failure);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  try {
    return await readBytes(request, MAX_BODY_BYTES);
  } catch (cause) {
    if (!(cause instanceof ServiceError && cause.reason === 'BODY_TOO_LARGE')) throw cause;
    const message = 'The request is over 20 MB. Upload the prompts with the Files API and give src as files/<id>.';
    throw new ServiceError('REQUEST_TOO_LARGE', message);
  }
}
