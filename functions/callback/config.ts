import { Environment, type SecretSource } from '../platform/config.ts';
import { projectSettings, type ProjectSettings, routeKeys, topicSetting } from '../platform/settings.ts';

/** The settings of `geminiCallback`, read once when it starts. */
export interface CallbackConfig extends ProjectSettings {
  readonly signingSecrets: SecretSource;
  readonly routeKeys: SecretSource;
  readonly jwksUrl: URL;
  readonly audience: string | undefined;
  readonly toleranceSeconds: number;
  readonly ttlDays: number;
  readonly topics: { readonly events: string; readonly results: string; readonly deadLetter: string };
}

const SIGNING_SECRET = {
  isValid: isSigningSecret,
  expected: 'one or more secrets whsec_<base64 of 24 to 64 bytes>, separated by white space or commas',
  example: 'whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=',
};

/** @throws {ConfigError} that names every bad variable. */
export function readCallbackConfig(variables: NodeJS.ProcessEnv): CallbackConfig {
  const environment = new Environment(variables);
  const config = {
    ...projectSettings(environment),
    signingSecrets: environment.secrets('WEBHOOK_SIGNING_SECRET', SIGNING_SECRET),
    routeKeys: routeKeys(environment),
    jwksUrl: environment.httpsUrl('GEMINI_JWKS_URL', 'https://generativelanguage.googleapis.com/.well-known/jwks.json'),
    audience: environment.optional('WEBHOOK_AUDIENCE'),
    toleranceSeconds: environment.integer('WEBHOOK_TOLERANCE_SECONDS', 300, { min: 0, max: 86_400, unit: 'seconds' }),
    ttlDays: environment.integer('DELIVERY_TTL_DAYS', 30, { min: 2, max: 3_650, unit: 'days' }),
    topics: {
      events: topicSetting(environment, 'EVENTS_TOPIC'),
      results: topicSetting(environment, 'RESULTS_TOPIC'),
      deadLetter: topicSetting(environment, 'DEAD_LETTER_TOPIC'),
    },
  };
  requireSecret(environment);
  environment.requireValid();
  return config;
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
