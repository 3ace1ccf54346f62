import { z } from 'zod';
import type { JsonObject } from '../model/json.ts';
import { CallbackError, type FieldViolation } from '../platform/errors.ts';

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

const OURS = 'is set by submitJob: leave it out, and give metadata and route beside the request';

const FILE = /^files\/[\w-]+$/;

const inlineRequests = z.array(z.looseObject({ contents: z.unknown() })).min(1);

const BatchRequest = z.looseObject({
  model: z.string().min(1),
  src: z.union(
    [
      z.string().regex(FILE),
      z.strictObject({ fileName: z.string().regex(FILE) }),
      inlineRequests,
      z.strictObject({ inlinedRequests: inlineRequests }),
    ],
    { error: 'must be files/<id>, {"fileName": "files/<id>"}, or a list of requests that each have contents' },
  ),
  config: z
    .looseObject({
      webhookConfig: z.undefined({ error: OURS }).optional(),
      displayName: z.undefined({ error: 'stands beside the request: give displayName there' }).optional(),
    })
    .optional(),
  webhookConfig: z.undefined({ error: OURS }).optional(),
});

const InteractionRequest = z
  .looseObject({
    model: z.string().min(1).optional(),
    agent: z.string().min(1).optional(),
    input: z.union([z.string().min(1), z.array(z.unknown()).min(1), z.looseObject({})], {
      error: 'must be a text, a content, or a list of contents or steps',
    }),
    background: z.literal(true, { error: 'is always true here' }).optional(),
    store: z.literal(true, { error: 'must not be false: a job in the background is stored' }).optional(),
    stream: z.literal(false, { error: 'cannot be streamed: its end comes as a message' }).optional(),
    webhook_config: z.undefined({ error: OURS }).optional(),
  })
  .refine(({ model, agent }) => (model === undefined) !== (agent === undefined), {
    path: ['model'],
    error: 'either model or agent must be given, and not both',
  });

const Envelope = z.strictObject({
  kind: z.enum(['batch', 'interaction'], { error: 'must be "batch" or "interaction"' }),
  request: z.looseObject({}, { error: 'must be an object: what the Gemini SDK takes' }),
  route: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -'),
  metadata: z.record(z.string(), z.unknown()).default({}),
  displayName: z.string().min(1).max(256).optional(),
});

/**
 * Checks what was asked for, before anything is sent.
 *
 * @throws {CallbackError} `INVALID_ARGUMENT`, with a violation for each field that is wrong.
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

function invalid(violations: readonly FieldViolation[], cause?: unknown): CallbackError {
  const text = violations.map(({ field, description }) => `${field || 'the request'}: ${description}`).join('; ');
  return new CallbackError('INVALID_ARGUMENT', `The submission cannot be used. ${text}`, { violations, cause });
}
