import {
  API_KEY,
  API_VERSION,
  AUDIENCE,
  BUCKET,
  DATABASE,
  EMULATOR,
  FLAG,
  type Format,
  PROJECT,
  ROUTE_KEYS,
  SIGNING_SECRETS,
  STORAGE_EMULATOR,
  TOPIC,
} from './patterns.ts';
import { type FunctionName, FUNCTIONS } from './functionNames.ts';

interface Described {
  readonly usedBy: readonly (FunctionName | 'CLI')[];
  /** A phrase for the documentation. */
  readonly meaning: string;
  readonly example: string;
}

interface TextVariable extends Described, Format {
  readonly kind: 'text';
  readonly fallback?: string;
}

interface IntegerVariable extends Described {
  readonly kind: 'integer';
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
}

/** An https URL; http on loopback only. */
interface UrlVariable extends Described {
  readonly kind: 'url';
  readonly fallback?: string;
}

/** A list of secrets, in the variable and in the file that the variable with `_FILE` names. */
interface SecretsVariable extends Described {
  readonly kind: 'secrets';
  readonly isValid: (secret: string) => boolean;
  readonly expected: string;
}

export type Variable = TextVariable | IntegerVariable | UrlVariable | SecretsVariable;

const ALL = [...FUNCTIONS, 'CLI'] as const;
const GEMINI_USERS = ['fetchResults', 'reconcileJobs', 'submitJob', 'CLI'] as const;

const seconds = (fallback: number, meaning: string) =>
  ({
    kind: 'integer',
    usedBy: ['reconcileJobs'],
    meaning,
    fallback,
    min: 0,
    max: 31_536_000,
    unit: 'seconds',
    example: String(fallback),
  }) as const;

const topic = (fallback: string, meaning: string) =>
  ({ kind: 'text', usedBy: ALL, meaning, fallback, example: fallback, ...TOPIC }) as const;

const emulator = (meaning: string, example: string) =>
  ({ kind: 'text', usedBy: ALL, meaning, example, ...EMULATOR }) as const;

/** Every environment variable of the project: the source of its validation, its defaults and its documentation. */
export const VARIABLES = {
  GOOGLE_CLOUD_PROJECT: {
    kind: 'text',
    usedBy: ALL,
    meaning: 'Project id; on Google Cloud the platform provides it.',
    example: 'my-project',
    ...PROJECT,
  },
  FIRESTORE_DATABASE: {
    kind: 'text',
    usedBy: ALL,
    meaning: 'Firestore database id.',
    fallback: '(default)',
    example: '(default)',
    ...DATABASE,
  },
  EVENTS_TOPIC: topic('gemini-events', 'Topic id for events.'),
  RESULTS_TOPIC: topic('gemini-results', 'Topic id for results.'),
  DEAD_LETTER_TOPIC: topic('gemini-dead-letter', 'Topic id for deliveries that could not be handled.'),
  WEBHOOK_SIGNING_SECRET: {
    kind: 'secrets',
    usedBy: ['geminiCallback', 'CLI'],
    meaning: 'Signing secrets of static webhooks.',
    example: 'whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=',
    ...SIGNING_SECRETS,
  },
  DYNAMIC_ROUTE_KEY: {
    kind: 'secrets',
    usedBy: ['geminiCallback', 'submitJob', 'CLI'],
    meaning: 'Keys for the callback URLs of dynamic webhooks: the first one signs, each one verifies.',
    example: 'the-output-of-openssl-rand-hex-32',
    ...ROUTE_KEYS,
  },
  GEMINI_JWKS_URL: {
    kind: 'url',
    usedBy: ['geminiCallback', 'CLI'],
    meaning: 'Public keys that sign dynamic webhooks.',
    fallback: 'https://generativelanguage.googleapis.com/.well-known/jwks.json',
    example: 'https://generativelanguage.googleapis.com/.well-known/jwks.json',
  },
  WEBHOOK_AUDIENCE: {
    kind: 'text',
    usedBy: ['geminiCallback', 'CLI'],
    meaning: '`aud` that a JWT delivery must carry; without it JWT deliveries are refused.',
    example: 'https://hooks.example.com/gemini',
    ...AUDIENCE,
  },
  WEBHOOK_TOLERANCE_SECONDS: {
    kind: 'integer',
    usedBy: ['geminiCallback', 'CLI'],
    meaning: 'Accepted distance between the time of a signature and now, both ways.',
    fallback: 300,
    min: 0,
    max: 86_400,
    unit: 'seconds',
    example: '300',
  },
  DELIVERY_TTL_DAYS: {
    kind: 'integer',
    usedBy: ['geminiCallback', 'reconcileJobs', 'CLI'],
    meaning: 'How long a delivery record is kept; at least 2 days, because Gemini retries for 24 hours.',
    fallback: 30,
    min: 2,
    max: 3_650,
    unit: 'days',
    example: '30',
  },
  RESULTS_BUCKET: {
    kind: 'text',
    usedBy: ['fetchResults', 'CLI'],
    meaning: 'Cloud Storage bucket for results that are too large for a message.',
    example: 'my-project-gemini-results',
    ...BUCKET,
  },
  CLOUD_RUN_TIMEOUT_SECONDS: {
    kind: 'integer',
    usedBy: ['fetchResults'],
    meaning: 'Request time-out of the service; on Google Cloud the platform provides it.',
    fallback: 540,
    min: 1,
    max: 3_600,
    unit: 'seconds',
    example: '540',
  },
  GEMINI_API_KEY: {
    kind: 'secrets',
    usedBy: GEMINI_USERS,
    meaning: "The Gemini SDK's API key.",
    example: 'the-key-from-aistudio.google.com',
    ...API_KEY,
  },
  GOOGLE_API_KEY: {
    kind: 'secrets',
    usedBy: GEMINI_USERS,
    meaning: "The SDK's other name of the API key; GEMINI_API_KEY wins.",
    example: 'the-key-from-aistudio.google.com',
    ...API_KEY,
  },
  GOOGLE_GEMINI_BASE_URL: {
    kind: 'url',
    usedBy: GEMINI_USERS,
    meaning: "The Gemini SDK's base URL.",
    fallback: 'https://generativelanguage.googleapis.com',
    example: 'https://generativelanguage.googleapis.com',
  },
  GOOGLE_GENAI_API_VERSION: {
    kind: 'text',
    usedBy: GEMINI_USERS,
    meaning: "Version of Gemini's API.",
    fallback: 'v1',
    example: 'v1beta',
    ...API_VERSION,
  },
  CALLBACK_URL: {
    kind: 'url',
    usedBy: ['reconcileJobs', 'submitJob', 'CLI'],
    meaning: 'Public URL of geminiCallback.',
    example: 'https://europe-west1-my-project.cloudfunctions.net/geminiCallback',
  },
  RECONCILE_PENDING_SECONDS: seconds(120, 'Age from which a pending delivery is published by the reconciler.'),
  RECONCILE_JOB_SECONDS: seconds(3_600, 'Time without an event after which the reconciler asks Gemini about a job.'),
  JOB_OVERDUE_SECONDS: seconds(86_400, 'Age from which an unfinished job is announced as overdue.'),
  RECONCILE_ENABLE_WEBHOOKS: {
    kind: 'text',
    usedBy: ['reconcileJobs'],
    meaning: 'With `true` the reconciler enables webhooks that Gemini has disabled after failed deliveries.',
    fallback: 'false',
    example: 'true',
    ...FLAG,
  },
  FIRESTORE_EMULATOR_HOST: emulator(
    'Address of a Firestore emulator; the Firestore client reads it.',
    '127.0.0.1:8080',
  ),
  PUBSUB_EMULATOR_HOST: emulator('Address of a Pub/Sub emulator; the Pub/Sub client reads it.', '127.0.0.1:8085'),
  STORAGE_EMULATOR_HOST: {
    kind: 'text',
    usedBy: ['fetchResults', 'CLI'],
    meaning: 'URL of a Cloud Storage emulator; the Cloud Storage client reads it.',
    example: 'http://127.0.0.1:9199',
    ...STORAGE_EMULATOR,
  },
} as const satisfies Readonly<Record<string, Variable>>;

export type VariableName = keyof typeof VARIABLES;
