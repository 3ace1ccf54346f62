import { createHash, randomUUID } from 'node:crypto';
import { GeminiError } from '../gemini/errors.ts';
import { Deadline } from '../runtime/deadline.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import type { Log } from '../observability/log.ts';
import type { ClaimedSubmission, SubmissionClaim, SubmissionKey, SubmittedJob } from '../store/submissions.ts';
import { type Order, type Start, userMetadataOf } from './starter.ts';
import { parseSubmission, type Submission } from './submission.ts';

interface SubmissionStore {
  claim(key: SubmissionKey, deadline: Deadline): Promise<ClaimedSubmission>;
  ask(claim: SubmissionClaim, deadline: Deadline): Promise<void>;
  forget(claim: SubmissionClaim, deadline: Deadline): Promise<void>;
  leaveOff(claim: SubmissionClaim, deadline: Deadline): Promise<void>;
  settle(claim: SubmissionClaim, job: SubmittedJob, now: Date, deadline: Deadline): Promise<void>;
  findJob(submissionId: string, deadline: Deadline): Promise<string | undefined>;
  rootOf(jobId: string, deadline: Deadline): Promise<string>;
}

interface JobStarter {
  start(order: Order): Promise<Start>;
  find(order: Order, askedMillisAgo: number): Promise<string | undefined>;
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

interface KeyedOrder extends Order {
  /** Whether the caller can ask again for the same job. */
  readonly hasKey: boolean;
}

const STORE_MILLIS = 5_000;
const MAX_KEY_LENGTH = 255;

/**
 * Starts a job once: record → record that Gemini is asked → ask → record the job → answer. Whatever ends between two of
 * these, the same key brings the same job.
 *
 * @throws {ServiceError}
 */
export async function submitJob(
  body: Buffer,
  idempotencyKey: string | undefined,
  dependencies: Dependencies,
): Promise<Receipt> {
  const { submissions, urlOf } = dependencies;
  const submission = parseSubmission(body);
  const key = { recordId: recordIdOf(idempotencyKey), fingerprint: digestOf(canonical(submission)) };
  const root = await rootOf(submission, submissions);
  const about = { submission, url: urlOf(submission.route), root, hasKey: idempotencyKey !== undefined };
  const claimed = await submissions.claim(key, forStore());
  switch (claimed.status) {
    case 'new':
      return await begin({ ...about, claim: claimed.claim }, dependencies);
    case 'done':
      return receiptOf(submission, claimed);
    case 'unknown':
      return await findOut({ ...about, claim: claimed.claim }, claimed.askedMillisAgo, dependencies);
    case 'busy':
      throw new ServiceError('SUBMISSION_IN_PROGRESS', 'A request under this Idempotency-Key is being handled.');
    case 'conflict':
      throw new ServiceError(
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

async function begin(order: KeyedOrder, dependencies: Dependencies): Promise<Receipt> {
  const { starter, submissions, log } = dependencies;
  await submissions.ask(order.claim, forStore());
  const started = await starter.start(order);
  if ('jobId' in started) return await settle(order, started.jobId, dependencies);
  const { failure, mayHaveStarted } = started;
  log.submissionFailed(order.claim.submissionId, failure);
  if (mayHaveStarted) await submissions.leaveOff(order.claim, forStore());
  else await submissions.forget(order.claim, forStore());
  throw refusalOf(failure) ?? failureOf(failure, mayHaveStarted, order);
}

/** Somebody asked Gemini under this key, and the answer is lost. Nothing is sent again before that is cleared up. */
async function findOut(order: KeyedOrder, askedMillisAgo: number, dependencies: Dependencies): Promise<Receipt> {
  const { starter, submissions, log } = dependencies;
  const { claim } = order;
  try {
    const found =
      (await submissions.findJob(claim.submissionId, forStore())) ?? (await starter.find(order, askedMillisAgo));
    if (found === undefined) return await begin(order, dependencies);
    if (found !== 'unknown') return await settle(order, found, dependencies);
  } catch (error) {
    if (!(error instanceof GeminiError)) throw error;
    log.submissionFailed(claim.submissionId, error);
  }
  await submissions.leaveOff(claim, forStore());
  throw new ServiceError(
    'SUBMISSION_UNKNOWN',
    'Gemini was asked to start this job, and its answer was lost. Ask again under the same Idempotency-Key: the job is ' +
      'found by its name, or by its callback. A new key would start another.',
  );
}

async function settle(order: KeyedOrder, jobId: string, { submissions, log, now }: Dependencies): Promise<Receipt> {
  const { submission, claim } = order;
  const { kind, route } = submission;
  const job = { jobId, kind, route, root: order.root, metadata: userMetadataOf(order) };
  await submissions.settle(claim, job, now(), forStore());
  log.jobSubmitted(claim.submissionId, jobId, route);
  return receiptOf(submission, { jobId, submissionId: claim.submissionId });
}

function receiptOf({ kind, route }: Submission, { jobId, submissionId }: Pick<Receipt, 'jobId' | 'submissionId'>) {
  return { jobId, kind, state: 'submitted', route, submissionId } as const;
}

/**
 * Made of the key, so that it is the same on every instance.
 *
 * @throws {ServiceError} `INVALID_ARGUMENT`
 */
export function recordIdOf(idempotencyKey: string | undefined): string {
  if (idempotencyKey === undefined) return `sub_${randomUUID().replaceAll('-', '')}`;
  if (idempotencyKey.length > 0 && idempotencyKey.length <= MAX_KEY_LENGTH) {
    return `sub_${digestOf(idempotencyKey).slice(0, 32)}`;
  }
  const description = `must be 1 to ${MAX_KEY_LENGTH} characters`;
  const violations = [{ field: 'Idempotency-Key', description }];
  throw new ServiceError('INVALID_ARGUMENT', `The header Idempotency-Key ${description}.`, { violations });
}

/** What the caller can mend, or is to wait for. */
function refusalOf(failure: GeminiError): ServiceError | undefined {
  const { httpStatus = 0, message, retryAfterSeconds } = failure;
  if (httpStatus === 429) {
    const options = { cause: failure, retryAfterSeconds };
    return new ServiceError('RATE_LIMITED', `Gemini takes no more at the moment: ${message}`, options);
  }
  if (httpStatus < 400 || httpStatus >= 500 || httpStatus === 408) return undefined;
  return new ServiceError('GEMINI_REFUSED', `Gemini refuses the job: ${message}`, { cause: failure });
}

function failureOf(failure: GeminiError, mayHaveStarted: boolean, { claim, hasKey }: KeyedOrder): ServiceError {
  const options = { cause: failure, retryAfterSeconds: failure.retryAfterSeconds };
  const { submissionId } = claim;
  if (!mayHaveStarted) {
    const message = `Gemini has not started the job: ${failure.message} Ask again later.`;
    return new ServiceError('GEMINI_UNAVAILABLE', message, options);
  }
  const advice = hasKey
    ? 'Ask again under the same Idempotency-Key; it is not started twice.'
    : `Without an Idempotency-Key another request would be another job; if it was started, its callback names ${submissionId}.`;
  return new ServiceError('GEMINI_UNAVAILABLE', `Gemini did not say whether it started the job. ${advice}`, options);
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
