import type { IncomingMessage, RequestListener } from 'node:http';
import { readBytes } from '../http/body.ts';
import { jsonListener } from '../http/json.ts';
import { Log } from '../observability/log.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { readSubmitConfig } from './config.ts';

/** Gemini's limit for inline requests, 20 MB, and the fields around them. */
const MAX_BODY_BYTES = 20_971_520;

/**
 * Composes `submitJob` from the environment. Its dependencies are loaded after the configuration is read.
 *
 * @throws {ConfigError} naming every bad variable.
 */
export function createSubmitJob(variables: NodeJS.ProcessEnv): RequestListener {
  const config = readSubmitConfig(variables);
  const log = new Log(config.projectId);
  const loaded = import('./runtime.ts').then(({ connectSubmit }) => connectSubmit(config, log));
  loaded.catch(() => {});
  return jsonListener(async (request) => {
    const body = await readBody(request);
    const key = request.headers['idempotency-key'];
    const submit = await loaded;
    return { status: 202, body: await submit(body, Array.isArray(key) ? key.join() : key) };
  }, log);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  try {
    return await readBytes(request, MAX_BODY_BYTES);
  } catch (cause) {
    if (!(cause instanceof ServiceError && cause.reason === 'BODY_TOO_LARGE')) throw cause;
    const message = 'The request exceeds 20 MB. Upload the prompts with the Files API, and set src to files/<id>.';
    throw new ServiceError('REQUEST_TOO_LARGE', message);
  }
}
