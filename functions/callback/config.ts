import { Environment, type SecretSource } from '../config/environment.ts';
import { isGiven, projectSettings, type ProjectSettings, routeKeys, signingSecrets } from '../config/settings.ts';
import { VARIABLES } from '../config/variables.ts';

/** The settings of `geminiCallback`. */
interface CallbackConfig extends ProjectSettings {
  readonly signingSecrets: SecretSource;
  readonly routeKeys: SecretSource;
  readonly jwksUrl: URL;
  readonly audience: string | undefined;
  readonly toleranceSeconds: number;
  readonly ttlDays: number;
}

/**
 * Reads the settings from the environment.
 *
 * @throws {ConfigError} naming every bad variable.
 */
export function readCallbackConfig(variables: NodeJS.ProcessEnv): CallbackConfig {
  const environment = new Environment(variables);
  const config = {
    ...projectSettings(environment),
    signingSecrets: signingSecrets(environment),
    routeKeys: routeKeys(environment),
    jwksUrl: environment.read('GEMINI_JWKS_URL'),
    audience: environment.read('WEBHOOK_AUDIENCE'),
    toleranceSeconds: environment.read('WEBHOOK_TOLERANCE_SECONDS'),
    ttlDays: environment.read('DELIVERY_TTL_DAYS'),
  };
  requireSecret(environment);
  environment.requireValid();
  return config;
}

function requireSecret(environment: Environment): void {
  const names = ['WEBHOOK_SIGNING_SECRET', 'DYNAMIC_ROUTE_KEY'];
  if (names.some((name) => isGiven(environment, name))) return;
  const [first = '', ...others] = names.flatMap((name) => [name, `${name}_FILE`]);
  environment.reject(first, `or one of ${others.join(', ')} must be set`, VARIABLES.WEBHOOK_SIGNING_SECRET.example);
}
