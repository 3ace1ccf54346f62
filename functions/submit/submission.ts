import { z } from 'zod';
import { MAX_METADATA_BYTES } from '../model/job.ts';
import { fitsFirestore } from '../model/firestoreLimits.ts';
import { isJsonObject, type JsonObject } from '../model/json.ts';
import { isRoute } from '../model/route.ts';
import { type FieldViolation, ServiceError } from '../runtime/serviceError.ts';
import { batchRequestFor } from './batchRequest.ts';
import { holdsAllNumbers, type ParsedRequest, parseRequest } from './exactRequest.ts';
import { InteractionRequest } from './interactionRequest.ts';
import { NO_WEBHOOK } from './noWebhook.ts';

/** A checked request for a long job. */
export interface Submission {
  readonly kind: 'batch' | 'interaction';
  /** The parameters of the Gemini SDK's call. Numbers that JavaScript would round are `JSON.rawJSON` values. */
  readonly request: JsonObject;
  /** The caller's name for a pipeline. */
  readonly route: string;
  readonly metadata: JsonObject;
  readonly displayName?: string | undefined;
}

const metadata = z
  .record(z.string(), z.unknown(), { error: 'must be an object' })
  .refine(
    (fields) => fitsFirestore(fields, MAX_METADATA_BYTES),
    `must fit into a Firestore record: no array inside an array, no name that is empty or of the form __x__, ` +
      `no whole number beyond 2^53, and ${MAX_METADATA_BYTES / 1_024} KiB at most`,
  )
  .refine(
    (fields) => !('submission_id' in fields || 'root' in fields),
    'must not hold submission_id or root, which submitJob sets',
  );

const Envelope = z.strictObject({
  kind: z.enum(['batch', 'interaction'], { error: 'must be "batch" or "interaction"' }),
  request: z.looseObject({}, { error: 'must be an object: the parameters of the Gemini SDK' }),
  route: z.string({ error: 'must be given' }).refine(isRoute, 'must be 1 to 64 of A-Z a-z 0-9 _ -'),
  metadata: metadata.default({}),
  displayName: z.string().min(1).max(256).optional(),
  ...NO_WEBHOOK,
});

/**
 * Checks a request before anything is sent. A field that Gemini's API does not know is refused, so that no part of a paid
 * job is dropped.
 *
 * @throws {ServiceError} `INVALID_ARGUMENT`, with a violation for each wrong field.
 */
export function parseSubmission(body: Buffer): Submission {
  const { plain, exact } = parse(body);
  const envelope = checked(Envelope, plain, []);
  const schema: z.ZodType = envelope.kind === 'batch' ? batchRequestFor(envelope.request) : InteractionRequest;
  checked(schema, envelope.request, ['request']);
  const { request, metadata: given } = isJsonObject(exact) ? exact : {};
  if (!holdsAllNumbers(given))
    throw invalid([{ field: 'metadata', description: 'must not hold a number of more digits than a double' }]);
  return { ...envelope, request: isJsonObject(request) ? request : envelope.request };
}

function parse(body: Buffer): ParsedRequest {
  try {
    return parseRequest(body);
  } catch (cause) {
    const description = cause instanceof RangeError ? cause.message : 'must be a JSON object';
    throw invalid([{ field: '', description }], cause);
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown, prefix: readonly string[]): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  throw invalid(error.issues.flatMap((issue) => violationsOf(issue, prefix)));
}

/** One violation for each unknown field, at the field's path. */
function violationsOf(issue: z.core.$ZodIssue, prefix: readonly string[]): readonly FieldViolation[] {
  const path = [...prefix, ...issue.path.map(String)];
  if (issue.code !== 'unrecognized_keys') return [{ field: path.join('.'), description: issue.message }];
  const description = 'is not a field here: Gemini would not receive it. Check its spelling, or leave it out';
  return issue.keys.map((key) => ({ field: [...path, key].join('.'), description }));
}

function invalid(violations: readonly FieldViolation[], cause?: unknown): ServiceError {
  const text = violations.map(({ field, description }) => `${field || 'the request'}: ${description}`).join('; ');
  return new ServiceError('INVALID_ARGUMENT', `The submission is not valid. ${text}`, { violations, cause });
}
