import type { EventHandler } from '../http/push.ts';
import { favourMemory } from '../runtime/memory.ts';
import { readResultsConfig } from './config.ts';

/**
 * `fetchResults`, put together from its environment. What it needs is loaded behind the configuration, so that none of
 * it is loaded for the other functions.
 *
 * @throws {ConfigError} where the environment is not complete.
 */
export function createFetchResults(variables: NodeJS.ProcessEnv): EventHandler {
  const config = readResultsConfig(variables);
  favourMemory();
  const loaded = import('./runtime.ts').then(({ connectResults }) => connectResults(config));
  loaded.catch(() => {});
  return async (message) => await (await loaded)(message);
}
