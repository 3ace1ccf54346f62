import type { EventHandler } from '../http/push.ts';
import { readResultsConfig } from './config.ts';

/**
 * Composes `fetchResults` from its environment. Its libraries are loaded after the configuration has been checked, and
 * not at all for the other functions.
 *
 * @throws {ConfigError} that names every bad variable.
 */
export function createFetchResults(variables: NodeJS.ProcessEnv): EventHandler {
  const config = readResultsConfig(variables);
  const loaded = import('./runtime.ts').then(({ connectResults }) => connectResults(config));
  loaded.catch(() => {});
  return async (message) => await (await loaded)(message);
}
