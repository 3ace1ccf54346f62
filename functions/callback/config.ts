import { Environment, type SecretSource } from '../config/environment.ts';
import { projectSettings, type ProjectSettings, routeKeys, signingSecrets } from '../config/settings.ts';

/** The settings of `geminiCallback`, read once when it starts. */
export interface CallbackConfig extends ProjectSettings {
  readonly signingSecrets: SecretSource;
  readonly routeKeys: SecretSource;
  readonly jwksUrl: URL;
  readonly audience: string | undefined;
  readonly toleranceSeconds: number;
  readonly ttlDays: number;
}

/** @throws {ConfigError} that names every bad variable. */
export function readCallbackConfig(variables: NodeJS.ProcessEnv): CallbackConfig {
  const environment = new Environment(variables);
  const config = {
    ...projectSettings(environment),
    signingSecrets: signingSecrets(environment),
    routeKeys: routeKeys(environment),
    jwksUrl: environment.httpsUrl('GEMINI_JWKS_URL', 'https://generativelanguage.googleapis.com/.well-known/jwks.json'),
    audience: audienceSetting(environment),
    toleranceSeconds: environment.integer('WEBHOOK_TOLERANCE_SECONDS', 300, { min: 0, max: 86_400, unit: 'seconds' }),
    ttlDays: environment.integer('DELIVERY_TTL_DAYS', 30, { min: 2, max: 3_650, unit: 'days' }),
  };
  requireSecret(environment);
  environment.requireValid();
  return config;
}

function audienceSetting(environment: Environment): string | undefined {
  if (environment.optional('WEBHOOK_AUDIENCE') === undefined) return undefined;
  return environment.text('WEBHOOK_AUDIENCE', '', /^\S+$/, {
    expected: 'the `aud` of JWT deliveries, without white space',
    example: 'https://hooks.example.com/gemini',
  });
}

function requireSecret(environment: Environment): void {
  const names = ['WEBHOOK_SIGNING_SECRET', 'DYNAMIC_ROUTE_KEY'].flatMap((name) => [name, `${name}_FILE`]);
  if (names.some((name) => environment.optional(name))) return;
  environment.reject(
    'WEBHOOK_SIGNING_SECRET',
    `or one of ${names.slice(1).join(', ')} must be set`,
    'whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=',
  );
}
