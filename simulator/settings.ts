import { z } from 'zod';

const HOUR_MILLIS = 3_600_000;
const durationUpTo = (millis: number) => z.number().int().min(0).max(millis);
/** At most three decades, so that no sum of them is beyond what a date can be. */
export const duration = durationUpTo(1e12);
/** By the wall clock: as long as timers last. */
const wallDuration = durationUpTo(2 ** 31 - 1);
const rate = z.number().min(0).max(1);

const Jobs = z.strictObject({
  pendingMillis: duration.describe('Time from the creation of a job to its start.'),
  runningMillis: duration
    .nullable()
    .describe('Time from the start of a job to its end; null: it never ends by itself.'),
  batchExpiryMillis: duration.describe('A batch that is not final so long after its creation expires.'),
  failureRate: rate.describe('Share of jobs that fail.'),
  requestErrorRate: rate.describe('Share of requests of a batch that are answered with an error.'),
  inlineOrder: z
    .enum(['requests', 'changing'])
    .describe('Order of inline responses: that of the requests, or another one in each answer (python-genai#1909).'),
  omniUriOnGet: z
    .boolean()
    .describe(
      'GET of an Omni interaction shows the URI that was asked for; otherwise inline data all the same (docs/gemini-wire.md 10.3).',
    ),
  functionCalls: z
    .number()
    .int()
    .min(1)
    .describe('Calls of an interaction that requires action, of the declared functions in turn.'),
  outputDelayMillis: duration.describe('A batch names its output so long after its end (docs/gemini-wire.md 7.4).'),
  outputIn: z
    .enum(['both', 'metadata', 'response'])
    .describe(
      'Where the operation of a batch names its output: `metadata.output`, `response`, or both (docs/gemini-wire.md 7.4).',
    ),
  stateInMetadata: z
    .boolean()
    .describe('The operation of a batch has `metadata.state`; otherwise `done` alone (docs/gemini-wire.md 7.4).'),
  videoBytes: z
    .number()
    .int()
    .min(64)
    .max(2 ** 30)
    .describe('Size of a made-up video.'),
});

const Deliveries = z.strictObject({
  scheme: z
    .enum(['v1a', 'RS256', 'EdDSA'])
    .describe('Signature of dynamic deliveries: Ed25519 or a JWT (docs/gemini-wire.md 5.2, 5.3).'),
  timestamp: z
    .enum(['machine', 'clock'])
    .describe(
      'Time that is signed: of the machine, as endpoints know it, however the clock was moved; or of the clock.',
    ),
  audience: z.string().nullable().describe('`aud` of a JWT; null: the URI it is sent to.'),
  retryDelaysMillis: z.array(duration).min(1).describe('Delay of each attempt after the end of the one before it.'),
  giveUpAfterMillis: duration.describe('No attempt is made so long after the event.'),
  timeoutMillis: wallDuration.describe('Time an endpoint has to answer, by the wall clock.'),
  disableAfterGivenUp: z.number().int().min(1).describe('Deliveries given up in a row that disable a webhook.'),
  sharedId: z.boolean().describe('All deliveries of an event have the same webhook-id (docs/gemini-wire.md 4.7).'),
  userMetadata: z
    .enum([
      'user_metadata',
      'userMetadata',
      'data.user_metadata',
      'data.userMetadata',
      'metadata.user_metadata',
      'none',
    ])
    .describe('Where a delivery has the metadata of its job (docs/gemini-wire.md 4.4).'),
  dataId: z
    .enum(['full', 'bare'])
    .describe('`data.id` as a resource name, or only its last part (docs/gemini-wire.md 1.8).'),
  outputFileUri: z
    .enum(['https', 'name', 'gs', 'none'])
    .describe('Form of `data.output_file_uri` (docs/gemini-wire.md 1.7).'),
  ping: z.enum(['full', 'without_data', 'empty']).describe('Body of a ping (docs/gemini-wire.md 4.5).'),
  cancelEvents: z.boolean().describe('A cancelled job causes an event (docs/gemini-wire.md 1.5).'),
  omniEvents: z
    .enum(['interaction', 'video', 'both'])
    .describe('Events of a finished Omni interaction (docs/gemini-wire.md 10.1).'),
});

const Faults = z.strictObject({
  duplicate: rate.describe('Deliveries sent twice at the same time.'),
  reorder: rate.describe('Deliveries held back until the next one to the same URI, a minute at most.'),
  delay: rate.describe('Deliveries sent later, by `delayMillis`.'),
  delayMillis: duration,
  drop: rate.describe('Deliveries never sent.'),
  unknownType: rate.describe('Events preceded by another one of a type that nobody knows.'),
  stale: rate.describe('Attempts signed with a timestamp older by `staleMillis`.'),
  staleMillis: duration,
  unsigned: rate.describe('Attempts without a signature.'),
  wrongSignature: rate.describe('Attempts signed by a foreign key.'),
  lostAnswer: rate.describe('Attempts that reach the endpoint but whose answer is lost, so that they are repeated.'),
});

const ApiFault = z.strictObject({
  method: z.string().describe('As in the ledger, e.g. `batches.get`; `batches.*` and `*` match more than one.'),
  ranged: z.boolean().default(false).describe('Only requests with a `Range`.'),
  rate: rate.default(1).describe('Share of the matching requests.'),
  times: z.number().int().min(1).optional().describe('Ends after so many hits. Default: never.'),
  latencyMillis: wallDuration.optional().describe('Answers later, by the wall clock.'),
  status: z.number().int().min(400).max(599).optional().describe('Answers with this error and has no effect.'),
  rpcStatus: z.string().optional().describe('`status` of that error. Default: by its code.'),
  message: z.string().optional().describe('`message` of that error.'),
  reason: z.string().optional().describe('`reason` of an ErrorInfo in the `details` of that error.'),
  retryAfterSeconds: z.number().int().min(0).optional().describe('`retry-after` of that error.'),
  body: z.string().optional().describe('Answers 200 with this text and has no effect.'),
  loseAnswer: z.boolean().default(false).describe('Has its effect, then cuts the connection.'),
  cutAfterBytes: z.number().int().min(0).optional().describe('Cuts a download after so many bytes.'),
});

const Api = z.strictObject({
  key: z.string().nullable().describe('The only valid API key; null: any.'),
  endpoints: z
    .enum(['public', 'any'])
    .describe('Accepts https at public addresses and anything on loopback; or any https and http URI.'),
  faults: z.array(ApiFault).describe('The first that matches a request is applied to it.'),
});

const Files = z.strictObject({
  lifetimeMillis: duration.describe('Uploaded files and videos are gone so long after their creation.'),
  outputLifetimeMillis: duration.describe('The same for output files of batches.'),
  ranges: z.boolean().describe('Downloads honour `Range`; otherwise the whole file is sent.'),
  partBytes: z.number().int().min(1).nullable().describe('A range brings no more than so many bytes; null: all of it.'),
  contentRange: z.boolean().describe('The answer to a range says which part of the file it is.'),
  refusedTypes: z
    .array(z.string())
    .describe('Types of uploads that are refused as unsupported (docs/gemini-wire.md 7.4).'),
});

const Jwks = z.strictObject({
  keyIds: z.boolean().describe('Keys and tokens name a `kid`.'),
  available: z.boolean().describe('Otherwise 503.'),
  latencyMillis: wallDuration.describe('Time until it answers, by the wall clock.'),
});

export const SettingsSchema = z.strictObject({
  jobs: Jobs,
  deliveries: Deliveries,
  faults: Faults,
  api: Api,
  files: Files,
  jwks: Jwks,
});

/** Any part of the settings; a list replaces the one before it. */
export const SettingsPatchSchema = z.strictObject({
  jobs: Jobs.partial().optional(),
  deliveries: Deliveries.partial().optional(),
  faults: Faults.partial().optional(),
  api: Api.partial().optional(),
  files: Files.partial().optional(),
  jwks: Jwks.partial().optional(),
});

export type SettingsValues = z.output<typeof SettingsSchema>;
export type SettingsPatch = z.input<typeof SettingsPatchSchema>;
export type ApiFault = z.output<typeof ApiFault>;

export const DEFAULT_SETTINGS: SettingsValues = {
  jobs: {
    pendingMillis: 500,
    runningMillis: 1_500,
    batchExpiryMillis: 48 * HOUR_MILLIS,
    failureRate: 0,
    requestErrorRate: 0,
    inlineOrder: 'requests',
    omniUriOnGet: false,
    functionCalls: 1,
    outputDelayMillis: 0,
    outputIn: 'both',
    stateInMetadata: true,
    videoBytes: 65_536,
  },
  deliveries: {
    scheme: 'v1a',
    timestamp: 'machine',
    audience: null,
    retryDelaysMillis: [0, 5_000, 300_000, 1_800_000, 2 * HOUR_MILLIS, 5 * HOUR_MILLIS, 10 * HOUR_MILLIS],
    giveUpAfterMillis: 24 * HOUR_MILLIS,
    timeoutMillis: 10_000,
    disableAfterGivenUp: 3,
    sharedId: false,
    userMetadata: 'user_metadata',
    dataId: 'full',
    outputFileUri: 'https',
    ping: 'full',
    cancelEvents: true,
    omniEvents: 'interaction',
  },
  faults: {
    duplicate: 0,
    reorder: 0,
    delay: 0,
    delayMillis: 10_000,
    drop: 0,
    unknownType: 0,
    stale: 0,
    staleMillis: 600_000,
    unsigned: 0,
    wrongSignature: 0,
    lostAnswer: 0,
  },
  api: { key: null, endpoints: 'public', faults: [] },
  files: {
    lifetimeMillis: 48 * HOUR_MILLIS,
    outputLifetimeMillis: 42 * 24 * HOUR_MILLIS,
    ranges: true,
    partBytes: null,
    contentRange: true,
    refusedTypes: [],
  },
  jwks: { keyIds: true, available: true, latencyMillis: 0 },
};

/** The settings in force. They apply to whatever happens after a patch, to waiting deliveries too. */
export class Settings {
  #values: SettingsValues = DEFAULT_SETTINGS;

  constructor(patch: SettingsPatch = {}) {
    this.patch(patch);
  }

  get(): SettingsValues {
    return this.#values;
  }

  /** Throws a `ZodError` that names every bad value, and then changes nothing. */
  patch(patch: SettingsPatch): SettingsValues {
    const checked = SettingsPatchSchema.parse(patch);
    const groups = Object.entries(this.#values).map(([name, values]) => {
      const changes = checked[name as keyof SettingsValues];
      return [name, changes === undefined ? values : { ...values, ...changes }];
    });
    this.#values = SettingsSchema.parse(Object.fromEntries(groups));
    return this.#values;
  }
}
