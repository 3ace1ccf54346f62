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

export const VARIABLES = [
  ...new Set([...STORE, ...MESSAGING, ...GEMINI, ...OTHERS, ...CALLBACK, ...RECONCILE] as const),
] as const;

export type Variable = (typeof VARIABLES)[number];

/** Variables whose values are never printed; each may also be given as a file, `NAME_FILE`. */
const SECRETS: ReadonlySet<string> = new Set(['GEMINI_API_KEY', 'WEBHOOK_SIGNING_SECRET', 'DYNAMIC_ROUTE_KEY']);

export function isSecret(name: string): boolean {
  return SECRETS.has(name);
}

/** The deployed functions, by the names of their Cloud Run services without the installation's prefix. */
const SERVICES = ['gemini-callback', 'fetch-results', 'reconcile-jobs', 'submit-job'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** The service that a variable is read from: the first function that uses it. */
export function serviceOf(name: Variable): ServiceName {
  if ((RECONCILE as readonly string[]).includes(name)) return 'reconcile-jobs';
  if ((GEMINI as readonly string[]).includes(name) || name === 'RESULTS_BUCKET') return 'fetch-results';
  return 'gemini-callback';
}
