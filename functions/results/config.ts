import { readSettings } from '../config/environment.ts';
import { geminiSettings, projectSettings } from '../config/settings.ts';

/** The settings of `fetchResults`. */
export type ResultsConfig = ReturnType<typeof readResultsConfig>;

const GRACE_MILLIS = 30_000;

/** @throws {ConfigError} naming every bad variable. */
export function readResultsConfig(variables: NodeJS.ProcessEnv) {
  return readSettings(variables, (environment) => {
    const timeoutMillis = environment.read('CLOUD_RUN_TIMEOUT_SECONDS') * 1_000;
    return {
      ...projectSettings(environment),
      gemini: geminiSettings(environment),
      /** Cloud Storage bucket for results that do not fit into a message. */
      bucket: environment.read('RESULTS_BUCKET'),
      /** Time for one attempt; then its progress is recorded and Pub/Sub delivers the event again. */
      budgetMillis: Math.max(timeoutMillis - GRACE_MILLIS, timeoutMillis * 0.8),
    };
  });
}
