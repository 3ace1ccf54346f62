import { createHash, randomUUID } from 'node:crypto';
import { GeminiError } from '../gemini/errors.ts';
import { Deadline } from '../platform/deadline.ts';
import { CallbackError } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';
import type { SubmissionClaim, SubmissionKey, SubmittedJob } from '../store/submissions.ts';
import { type Order, userMetadataOf } from './starter.ts';
import { parseSubmission, type Submission } from './submission.ts';

interface SubmissionStore {
  claim(key: SubmissionKey, deadline: Deadline): Promise<SubmissionClaim>;
  forget(submissionId: string, deadline: Deadline): Promise<void>;
  leaveOff(submissionId: string, deadline: Deadline): Promise<void>;
  settle(submissionId: string, job: SubmittedJob, now: Date, deadline: Deadline): Promise<void>;
  findJob(submissionId: string, deadline: Deadline): Promise<string | undefined>;
  rootOf(jobId: string, deadline: Deadline): Promise<string>;
}

interface JobStarter {
  start(order: Order): Promise<string>;
  find(order: Order, startedAt: Date, now: Date): Promise<string | undefined>;
}

export interface Dependencies {
  readonly submissions: SubmissionStore;
  readonly starter: JobStarter;
  /** The callback's URL on a route. */
  readonly urlOf: (route: string) => string;
  readonly log: Log;
  readonly now: () => Date;
}

/** What a caller is told, the same however often it asks under one key. */
export interface Receipt {
  readonly jobId: string;
  readonly kind: Submission['kind'];
  readonly state: 'submitted';
  readonly route: string;
  readonly submissionId: string;
}

const STORE_MILLIS = 5_000;
const MAX_KEY_LENGTH = 255;

/**
 * Starts a job once: record → ask Gemini → record the job → answer. Whatever ends between two of these, the same key
 * brings the same job.
 *
 * @throws {CallbackError}
 */
export async function submitJob(
  body: Buffer,
  idempotencyKey: string | undefined,
  dependencies: Dependencies,
): Promise<Receipt> {
  const { submissions, urlOf } = dependencies;
  const submission = parseSubmission(body);
  const submissionId = submissionIdOf(idempotencyKey);
  const root = await rootOf(submission, submissions);
  const order = { submission, submissionId, url: urlOf(submission.route), root };
  const claimed = await submissions.claim({ submissionId, fingerprint: digestOf(canonical(submission)) }, forStore());
  switch (claimed.status) {
    case 'new':
      return await begin(order, dependencies);
    case 'done':
      return receiptOf(order, claimed.jobId);
    case 'unknown':
      return await findOut(order, claimed.startedAt, dependencies);
    case 'busy':
      throw new CallbackError('SUBMISSION_IN_PROGRESS', 'A request under this Idempotency-Key is being handled.');
    case 'conflict':
      throw new CallbackError(
        'IDEMPOTENCY_KEY_REUSED',
        'This Idempotency-Key was used for another request within 24 hours. Take a new one for a new job.',
      );
  }
}

/** An interaction that answers another's function calls has an id of its own; the first of them is kept with each. */
async function rootOf({ kind, request }: Submission, submissions: SubmissionStore): Promise<string | undefined> {
  const previous = kind === 'interaction' ? request['previous_interaction_id'] : undefined;
  return typeof previous === 'string' ? await submissions.rootOf(`interactions/${previous}`, forStore()) : undefined;
}

async function begin(order: Order, dependencies: Dependencies): Promise<Receipt> {
  const { starter, submissions, log } = dependencies;
  try {
    return await settle(order, await starter.start(order), dependencies);
  } catch (error) {
    if (!(error instanceof GeminiError)) throw error;
    log.submissionFailed(order.submissionId, error);
    // An answer below 500 says that nothing was started; anything else says nothing.
    const isRefusal = error.httpStatus !== undefined && error.httpStatus < 500 && error.httpStatus !== 408;
    if (isRefusal) await submissions.forget(order.submissionId, forStore());
    else await submissions.leaveOff(order.submissionId, forStore());
    throw refusalOf(error);
  }
}

/** Somebody asked Gemini under this key, and the answer is lost. Nothing is sent again before that is cleared up. */
async function findOut(order: Order, startedAt: Date, dependencies: Dependencies): Promise<Receipt> {
  const { starter, submissions, now, log } = dependencies;
  try {
    const found =
      (await submissions.findJob(order.submissionId, forStore())) ?? (await starter.find(order, startedAt, now()));
    if (found === undefined) return await begin(order, dependencies);
    if (found !== 'unknown') return await settle(order, found, dependencies);
  } catch (error) {
    if (!(error instanceof GeminiError)) throw error;
    log.submissionFailed(order.submissionId, error);
  }
  await submissions.leaveOff(order.submissionId, forStore());
  throw new CallbackError(
    'SUBMISSION_UNKNOWN',
    'Gemini was asked to start this job, and its answer was lost. Ask again under the same Idempotency-Key: the job is ' +
      'found by its name, or by its callback. A new key would start another.',
  );
}

async function settle(order: Order, jobId: string, { submissions, log, now }: Dependencies): Promise<Receipt> {
  const { submission, submissionId } = order;
  const { kind, route } = submission;
  const job = { jobId, kind, route, root: order.root, metadata: userMetadataOf(order) };
  await submissions.settle(submissionId, job, now(), forStore());
  log.jobSubmitted(submissionId, jobId, route);
  return receiptOf(order, jobId);
}

function receiptOf({ submission: { kind, route }, submissionId }: Order, jobId: string): Receipt {
  return { jobId, kind, state: 'submitted', route, submissionId };
}

/** Made of the key, so that it is the same on every instance; it is fit for a label. */
function submissionIdOf(idempotencyKey: string | undefined): string {
  if (idempotencyKey === undefined) return `sub_${randomUUID().replaceAll('-', '')}`;
  if (idempotencyKey.length > 0 && idempotencyKey.length <= MAX_KEY_LENGTH) {
    return `sub_${digestOf(idempotencyKey).slice(0, 32)}`;
  }
  const description = `must be 1 to ${MAX_KEY_LENGTH} characters`;
  const violations = [{ field: 'Idempotency-Key', description }];
  throw new CallbackError('INVALID_ARGUMENT', `The header Idempotency-Key ${description}.`, { violations });
}

function refusalOf(error: GeminiError): CallbackError {
  const { httpStatus, message, retryAfterSeconds } = error;
  if (error.isKeyRefused)
    return new CallbackError('GEMINI_UNAVAILABLE', 'Gemini refuses the API key of submitJob.', { cause: error });
  if (httpStatus === 429) {
    const options = { cause: error, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) };
    return new CallbackError('RATE_LIMITED', `Gemini takes no more at the moment: ${message}`, options);
  }
  if (httpStatus !== undefined && httpStatus < 500)
    return new CallbackError('GEMINI_REFUSED', `Gemini refuses the job: ${message}`, { cause: error });
  return new CallbackError(
    'GEMINI_UNAVAILABLE',
    'Gemini did not say whether it started the job. Ask again under the same Idempotency-Key; it is not started twice.',
    { cause: error },
  );
}

/** The same for the same request, however its fields are ordered. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function forStore(): Deadline {
  return Deadline.inMillis(STORE_MILLIS);
}
