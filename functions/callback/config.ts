import { Environment, type SecretSource } from '../platform/config.ts';

/** The settings of `geminiCallback`, read once when it starts. */
export interface CallbackConfig {
  readonly projectId: string | undefined;
  readonly database: string;
  readonly signingSecrets: SecretSource;
  readonly routeKeys: SecretSource;
  readonly jwksUrl: URL;
  readonly audience: string | undefined;
  readonly toleranceSeconds: number;
  readonly ttlDays: number;
  readonly topics: { readonly events: string; readonly deadLetter: string };
}

const TOPIC = {
  pattern: /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/,
  expected: 'the id of a topic: 3 to 255 letters, digits or -._~+%, a letter first, not beginning with goog',
};

const SIGNING_SECRET = {
  isValid: isSigningSecret,
  expected: 'one or more secrets whsec_<base64 of 24 to 64 bytes>, separated by white space or commas',
  example: 'whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=',
};

const MIN_ROUTE_KEY_LENGTH = 32;

const ROUTE_KEY = {
  isValid: (key: string) => key.length >= MIN_ROUTE_KEY_LENGTH,
  expected: `one or more keys of at least ${MIN_ROUTE_KEY_LENGTH} characters, separated by white space or commas`,
  example: 'the-output-of-openssl-rand-hex-32',
};

/** @throws {ConfigError} that names every bad variable. */
export function readCallbackConfig(variables: NodeJS.ProcessEnv): CallbackConfig {
  const environment = new Environment(variables);
  const config = {
    projectId: environment.optional('GOOGLE_CLOUD_PROJECT'),
    database: environment.text('FIRESTORE_DATABASE', '(default)', /^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$/, {
      expected: 'the id of a Firestore database',
      example: '(default)',
    }),
    signingSecrets: environment.secrets('WEBHOOK_SIGNING_SECRET', SIGNING_SECRET),
    routeKeys: environment.secrets('DYNAMIC_ROUTE_KEY', ROUTE_KEY),
    jwksUrl: environment.httpsUrl('GEMINI_JWKS_URL', 'https://generativelanguage.googleapis.com/.well-known/jwks.json'),
    audience: environment.optional('WEBHOOK_AUDIENCE'),
    toleranceSeconds: environment.integer('WEBHOOK_TOLERANCE_SECONDS', 300, { min: 0, max: 86_400, unit: 'seconds' }),
    ttlDays: environment.integer('DELIVERY_TTL_DAYS', 30, { min: 2, max: 3_650, unit: 'days' }),
    topics: {
      events: topic(environment, 'EVENTS_TOPIC', 'gemini-events'),
      deadLetter: topic(environment, 'DEAD_LETTER_TOPIC', 'gemini-dead-letter'),
    },
  };
  requireProjectWithEmulators(environment, config.projectId);
  requireSecret(environment);
  environment.requireValid();
  return config;
}

function topic(environment: Environment, name: string, fallback: string): string {
  return environment.text(name, fallback, TOPIC.pattern, { expected: TOPIC.expected, example: fallback });
}

/** In the cloud the platform tells the project; beside emulators nobody does, and the Pub/Sub client ends the process. */
function requireProjectWithEmulators(environment: Environment, projectId: string | undefined): void {
  const emulators = ['FIRESTORE_EMULATOR_HOST', 'PUBSUB_EMULATOR_HOST'].filter((name) => environment.optional(name));
  if (emulators.length > 0 && projectId === undefined) {
    environment.reject('GOOGLE_CLOUD_PROJECT', `must be set beside ${emulators.join(' and ')}`, 'demo-gemini');
  }
}

function requireSecret(environment: Environment): void {
  const names = ['WEBHOOK_SIGNING_SECRET', 'DYNAMIC_ROUTE_KEY'].flatMap((name) => [name, `${name}_FILE`]);
  if (names.some((name) => environment.optional(name))) return;
  environment.reject(
    'WEBHOOK_SIGNING_SECRET',
    `or one of ${names.slice(1).join(', ')} must be set`,
    SIGNING_SECRET.example,
  );
}

/** Standard Webhooks: padded base64 of 24 to 64 bytes. */
function isSigningSecret(secret: string): boolean {
  const [, base64 = ''] = /^whsec_((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(secret) ?? [];
  const { length } = Buffer.from(base64, 'base64');
  return length >= 24 && length <= 64;
}
