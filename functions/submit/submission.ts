import { z } from 'zod';
import { MAX_METADATA_BYTES } from '../model/job.ts';
import { fitsFirestore, type JsonObject } from '../model/json.ts';
import { ServiceError, type FieldViolation } from '../runtime/serviceError.ts';

/** A long job that somebody wants started, checked. */
export interface Submission {
  readonly kind: 'batch' | 'interaction';
  /** What Gemini's SDK takes. */
  readonly request: JsonObject;
  /** The caller's name for a pipeline. */
  readonly route: string;
  readonly metadata: JsonObject;
  readonly displayName?: string | undefined;
}

const ours = z
  .undefined({ error: 'is set by submitJob: leave it out, and give metadata and route beside the request' })
  .optional();

/** Both spellings are Gemini's (G 7.1), so the caller may mean either wherever it stands. */
const NO_WEBHOOK = { webhookConfig: ours, webhook_config: ours };

const FILE = /^files\/[\w-]+$/;

/** It becomes a part of an address. */
const MODEL = /^(?:(?:models|tunedModels)\/)?[A-Za-z0-9](?:[\w-]|\.(?!\.))*$/;

const content = z.union([z.string().min(1), z.looseObject({})]);

const inlineRequests = z.array(z.looseObject({ contents: z.union([content, z.array(content).min(1)]) })).min(1);

/** All that the SDK's config can say is set here, or is for another platform. */
const BatchConfig = z.strictObject({
  ...NO_WEBHOOK,
  displayName: z.undefined({ error: 'stands beside the request: give displayName there' }).optional(),
});

const BatchRequest = z.strictObject({
  model: z.string().regex(MODEL, 'must be the name of a model, for example gemini-3.8-flash'),
  src: z.union(
    [
      z.string().regex(FILE),
      z.strictObject({ fileName: z.string().regex(FILE) }),
      inlineRequests,
      z.strictObject({ inlinedRequests: inlineRequests }),
    ],
    { error: 'must be files/<id>, {"fileName": "files/<id>"}, or a list of requests that each have contents' },
  ),
  config: BatchConfig.optional(),
  ...NO_WEBHOOK,
});

const label = z.string().regex(/^[a-z0-9_-]{1,63}$/, 'must be 1 to 63 of a-z 0-9 _ -');

const InteractionRequest = z
  .looseObject({
    model: z.string().min(1).optional(),
    agent: z.string().min(1).optional(),
    input: z.union([z.string().min(1), z.array(z.unknown()).min(1), z.looseObject({})], {
      error: 'must be a text, a content, or a list of contents or steps',
    }),
    previous_interaction_id: z.string().min(1).optional(),
    labels: z
      .record(label, label, { error: 'must be an object of texts, keys and values of 1 to 63 of a-z 0-9 _ -' })
      .refine((labels) => !('submission_id' in labels), 'must not hold submission_id, which is set by submitJob')
      .optional(),
    api_version: z
      .string()
      .regex(/^v\d+\w*$/, 'must be a version, for example v1beta')
      .optional(),
    background: z.literal(true, { error: 'is always true here' }).optional(),
    store: z.literal(true, { error: 'must not be false: a job in the background is stored' }).optional(),
    stream: z.literal(false, { error: 'cannot be streamed: its end comes as a message' }).optional(),
    automatic_continuation: z.literal(true, { error: 'cannot be false for a job in the background' }).optional(),
    ...NO_WEBHOOK,
  })
  .refine(({ model, agent }) => (model === undefined) !== (agent === undefined), {
    path: ['model'],
    error: 'either model or agent must be given, and not both',
  });

const metadata = z
  .record(z.string(), z.unknown(), { error: 'must be an object' })
  .refine(
    (fields) => fitsFirestore(fields, MAX_METADATA_BYTES),
    `must fit into a record of Firestore: no array inside an array, no name that is empty or of the form __x__, ` +
      `no whole number beyond 2^53, and ${MAX_METADATA_BYTES / 1_024} KiB at most`,
  )
  .refine(
    (fields) => !('submission_id' in fields || 'root' in fields),
    'must not hold submission_id or root, which are set by submitJob',
  );

const Envelope = z.strictObject({
  kind: z.enum(['batch', 'interaction'], { error: 'must be "batch" or "interaction"' }),
  request: z.looseObject({}, { error: 'must be an object: what the Gemini SDK takes' }),
  route: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -'),
  metadata: metadata.default({}),
  displayName: z.string().min(1).max(256).optional(),
  ...NO_WEBHOOK,
});

/**
 * Checks what was asked for, before anything is sent.
 *
 * @throws {ServiceError} `INVALID_ARGUMENT`, with a violation for each field that is wrong.
 */
export function parseSubmission(body: Buffer): Submission {
  const envelope = checked(Envelope, parseJson(body), '');
  if (envelope.kind === 'batch') checked(BatchRequest, envelope.request, 'request');
  else checked(InteractionRequest, envelope.request, 'request');
  return envelope;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw invalid([{ field: '', description: 'the body must be a JSON object' }], cause);
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown, prefix: string): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  throw invalid(
    error.issues.map(({ path, message }) => ({
      field: [prefix, ...path.map(String)].filter((part) => part !== '').join('.'),
      description: message,
    })),
  );
}

function invalid(violations: readonly FieldViolation[], cause?: unknown): ServiceError {
  const text = violations.map(({ field, description }) => `${field || 'the request'}: ${description}`).join('; ');
  return new ServiceError('INVALID_ARGUMENT', `The submission cannot be used. ${text}`, { violations, cause });
}
