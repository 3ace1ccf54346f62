import { COOLDOWN_MILLIS as KEYS_COOLDOWN_MILLIS } from '../../functions/callback/keySet.ts';
import { TOTAL_MILLIS as CALLBACK_MILLIS } from '../../functions/callback/pipeline.ts';
import { MAX_AGE_MILLIS as SECRETS_MAX_AGE_MILLIS } from '../../functions/config/secrets.ts';
import { ATTEMPT_MILLIS as GEMINI_ATTEMPT_MILLIS } from '../../functions/gemini/callWithRetry.ts';
import { STALL_MILLIS } from '../../functions/gemini/download.ts';
import { BUDGET_MILLIS as RECONCILE_RUN_MILLIS } from '../../functions/reconcile/runtime.ts';
import { BATCH_PUBLISH_MILLIS, STORE_MILLIS } from '../../functions/results/pipeline.ts';
import { SERVICE_PAUSES } from '../../functions/runtime/retry.ts';
import { DELIVERY_LEASE_MILLIS } from '../../functions/store/deliveries/deliveryClaims.ts';
import { RESULTS_LEASE_MILLIS } from '../../functions/store/results.ts';
import { RESOLVE_LEASE_MILLIS, START_LEASE_MILLIS } from '../../functions/store/submissions.ts';
import { LISTED_WITHIN_MILLIS } from '../../functions/submit/starter.ts';

/** The clock of one instance of geminiCallback and of submitJob is ahead by this. */
export const CLOCK_AHEAD_MILLIS = 250_000;

/** Settings of reconcileJobs in the test. */
export const RECONCILE = { pendingSeconds: 5, jobSeconds: 15, everyMillis: 2_000 };

/** The simulator's longest pause between two attempts of a delivery. */
export const DELIVERY_RETRY_MILLIS = 4_000;

/** Pub/Sub's longest backoff between two pushes (docs.cloud.google.com/pubsub/docs/push#push_backoff). */
const PUSH_BACKOFF_MILLIS = 60_000;

const RECONCILED_MILLIS = RECONCILE.everyMillis + RECONCILE_RUN_MILLIS;

/**
 * Returns the time within which the product owes everything, from the end of the faults: until the last event of a job is
 * published, and then until its results are.
 *
 * The clock that is ahead adds nothing: leases and the times of submitted jobs are of Firestore's clock, and Gemini retries
 * the deliveries of an instance that was killed.
 *
 * @param faultsMillis the duration of the faults.
 */
export function settleMillis(faultsMillis: number): number {
  // Gemini delivers again: after the lease of a killed owner, and once the keys or secrets are up to date.
  const delivered =
    DELIVERY_LEASE_MILLIS +
    Math.max(KEYS_COOLDOWN_MILLIS, SECRETS_MAX_AGE_MILLIS) +
    DELIVERY_RETRY_MILLIS +
    CALLBACK_MILLIS;
  // A recorded delivery whose owner was killed: a reconciler run publishes it.
  const republished = DELIVERY_LEASE_MILLIS + RECONCILE.pendingSeconds * 1_000 + RECONCILED_MILLIS;
  // A dropped callback: the reconciler queries a job without news, and each query doubles the pause to the next, so that
  // the last pause is at most the time before it.
  const recovered = 2 * RECONCILE.jobSeconds * 1_000 + faultsMillis + RECONCILED_MILLIS;
  return Math.max(delivered, recovered) + republished + resultsMillis();
}

/** Pub/Sub pushes the event again after the killed owner's lease, and one attempt meets each slow step once. */
function resultsMillis(): number {
  const attempt =
    2 * STORE_MILLIS + GEMINI_ATTEMPT_MILLIS + STALL_MILLIS + BATCH_PUBLISH_MILLIS + SERVICE_PAUSES.maxMillis;
  return RESULTS_LEASE_MILLIS + PUSH_BACKOFF_MILLIS + attempt;
}

/** Kills that one submission may meet in a row. */
const KILLS_IN_A_ROW = 3;

/**
 * The time in which a caller that repeats its request gets an answer: after each kill the leases end, and Gemini has had
 * the time to list a job that was started.
 */
export const SUBMITTED_MILLIS =
  (KILLS_IN_A_ROW + 1) * (RESOLVE_LEASE_MILLIS + Math.max(START_LEASE_MILLIS, LISTED_WITHIN_MILLIS));
