import { Environment } from '../config/environment.ts';
import { type GeminiSettings, geminiSettings, projectSettings, type ProjectSettings } from '../config/settings.ts';

/** The settings of `fetchResults`, read once when it starts. */
export interface ResultsConfig extends ProjectSettings {
  readonly gemini: GeminiSettings;
  /** Cloud Storage bucket for results that do not fit into a message. */
  readonly bucket: string | undefined;
  /** Time for one attempt; then its progress is recorded and Pub/Sub delivers the event again. */
  readonly budgetMillis: number;
}

const GRACE_MILLIS = 30_000;

/**
 * Reads the settings from environment variables.
 *
 * @throws {ConfigError} that names every bad variable.
 */
export function readResultsConfig(variables: NodeJS.ProcessEnv): ResultsConfig {
  const environment = new Environment(variables);
  const timeoutMillis = environment.read('CLOUD_RUN_TIMEOUT_SECONDS') * 1_000;
  const config = {
    ...projectSettings(environment),
    gemini: geminiSettings(environment),
    bucket: environment.read('RESULTS_BUCKET'),
    budgetMillis: Math.max(timeoutMillis - GRACE_MILLIS, timeoutMillis * 0.8),
  };
  environment.requireValid();
  return config;
}
