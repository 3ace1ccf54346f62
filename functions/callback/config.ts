import { type Environment, readSettings } from '../config/environment.ts';
import { isGiven, projectSettings, routeKeys, signingSecrets } from '../config/settings.ts';
import { VARIABLES } from '../config/variables.ts';

/**
 * Reads the settings of `geminiCallback`.
 *
 * @throws {ConfigError} naming every bad variable.
 */
export function readCallbackConfig(variables: NodeJS.ProcessEnv) {
  return readSettings(variables, (environment) => {
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
    return config;
  });
}

function requireSecret(environment: Environment): void {
  const names = ['WEBHOOK_SIGNING_SECRET', 'DYNAMIC_ROUTE_KEY'];
  if (names.some((name) => isGiven(environment, name))) return;
  const [first = '', ...others] = names.flatMap((name) => [name, `${name}_FILE`]);
  environment.reject(first, `or one of ${others.join(', ')} must be set`, VARIABLES.WEBHOOK_SIGNING_SECRET.example);
}
