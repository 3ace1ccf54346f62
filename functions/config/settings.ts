import type { Environment, SecretSource } from './environment.ts';

/** Settings that several functions read, and the command line. */

export interface ProjectSettings {
  readonly projectId: string | undefined;
  readonly database: string;
  readonly topics: { readonly events: string; readonly results: string; readonly deadLetter: string };
  /** `host:port`; the clients of Firestore and Cloud Storage read their own variables. */
  readonly pubsubEmulator: string | undefined;
}

export interface GeminiSettings {
  /** The first is used. */
  readonly apiKeys: SecretSource;
  readonly baseUrl: URL;
  /** The first part of every path there. */
  readonly apiVersion: string;
}

const TOPIC = {
  pattern: /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/,
  expected: 'the id of a topic: 3 to 255 letters, digits or -._~+%, a letter first, not beginning with goog',
};

/** Loose, since older projects have other ids; it must not lead to another place of an address. */
const PROJECT = {
  pattern: /^[\w.:-]{1,128}$/,
  expected: 'the id of a project',
};

const DATABASE = {
  pattern: /^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$/,
  expected: 'the id of a Firestore database',
};

const SIGNING_SECRET = {
  isValid: isSigningSecret,
  expected: 'one or more secrets whsec_<base64 of 24 to 64 bytes>, separated by white space or commas',
  example: 'whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=',
};

const API_KEY = {
  isValid: (key: string) => /^[!-~]{1,1024}$/.test(key),
  expected: 'an API key of Gemini',
  example: 'the-key-from-aistudio.google.com',
};

/** `beta` is the SDK's other name of `v1beta` (G 2.1). */
const API_VERSION = {
  pattern: /^(v\d\w{0,30}|beta)$/,
  expected: "a version of Gemini's API",
  example: 'v1beta',
};

const MIN_ROUTE_KEY_LENGTH = 32;

const ROUTE_KEY = {
  isValid: (key: string) => key.length >= MIN_ROUTE_KEY_LENGTH,
  expected: `one or more keys of at least ${MIN_ROUTE_KEY_LENGTH} characters, separated by white space or commas`,
  example: 'the-output-of-openssl-rand-hex-32',
};

const EMULATOR = {
  pattern: /^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/,
  expected: 'the host:port of an emulator',
  example: '127.0.0.1:8080',
};

/** Its client takes a URL as well. */
const STORAGE_EMULATOR = {
  pattern: /^(https?:\/\/)?(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}\/?$/,
  expected: 'the address of an emulator',
  example: 'http://127.0.0.1:9199',
};

/** In the cloud the platform tells the project; beside emulators nobody does, and the Pub/Sub client ends the process. */
export function projectSettings(environment: Environment): ProjectSettings {
  const projectId = projectSetting(environment);
  const emulators = ['FIRESTORE_EMULATOR_HOST', 'PUBSUB_EMULATOR_HOST'].filter((name) => environment.optional(name));
  if (emulators.length > 0 && projectId === undefined) {
    environment.reject('GOOGLE_CLOUD_PROJECT', `must be set beside ${emulators.join(' and ')}`, 'demo-gemini');
  }
  const example = '(default)';
  const database = environment.text('FIRESTORE_DATABASE', example, DATABASE.pattern, { ...DATABASE, example });
  const topics = {
    events: topicSetting(environment, 'EVENTS_TOPIC', 'gemini-events'),
    results: topicSetting(environment, 'RESULTS_TOPIC', 'gemini-results'),
    deadLetter: topicSetting(environment, 'DEAD_LETTER_TOPIC', 'gemini-dead-letter'),
  };
  for (const name of emulators) emulatorSetting(environment, name, EMULATOR);
  emulatorSetting(environment, 'STORAGE_EMULATOR_HOST', STORAGE_EMULATOR);
  return { projectId, database, topics, pubsubEmulator: environment.optional('PUBSUB_EMULATOR_HOST') };
}

function emulatorSetting(environment: Environment, name: string, format: typeof EMULATOR): void {
  if (environment.optional(name) !== undefined) environment.text(name, '', format.pattern, format);
}

function projectSetting(environment: Environment): string | undefined {
  if (environment.optional('GOOGLE_CLOUD_PROJECT') === undefined) return undefined;
  return environment.text('GOOGLE_CLOUD_PROJECT', '', PROJECT.pattern, { ...PROJECT, example: 'my-project' });
}

function topicSetting(environment: Environment, name: string, fallback: string): string {
  return environment.text(name, fallback, TOPIC.pattern, { ...TOPIC, example: fallback });
}

export function signingSecrets(environment: Environment): SecretSource {
  return environment.secrets('WEBHOOK_SIGNING_SECRET', SIGNING_SECRET);
}

export function routeKeys(environment: Environment): SecretSource {
  return environment.secrets('DYNAMIC_ROUTE_KEY', ROUTE_KEY);
}

/** Of these the first signs callback URLs; where there is none, that is a mistake. */
export function signingRouteKeys(environment: Environment): SecretSource {
  if (!['DYNAMIC_ROUTE_KEY', 'DYNAMIC_ROUTE_KEY_FILE'].some((name) => environment.optional(name))) {
    environment.reject('DYNAMIC_ROUTE_KEY', 'or DYNAMIC_ROUTE_KEY_FILE must be set', ROUTE_KEY.example);
  }
  return routeKeys(environment);
}

/** What is good at the start. */
export function firstOf({ fixed, file }: SecretSource): string {
  return fixed[0] ?? file?.first[0] ?? '';
}

/** The public URL of `geminiCallback`, whose path routes are added to. */
export function callbackUrlSetting(environment: Environment): URL {
  const example = 'https://europe-west1-my-project.cloudfunctions.net/geminiCallback';
  if (environment.optional('CALLBACK_URL') === undefined) {
    environment.reject('CALLBACK_URL', 'must be the public URL of geminiCallback', example);
  }
  const url = environment.httpsUrl('CALLBACK_URL', example);
  if (/[?#]/.test(url.href)) environment.reject('CALLBACK_URL', 'must end with its path: no ? and no #', example);
  return url;
}

/** The variables are the Gemini SDK's own; where both keys are set, ours is the one that the documentation names. */
export function geminiSettings(environment: Environment): GeminiSettings {
  const ours = ['GEMINI_API_KEY', 'GEMINI_API_KEY_FILE'].some((name) => environment.optional(name));
  const theirs = environment.optional('GOOGLE_API_KEY') !== undefined;
  if (!ours && !theirs) environment.reject('GEMINI_API_KEY', 'or GEMINI_API_KEY_FILE must be set', API_KEY.example);
  const apiKeys = environment.secrets(ours || !theirs ? 'GEMINI_API_KEY' : 'GOOGLE_API_KEY', API_KEY);
  const baseUrl = environment.httpsUrl('GOOGLE_GEMINI_BASE_URL', 'https://generativelanguage.googleapis.com');
  const apiVersion = environment.text('GOOGLE_GENAI_API_VERSION', 'v1', API_VERSION.pattern, API_VERSION);
  return { apiKeys, baseUrl, apiVersion: apiVersion === 'beta' ? 'v1beta' : apiVersion };
}

/** Standard Webhooks: padded base64 of 24 to 64 bytes. */
function isSigningSecret(secret: string): boolean {
  const [, base64 = ''] = /^whsec_((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(secret) ?? [];
  const { length } = Buffer.from(base64, 'base64');
  return length >= 24 && length <= 64;
}
