import { GeminiError } from '../gemini/errors.ts';
import { Deadline } from '../runtime/deadline.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { sha256 } from '../runtime/sha256.ts';
import type { Log } from '../observability/log.ts';
import type { Submissions } from '../store/submissions.ts';
import { canonicalJson } from './exactRequest.ts';
import { type ClaimedSubmission, type Starter, userMetadataOf } from './starter.ts';
import { recordIdOf } from './idempotencyKey.ts';
import { parseSubmission, type Submission } from './submission.ts';

interface Dependencies {
  readonly submissions: Submissions;
  readonly starter: Pick<Starter, 'start' | 'find'>;
  /** Returns the callback URL of a route. */
  readonly urlOf: (route: string) => string;
  readonly log: Log;
}

/** The answer to a caller, the same for every request with one key. */
export interface Receipt {
  readonly jobId: string;
  readonly kind: Submission['kind'];
  readonly state: 'submitted';
  readonly route: string;
  readonly submissionId: string;
}

interface KeyedSubmission extends ClaimedSubmission {
  /** `true` where the caller can retry for the same job. */
  readonly hasKey: boolean;
}

const STORE_MILLIS = 5_000;

/**
 * Starts a job once: records the submission, records the attempt, calls Gemini, records the job, and answers. After a
 * crash between any two steps, a retry with the same key returns the same job.
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
  const key = { recordId: recordIdOf(idempotencyKey), fingerprint: sha256(canonicalJson(submission)) };
  const root = await chainRootOf(submission, submissions);
  const added = { submission, url: urlOf(submission.route), root, hasKey: idempotencyKey !== undefined };
  const result = await submissions.claim(key, forStore());
  switch (result.status) {
    case 'new':
      return await startJob({ ...added, claim: result.claim }, dependencies);
    case 'done':
      return receiptOf(submission, result);
    case 'unknown':
      return await resolveAttempt({ ...added, claim: result.claim }, result.attemptAgeMillis, dependencies);
    case 'busy':
      throw new ServiceError(
        'SUBMISSION_IN_PROGRESS',
        'Another request with this Idempotency-Key is in progress. Retry with the same key.',
      );
    case 'conflict':
      throw new ServiceError(
        'IDEMPOTENCY_KEY_REUSED',
        'This Idempotency-Key was used for a different request within 24 hours. Use a new key for a new job.',
      );
  }
}

/** Returns the first interaction of a chain: each answer to function calls is an interaction with a new id. */
async function chainRootOf({ kind, request }: Submission, submissions: Submissions): Promise<string | undefined> {
  const previous = kind === 'interaction' ? request['previous_interaction_id'] : undefined;
  return typeof previous === 'string'
    ? await submissions.findChainRoot(`interactions/${previous}`, forStore())
    : undefined;
}

async function startJob(claimed: KeyedSubmission, dependencies: Dependencies): Promise<Receipt> {
  const { starter, submissions, log } = dependencies;
  await submissions.recordAttempt(claimed.claim, forStore());
  const started = await starter.start(claimed);
  if ('jobId' in started) return await recordJob(claimed, started.jobId, dependencies);
  const { failure, mayHaveStarted } = started;
  if (mayHaveStarted) await submissions.releaseUnresolved(claimed.claim, forStore());
  else await submissions.forget(claimed.claim, forStore());
  const refusal = refusalOf(failure);
  if (refusal) log.submissionRefused(claimed.claim.submissionId, failure);
  throw refusal ?? failureOf(failure, mayHaveStarted, claimed);
}

/** Resolves an earlier attempt whose answer was lost. Gemini is not called again before that. */
async function resolveAttempt(
  claimed: KeyedSubmission,
  attemptAgeMillis: number,
  dependencies: Dependencies,
): Promise<Receipt> {
  const { starter, submissions } = dependencies;
  const { claim } = claimed;
  let failure: GeminiError | undefined;
  try {
    const found =
      (await submissions.findJob(claim.submissionId, forStore())) ?? (await starter.find(claimed, attemptAgeMillis));
    if (found === undefined) return await startJob(claimed, dependencies);
    if (found !== 'unknown') return await recordJob(claimed, found, dependencies);
  } catch (error) {
    if (!(error instanceof GeminiError)) throw error;
    failure = error;
  }
  await submissions.releaseUnresolved(claim, forStore());
  throw new ServiceError(
    'SUBMISSION_UNKNOWN',
    `The answer of Gemini to the start of this job (${claim.submissionId}) was lost. Retry with the same Idempotency-Key: ` +
      'the job is found by its name, or by its callback. A new key would start another job.',
    failure === undefined ? {} : { cause: failure },
  );
}

async function recordJob(
  claimed: KeyedSubmission,
  jobId: string,
  { submissions, log }: Dependencies,
): Promise<Receipt> {
  const { submission, claim } = claimed;
  const { kind, route } = submission;
  const job = { jobId, kind, route, root: claimed.root, metadata: userMetadataOf(claimed) };
  await submissions.recordJob(claim, job, forStore());
  log.jobSubmitted(claim.submissionId, jobId, route);
  return receiptOf(submission, { jobId, submissionId: claim.submissionId });
}

function receiptOf({ kind, route }: Submission, { jobId, submissionId }: Pick<Receipt, 'jobId' | 'submissionId'>) {
  return { jobId, kind, state: 'submitted', route, submissionId } as const;
}

/** Returns the error for a failure that the caller can fix, or has to wait for. */
function refusalOf(failure: GeminiError): ServiceError | undefined {
  const { httpStatus = 0, message, retryAfterSeconds } = failure;
  if (httpStatus === 429) {
    const options = { cause: failure, retryAfterSeconds };
    return new ServiceError('RATE_LIMITED', `Gemini limits the rate of requests: ${message}`, options);
  }
  if (httpStatus < 400 || httpStatus >= 500 || httpStatus === 408) return undefined;
  return new ServiceError('GEMINI_REFUSED', `Gemini refuses the job: ${message}`, { cause: failure });
}

function failureOf(failure: GeminiError, mayHaveStarted: boolean, { claim, hasKey }: KeyedSubmission): ServiceError {
  const options = { cause: failure, retryAfterSeconds: failure.retryAfterSeconds };
  const { submissionId } = claim;
  if (!mayHaveStarted) {
    const message = `Gemini has not started the job ${submissionId}: ${failure.message} Retry later.`;
    return new ServiceError('GEMINI_UNAVAILABLE', message, options);
  }
  const advice = hasKey
    ? 'Retry with the same Idempotency-Key: the job is not started twice.'
    : 'Without an Idempotency-Key a retry would be another job; if this one was started, its callback names the submission.';
  return new ServiceError(
    'GEMINI_UNAVAILABLE',
    `Gemini did not confirm the start of the job ${submissionId}. ${advice}`,
    options,
  );
}

function forStore(): Deadline {
  return Deadline.inMillis(STORE_MILLIS);
}
