import { readSettings } from '../config/environment.ts';
import { callbackUrlSetting, geminiSettings, projectSettings } from '../config/settings.ts';

/** The settings of `reconcileJobs`. */
export type ReconcileConfig = ReturnType<typeof readReconcileConfig>;

/** @throws {ConfigError} naming every bad variable. */
export function readReconcileConfig(variables: NodeJS.ProcessEnv) {
  return readSettings(variables, (environment) => ({
    ...projectSettings(environment),
    gemini: geminiSettings(environment),
    ttlDays: environment.read('DELIVERY_TTL_DAYS'),
    /** Age of a delivery that counts as stuck, of a job without news, and of an overdue job. */
    pendingSeconds: environment.read('RECONCILE_PENDING_SECONDS'),
    jobSeconds: environment.read('RECONCILE_JOB_SECONDS'),
    overdueSeconds: environment.read('JOB_OVERDUE_SECONDS'),
    /** Enables webhooks again that Gemini has disabled after failed deliveries. */
    enableWebhooks: environment.read('RECONCILE_ENABLE_WEBHOOKS') === 'true',
    /** URL of geminiCallback. Without it, all webhooks of the API key's project count as the installation's. */
    callbackUrl: environment.optional('CALLBACK_URL') === undefined ? undefined : callbackUrlSetting(environment),
  }));
}
