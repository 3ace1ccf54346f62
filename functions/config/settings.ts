import type { Environment, SecretSource } from './environment.ts';
import { VARIABLES } from './variables.ts';

/** Settings that several functions and the command line read. */

export interface ProjectSettings {
  readonly projectId: string | undefined;
  readonly database: string;
  readonly topics: { readonly events: string; readonly results: string; readonly deadLetter: string };
  /** `host:port`; the clients of Firestore and Cloud Storage read their variables themselves. */
  readonly pubsubEmulator: string | undefined;
}

export interface GeminiSettings {
  /** The first is used. */
  readonly apiKeys: SecretSource;
  readonly baseUrl: URL;
  /** The first part of every path of the API. */
  readonly apiVersion: string;
}

/** The platform provides the project's id; beside emulators it must be set, or the Pub/Sub client ends the process. */
export function projectSettings(environment: Environment): ProjectSettings {
  const projectId = environment.read('GOOGLE_CLOUD_PROJECT');
  const emulators = ['FIRESTORE_EMULATOR_HOST', 'PUBSUB_EMULATOR_HOST'].filter((name) => environment.optional(name));
  if (emulators.length > 0 && projectId === undefined) {
    environment.reject('GOOGLE_CLOUD_PROJECT', `must be set beside ${emulators.join(' and ')}`, 'demo-gemini');
  }
  const database = environment.read('FIRESTORE_DATABASE');
  const topics = {
    events: environment.read('EVENTS_TOPIC'),
    results: environment.read('RESULTS_TOPIC'),
    deadLetter: environment.read('DEAD_LETTER_TOPIC'),
  };
  environment.read('FIRESTORE_EMULATOR_HOST');
  const pubsubEmulator = environment.read('PUBSUB_EMULATOR_HOST');
  environment.read('STORAGE_EMULATOR_HOST');
  return { projectId, database, topics, pubsubEmulator };
}

export function signingSecrets(environment: Environment): SecretSource {
  return environment.read('WEBHOOK_SIGNING_SECRET');
}

export function routeKeys(environment: Environment): SecretSource {
  return environment.read('DYNAMIC_ROUTE_KEY');
}

/** Reads the route keys where one has to sign callback URLs: a missing key is a problem. */
export function signingRouteKeys(environment: Environment): SecretSource {
  if (!isGiven(environment, 'DYNAMIC_ROUTE_KEY')) {
    const { example } = VARIABLES.DYNAMIC_ROUTE_KEY;
    environment.reject('DYNAMIC_ROUTE_KEY', 'or DYNAMIC_ROUTE_KEY_FILE must be set', example);
  }
  return routeKeys(environment);
}

/** Returns the first secret at the start of the process. */
export function firstOf({ fixed, file }: SecretSource): string {
  return fixed[0] ?? file?.first[0] ?? '';
}

/** Reads the public URL of `geminiCallback`, to whose path routes are added: a missing URL is a problem. */
export function callbackUrlSetting(environment: Environment): URL {
  const { example } = VARIABLES.CALLBACK_URL;
  const url = environment.read('CALLBACK_URL');
  if (url === undefined) environment.reject('CALLBACK_URL', 'must be the public URL of geminiCallback', example);
  else if (/[?#]/.test(url.href)) environment.reject('CALLBACK_URL', 'must end with its path: no ? and no #', example);
  return url ?? new URL(example);
}

/** Reads the Gemini SDK's variables. Where both keys are set, the documented name wins. */
export function geminiSettings(environment: Environment): GeminiSettings {
  const isKeyGiven = isGiven(environment, 'GEMINI_API_KEY');
  const isOtherGiven = environment.optional('GOOGLE_API_KEY') !== undefined;
  if (!isKeyGiven && !isOtherGiven) {
    const { example } = VARIABLES.GEMINI_API_KEY;
    environment.reject('GEMINI_API_KEY', 'or GEMINI_API_KEY_FILE must be set', example);
  }
  const apiKeys = environment.read(isKeyGiven || !isOtherGiven ? 'GEMINI_API_KEY' : 'GOOGLE_API_KEY');
  const baseUrl = environment.read('GOOGLE_GEMINI_BASE_URL');
  const apiVersion = environment.read('GOOGLE_GENAI_API_VERSION');
  return { apiKeys, baseUrl, apiVersion: apiVersion === 'beta' ? 'v1beta' : apiVersion };
}

/** Returns `true` where a list of secrets is set in either of its variables. */
export function isGiven(environment: Environment, name: string): boolean {
  return [name, `${name}_FILE`].some((one) => environment.optional(one) !== undefined);
}
