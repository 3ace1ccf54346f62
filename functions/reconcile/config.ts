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
  const config = {
    ...projectSettings(environment),
    gemini: geminiSettings(environment),
    ttlDays: environment.read('DELIVERY_TTL_DAYS'),
    pendingSeconds: environment.read('RECONCILE_PENDING_SECONDS'),
    jobSeconds: environment.read('RECONCILE_JOB_SECONDS'),
    overdueSeconds: environment.read('JOB_OVERDUE_SECONDS'),
    enableWebhooks: environment.read('RECONCILE_ENABLE_WEBHOOKS') === 'true',
    callbackUrl: environment.optional('CALLBACK_URL') === undefined ? undefined : callbackUrlSetting(environment),
  };
  environment.requireValid();
  return config;
}
