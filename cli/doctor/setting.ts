import { Environment, type SecretSource } from '../../functions/config/environment.ts';
import {
  callbackUrlSetting,
  geminiSettings,
  type GeminiSettings,
  projectSettings,
  type ProjectSettings,
  routeKeys,
  signingSecrets,
} from '../../functions/config/settings.ts';

/** What the doctor looks at: the settings of all functions together. */
export interface Installation extends ProjectSettings {
  readonly gemini: GeminiSettings;
  readonly callbackUrl: URL;
  readonly jwksUrl: URL;
  readonly signingSecrets: SecretSource;
  readonly routeKeys: SecretSource;
  /** What is wrong with those two, which keeps nothing else from being looked at. */
  readonly secretProblems: readonly string[];
  readonly toleranceSeconds: number;
  readonly emulators: { readonly firestore: boolean; readonly pubsub: boolean };
}

const JWKS_URL = 'https://generativelanguage.googleapis.com/.well-known/jwks.json';

/** @throws {ConfigError} that names every bad variable without which there is nothing to look at. */
export function readInstallation(variables: NodeJS.ProcessEnv): Installation {
  const environment = new Environment(variables);
  const secrets = new Environment(variables);
  const installation = {
    ...projectSettings(environment),
    gemini: geminiSettings(environment),
    callbackUrl: callbackUrlSetting(environment),
    jwksUrl: environment.httpsUrl('GEMINI_JWKS_URL', JWKS_URL),
    signingSecrets: signingSecrets(secrets),
    routeKeys: routeKeys(secrets),
    secretProblems: secrets.problems,
    toleranceSeconds: environment.integer('WEBHOOK_TOLERANCE_SECONDS', 300, { min: 0, max: 86_400, unit: 'seconds' }),
    emulators: {
      firestore: environment.optional('FIRESTORE_EMULATOR_HOST') !== undefined,
      pubsub: environment.optional('PUBSUB_EMULATOR_HOST') !== undefined,
    },
  };
  environment.requireValid();
  return installation;
}
