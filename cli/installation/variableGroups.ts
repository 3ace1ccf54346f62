import { FUNCTIONS, type FunctionName } from '../../functions/config/functionNames.ts';
import { VARIABLES } from '../../functions/config/variables.ts';

/** Groups of the variables of an installation, as commands need them. */

export const STORE = ['GOOGLE_CLOUD_PROJECT', 'FIRESTORE_DATABASE', 'FIRESTORE_EMULATOR_HOST'] as const;

export const MESSAGING = [
  'GOOGLE_CLOUD_PROJECT',
  'EVENTS_TOPIC',
  'RESULTS_TOPIC',
  'DEAD_LETTER_TOPIC',
  'PUBSUB_EMULATOR_HOST',
] as const;

export const GEMINI = ['GEMINI_API_KEY', 'GOOGLE_GEMINI_BASE_URL', 'GOOGLE_GENAI_API_VERSION'] as const;

export const RECONCILE = [
  'RECONCILE_PENDING_SECONDS',
  'RECONCILE_JOB_SECONDS',
  'JOB_OVERDUE_SECONDS',
  'RECONCILE_ENABLE_WEBHOOKS',
] as const;

const CALLBACK = ['GEMINI_JWKS_URL', 'WEBHOOK_AUDIENCE', 'WEBHOOK_TOLERANCE_SECONDS', 'DELIVERY_TTL_DAYS'] as const;

const OTHERS = ['CALLBACK_URL', 'WEBHOOK_SIGNING_SECRET', 'DYNAMIC_ROUTE_KEY', 'RESULTS_BUCKET'] as const;

export const INSTALLATION_VARIABLES = [
  ...new Set([...STORE, ...MESSAGING, ...GEMINI, ...OTHERS, ...CALLBACK, ...RECONCILE] as const),
] as const;

export type InstallationVariable = (typeof INSTALLATION_VARIABLES)[number];

/** Returns true for a variable whose value is never printed, and which can also be a file, `NAME_FILE`. */
export function isSecret(name: InstallationVariable): boolean {
  return VARIABLES[name].kind === 'secrets';
}

/** Returns the function whose service a variable is read from. `CALLBACK_URL` is geminiCallback's own URL. */
export function functionOf(name: InstallationVariable): FunctionName {
  const users: readonly string[] = VARIABLES[name].usedBy;
  return (name !== 'CALLBACK_URL' && FUNCTIONS.find((each) => users.includes(each))) || 'geminiCallback';
}
