import type { RequestListener } from 'node:http';
import { jsonListener } from '../http/json.ts';
import { Log } from '../observability/log.ts';
import { readReconcileConfig } from './config.ts';

/**
 * Composes `reconcileJobs` from the environment. Its dependencies are loaded after the configuration is read.
 *
 * @throws {ConfigError} naming every bad variable.
 */
export function createReconcileJobs(variables: NodeJS.ProcessEnv): RequestListener {
  const config = readReconcileConfig(variables);
  const log = new Log(config.projectId);
  const loaded = import('./runtime.ts').then(({ connectReconciler }) => connectReconciler(config, log));
  loaded.catch(() => {});
  return jsonListener(async () => ({ status: 200, body: await (await loaded)() }), log);
}
