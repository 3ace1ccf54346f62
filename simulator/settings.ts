import { z } from 'zod';

const HOUR_MILLIS = 3_600_000;
const durationUpTo = (millis: number) => z.number().int().min(0).max(millis);
/** At most three decades, so that sums stay valid dates. */
export const duration = durationUpTo(1e12);
/** By the wall clock, up to the longest timer. */
const wallDuration = durationUpTo(2 ** 31 - 1);
const rate = z.number().min(0).max(1);

const Jobs = z.strictObject({
  pendingMillis: duration.describe('Time from the creation of a job to its start.'),
  runningMillis: duration
    .nullable()
    .describe('Time from the start of a job to its end; null: it runs until it is finished.'),
  batchExpiryMillis: duration.describe('A batch that is not final so long after its creation expires.'),
  failureRate: rate.describe('Share of jobs that fail.'),
  requestErrorRate: rate.describe('Share of requests of a batch that are answered with an error.'),
  inlineOrder: z
    .enum(['requests', 'changing'])
    .describe('Order of inline responses: that of the requests, or another one in each answer (python-genai#1909).'),
  omniUriOnGet: z
    .boolean()
    .describe(
      'GET of an Omni interaction shows the requested URI; otherwise always inline data (docs/gemini-wire.md 10.3).',
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
    .enum(['interaction', 'video', 'both', 'none'])
    .describe(
      'Events of a finished Omni interaction (docs/gemini-wire.md 10.1); none: the job ends without a webhook.',
    ),
});

const Faults = z.strictObject({
  duplicate: rate.describe('Share of deliveries that are sent twice at the same time.'),
  reorder: rate.describe(
    'Share of deliveries that are held back until the next one to the same URI, a minute at most.',
  ),
  delay: rate.describe('Share of deliveries that are delayed by `delayMillis`.'),
  delayMillis: duration,
  drop: rate.describe('Share of deliveries that are never sent.'),
  unknownType: rate.describe('Share of events that are preceded by an event of an unknown type.'),
  stale: rate.describe('Share of attempts that are signed with a timestamp older by `staleMillis`.'),
  staleMillis: duration,
  unsigned: rate.describe('Share of attempts without a signature.'),
  wrongSignature: rate.describe('Share of attempts that are signed with a foreign key.'),
  lostAnswer: rate.describe('Share of attempts whose answer is lost, so that they are retried.'),
});

const ApiFault = z.strictObject({
  method: z.string().describe('As in the ledger, e.g. `batches.get`; `batches.*` and `*` match more than one.'),
  ranged: z.boolean().default(false).describe('Only requests with a `Range`.'),
  rate: rate.default(1).describe('Share of the matching requests.'),
  times: z.number().int().min(1).optional().describe('Ends after so many hits. Default: never.'),
  latencyMillis: wallDuration.optional().describe('Answers later, by the wall clock.'),
  status: z.number().int().min(400).max(599).optional().describe('Answers with this error, without an effect.'),
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
  v1Webhooks: z.boolean().describe('`/v1` serves webhooks; otherwise only `/v1beta` does (docs/gemini-wire.md 1.3).'),
  eventTypes: z.array(z.string()).min(1).describe('Types that a webhook can subscribe to (docs/gemini-wire.md 1.5).'),
  faults: z.array(ApiFault).describe('The first that matches a request is applied to it.'),
});

const Files = z.strictObject({
  lifetimeMillis: duration.describe('Uploaded files and videos expire so long after their creation.'),
  outputLifetimeMillis: duration.describe('The same for output files of batches.'),
  ranges: z.boolean().describe('Downloads honour `Range`; otherwise the whole file is sent.'),
  partBytes: z.number().int().min(1).nullable().describe('Largest answer to a range request in bytes; null: no limit.'),
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

/** Any part of the settings. A list replaces the previous one. */
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
  api: {
    key: null,
    endpoints: 'public',
    v1Webhooks: true,
    eventTypes: [
      'batch.succeeded',
      'batch.failed',
      'batch.expired',
      'interaction.completed',
      'interaction.failed',
      'interaction.requires_action',
      'video.generated',
    ],
    faults: [],
  },
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

/** The current settings. A patch applies to all later work, waiting deliveries included. */
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
