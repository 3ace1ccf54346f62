import { Environment } from '../config/environment.ts';
import {
  callbackUrlSetting,
  type GeminiSettings,
  geminiSettings,
  projectSettings,
  type ProjectSettings,
} from '../config/settings.ts';

/** The settings of `reconcileJobs`, read once when it starts. */
export interface ReconcileConfig extends ProjectSettings {
  readonly gemini: GeminiSettings;
  readonly ttlDays: number;
  /** Age of a delivery that counts as stuck, of a job without news, and of an overdue job. */
  readonly pendingSeconds: number;
  readonly jobSeconds: number;
  readonly overdueSeconds: number;
  /** Enables webhooks again that Gemini has disabled after failed deliveries. */
  readonly enableWebhooks: boolean;
  /** URL of geminiCallback. Without it, all webhooks of the API key's project count as the installation's. */
  readonly callbackUrl: URL | undefined;
}

/**
 * Reads the settings from environment variables.
 *
 * @throws {ConfigError} that names every bad variable.
 */
export function readReconcileConfig(variables: NodeJS.ProcessEnv): ReconcileConfig {
  const environment = new Environment(variables);
  const seconds = (name: string, fallback: number) =>
    environment.integer(name, fallback, { min: 0, max: 31_536_000, unit: 'seconds' });
  const config = {
    ...projectSettings(environment),
    gemini: geminiSettings(environment),
    ttlDays: environment.integer('DELIVERY_TTL_DAYS', 30, { min: 2, max: 3_650, unit: 'days' }),
    pendingSeconds: seconds('RECONCILE_PENDING_SECONDS', 120),
    jobSeconds: seconds('RECONCILE_JOB_SECONDS', 3_600),
    overdueSeconds: seconds('JOB_OVERDUE_SECONDS', 86_400),
    enableWebhooks:
      environment.text('RECONCILE_ENABLE_WEBHOOKS', 'false', /^(true|false)$/, {
        expected: 'true or false',
        example: 'true',
      }) === 'true',
    callbackUrl: environment.optional('CALLBACK_URL') === undefined ? undefined : callbackUrlSetting(environment),
  };
  environment.requireValid();
  return config;
}
