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

/** The platform's longest time-out of a function for events. */
const DEFAULT_TIMEOUT_SECONDS = 540;
const GRACE_MILLIS = 30_000;

/**
 * Reads the settings from environment variables.
 *
 * @throws {ConfigError} that names every bad variable.
 */
export function readResultsConfig(variables: NodeJS.ProcessEnv): ResultsConfig {
  const environment = new Environment(variables);
  const limits = { min: 1, max: 3_600, unit: 'seconds' };
  const timeoutMillis = environment.integer('CLOUD_RUN_TIMEOUT_SECONDS', DEFAULT_TIMEOUT_SECONDS, limits) * 1_000;
  const config = {
    ...projectSettings(environment),
    gemini: geminiSettings(environment),
    bucket: bucketSetting(environment),
    budgetMillis: Math.max(timeoutMillis - GRACE_MILLIS, timeoutMillis * 0.8),
  };
  environment.requireValid();
  return config;
}

function bucketSetting(environment: Environment): string | undefined {
  if (environment.optional('RESULTS_BUCKET') === undefined) return undefined;
  return environment.text('RESULTS_BUCKET', '', /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, {
    expected: 'the name of a bucket, without gs://',
    example: 'my-project-gemini-results',
  });
}
