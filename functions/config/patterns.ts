/** The form of a value, in words that follow "must be", with a test of it. */
export interface Format {
  readonly pattern: RegExp;
  readonly expected: string;
}

/** Loose, because older projects have other ids; it cannot lead to another path of a URL. */
export const PROJECT = { pattern: /^[\w.:-]{1,128}$/, expected: 'the id of a project' };

export const DATABASE = {
  pattern: /^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$/,
  expected: 'the id of a Firestore database',
};

export const TOPIC = {
  pattern: /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/,
  expected: 'the id of a topic: 3 to 255 letters, digits or -._~+%, a letter first, not starting with goog',
};

export const BUCKET = {
  pattern: /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/,
  expected: 'the name of a bucket, without gs://',
};

export const AUDIENCE = { pattern: /^\S+$/, expected: 'the `aud` of JWT deliveries, without white space' };

/** `beta` is the SDK's other name of `v1beta` (docs/gemini-wire.md 2.1). */
export const API_VERSION = { pattern: /^(v\d\w{0,30}|beta)$/, expected: "a version of Gemini's API" };

export const FLAG = { pattern: /^(true|false)$/, expected: 'true or false' };

export const EMULATOR = {
  pattern: /^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/,
  expected: 'the host:port of an emulator',
};

/** The client of Cloud Storage accepts a URL as well. */
export const STORAGE_EMULATOR = {
  pattern: /^(https?:\/\/)?(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}\/?$/,
  expected: 'the address of an emulator',
};

const MIN_ROUTE_KEY_LENGTH = 32;

export const ROUTE_KEYS = {
  isValid: (key: string) => key.length >= MIN_ROUTE_KEY_LENGTH,
  expected: `one or more keys of at least ${MIN_ROUTE_KEY_LENGTH} characters, separated by white space or commas`,
};

export const API_KEY = {
  isValid: (key: string) => /^[!-~]{1,1024}$/.test(key),
  expected: 'an API key of Gemini',
};

export const SIGNING_SECRETS = {
  isValid: isSigningSecret,
  expected: 'one or more secrets whsec_<base64 of 24 to 64 bytes>, separated by white space or commas',
};

/** Standard Webhooks: padded base64 of 24 to 64 bytes. */
function isSigningSecret(secret: string): boolean {
  const [, base64 = ''] = /^whsec_((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(secret) ?? [];
  const { length } = Buffer.from(base64, 'base64');
  return length >= 24 && length <= 64;
}
