import type { CodedError } from '../model/job.ts';
import type { Progress } from '../model/progress.ts';
import type { ServiceError } from '../runtime/serviceError.ts';
import { causeOf, EntryWriter, type RequestHeaders, type Severity, stackOf } from './entry.ts';

/** Identifiers of a delivery, as far as they are known; never a payload, a signature or a secret. */
export interface DeliveryFacts {
  readonly webhookId?: string | undefined;
  readonly eventType?: string | undefined;
  readonly jobId?: string | undefined;
  readonly scheme?: string | undefined;
  readonly route?: string | undefined;
  readonly messageId?: string | undefined;
}

interface ResultsFacts {
  readonly jobId: string;
  readonly eventType: string;
}

/** Counts of one run of the reconciler. */
export interface ReconcileCounts {
  /** Pending deliveries that were published. */
  republished: number;
  /** Ends of jobs whose callback never arrived. */
  recovered: number;
  /** Jobs announced as overdue. */
  overdue: number;
  /** Jobs whose stalled results were restarted. */
  resumed: number;
  /** Items that failed; each has a separate entry. */
  errors: number;
}

export type DeliveryOutcome = 'published' | 'duplicate' | 'conflict' | 'quarantined';

const SEVERITIES: Readonly<Record<DeliveryOutcome, Severity>> = {
  published: 'INFO',
  duplicate: 'INFO',
  conflict: 'WARNING',
  quarantined: 'WARNING',
};

/** Errors that have an entry with more detail than the request's own. */
const reported = new WeakSet<object>();

/** The catalogue of log entries: every event that the functions log, with its fields. */
export class Log {
  readonly #writer: EntryWriter;

  constructor(
    projectId: string | undefined,
    write?: (line: string) => void,
    writer: EntryWriter = new EntryWriter(projectId, write),
  ) {
    this.#writer = writer;
  }

  /** Returns the same catalogue for one request, whose entries belong to the request's trace. */
  traced(headers: RequestHeaders): Log {
    return new Log(undefined, undefined, this.#writer.traced(headers));
  }

  deliveryAccepted(outcome: DeliveryOutcome, facts: DeliveryFacts, latencyMillis: number): void {
    const fields = { ...deliveryOf(facts), outcome, latencyMillis };
    this.#writer.write(SEVERITIES[outcome], 'delivery_accepted', `Delivery ${outcome}`, fields);
  }

  /** The request is the sender's fault, or an attack. */
  deliveryRefused(error: ServiceError, facts: DeliveryFacts, latencyMillis: number): void {
    const fields = { ...deliveryOf(facts), outcome: 'refused', reason: error.reason, latencyMillis };
    this.#writer.write('WARNING', 'delivery_refused', `Delivery refused: ${error.reason}`, fields);
  }

  /** The function or a dependency failed, and Gemini retries. */
  deliveryFailed(error: ServiceError, facts: DeliveryFacts, latencyMillis: number): void {
    const fields = { ...deliveryOf(facts), outcome: 'failed', ...failureOf(error), latencyMillis };
    this.#writer.write(severityOf(error), 'delivery_failed', `Delivery failed: ${error.reason}`, fields);
  }

  /** Another instance took the delivery over before this one recorded its end: the message may be published twice. */
  claimLost(facts: DeliveryFacts): void {
    this.#writer.write('WARNING', 'claim_lost', 'Another instance took over this delivery', deliveryOf(facts));
  }

  claimNotReleased(facts: DeliveryFacts, error: unknown): void {
    const fields = { ...deliveryOf(facts), ...causeOf(error) };
    this.#writer.write('WARNING', 'claim_not_released', 'The lease was not released and expires', fields);
  }

  /** A request to a function other than geminiCallback ended in a 5xx that no other entry explains. */
  requestFailed(error: ServiceError): void {
    if (reported.has(error)) return;
    const fields = failureOf(error);
    this.#writer.write(severityOf(error), 'request_failed', `Request failed: ${error.message}`, fields);
  }

  resultsStarted(facts: ResultsFacts, progress: Progress): void {
    const message = progress.published === 0 ? 'Reading results' : `Reading results from ${progress.published}`;
    this.#writer.write('INFO', 'results_started', message, resultsOf(facts, progress));
  }

  resultsCompleted(facts: ResultsFacts, progress: Progress): void {
    const message = `Published ${progress.published} results`;
    this.#writer.write('INFO', 'results_completed', message, resultsOf(facts, progress));
  }

  /** Gemini gave fewer results than the job had requests. */
  resultsMissing(facts: ResultsFacts, progress: Progress, missing: number): void {
    const { published, expected } = progress;
    const message = `Gemini gave ${published} results for ${expected} requests: ${missing} are missing`;
    this.#writer.write('WARNING', 'results_missing', message, { ...resultsOf(facts, progress), expected, missing });
  }

  /** An alert reads this entry: the job or its file is missing, foreign or blocked. */
  resultsFailed(facts: ResultsFacts, progress: Progress, error: CodedError): void {
    const fields = { ...resultsOf(facts, progress), error };
    this.#writer.write('ERROR', 'results_failed', `Results cannot be read: ${error.code}`, fields);
  }

  /** An alert reads this entry: the attempt failed, and is repeated until an operator or time has fixed the reason. */
  resultsInterrupted(facts: ResultsFacts, progress: Progress, error: CodedError, thrown: ServiceError): void {
    const cause = { ...causeOf(thrown.cause ?? thrown), ...unexpectedStackOf(thrown) };
    const fields = { ...resultsOf(facts, progress), error, ...cause };
    this.#writer.write('ERROR', 'results_interrupted', `Results interrupted: ${error.message}`, fields);
    reported.add(thrown);
  }

  /** The attempt ended without a failure, and the next one resumes. */
  resultsPaused(facts: ResultsFacts, progress: Progress, thrown: ServiceError): void {
    const fields = { ...resultsOf(facts, progress), ...causeOf(thrown.cause) };
    this.#writer.write('INFO', 'results_paused', thrown.message, fields);
    reported.add(thrown);
  }

  /** An alert reads this entry: no result of these jobs was published for `minutes`. */
  resultsStalled(jobIds: readonly string[], minutes: number): void {
    const message =
      `The results of ${jobIds.length} jobs or more have been stalled for ${minutes} minutes; ` +
      'see results.lastError in "jobs show ID", then run "jobs retry ID"';
    this.#writer.write('ERROR', 'results_stalled', message, { jobIds });
  }

  resultsClaimLost(jobId: string): void {
    this.#writer.write('WARNING', 'results_claim_lost', 'Another instance took over these results', { jobId });
  }

  resultsClaimNotReleased(jobId: string, error: unknown): void {
    const message = 'The lease on the results was not released and expires';
    this.#writer.write('WARNING', 'results_claim_not_released', message, { jobId, ...causeOf(error) });
  }

  /** The reconciler published an abandoned delivery, or the end of a job whose callback never arrived. */
  deliveryRecovered(outcome: DeliveryOutcome, facts: DeliveryFacts): void {
    const fields = { ...deliveryOf(facts), outcome };
    this.#writer.write('WARNING', 'delivery_recovered', `Delivery ${outcome} by the reconciler`, fields);
  }

  jobSubmitted(submissionId: string, jobId: string, route: string): void {
    this.#writer.write('INFO', 'job_submitted', 'Gemini has started the job', { submissionId, jobId, route });
  }

  /** Gemini refused the job: the caller's request, not a failure. */
  submissionRefused(submissionId: string, error: unknown): void {
    const message = 'Gemini refused the job';
    this.#writer.write('WARNING', 'submission_refused', message, { submissionId, ...causeOf(error) });
  }

  jobQueried(jobId: string, status: string): void {
    this.#writer.write('INFO', 'job_queried', `Gemini reports the job as ${status}`, { jobId, status });
  }

  /** An alert reads this entry: the events of all jobs are being lost. */
  webhookDisabled(webhook: string, uri: string, enabling: boolean): void {
    const advice = enabling ? 'the reconciler enables it again' : 'run "webhooks update ID --enable"';
    const message = `Gemini has disabled the webhook ${webhook} after failed deliveries; ${advice}`;
    this.#writer.write('ERROR', 'webhook_disabled', message, { webhook, uri });
  }

  reconcileFailed(id: string, error: unknown): void {
    const message = `The reconciler could not finish ${id}; the next run retries it`;
    const { cause: below } = causeOf(error instanceof Error ? error.cause : undefined);
    this.#writer.write('ERROR', 'reconcile_failed', message, { id, ...causeOf(error), below });
  }

  /** An alert reads this entry: recorded events that are not published. */
  deliveriesStuck(webhookIds: readonly string[], minutes: number): void {
    const message = `${webhookIds.length} deliveries or more are not on Pub/Sub after ${minutes} minutes`;
    this.#writer.write('ERROR', 'deliveries_stuck', message, { webhookIds });
  }

  /** An alert reads this entry by its absence. */
  reconciled({ republished, recovered, overdue, resumed, errors }: ReconcileCounts): void {
    const counts = { republished, recovered, overdue, resumed, errors };
    this.#writer.write('INFO', 'reconciled', 'Reconciled', counts);
  }

  keysFetched(count: number): void {
    this.#writer.write('INFO', 'keys_fetched', `Fetched ${count} public keys`, { count });
  }

  keysNotRefreshed(error: unknown): void {
    const message = 'The public keys could not be refreshed; the cached keys stay in use';
    this.#writer.write('WARNING', 'keys_not_refreshed', message, causeOf(error));
  }

  secretsReread(name: string, count: number): void {
    this.#writer.write('INFO', 'secrets_reread', `${name}: read ${count} secrets from the changed file`, {
      name,
      count,
    });
  }

  /** An alert reads this entry: a rotated secret is not in use. */
  secretsNotReread(name: string, error: unknown): void {
    const message = `${name}: the file could not be read again; its last valid content stays in use`;
    this.#writer.write('ERROR', 'secrets_not_reread', message, { name, ...causeOf(error) });
  }

  /** An alert reads this entry: the instance does not start. */
  configInvalid(error: Error): void {
    this.#writer.write('CRITICAL', 'config_invalid', error.message);
  }

  stopping(signal: string): void {
    this.#writer.write('INFO', 'stopping', `${signal}: finishing the requests in progress`);
  }

  /** The instance stops before a request was finished; the sender gets a 503. */
  requestAbandoned(): void {
    this.#writer.write('WARNING', 'request_abandoned', 'The instance stopped before the request was finished');
  }
}

/** Reads the known identifiers only, so that no further field of an object is logged. */
function deliveryOf({ webhookId, eventType, jobId, scheme, route, messageId }: DeliveryFacts) {
  return { webhookId, eventType, jobId, scheme, route, messageId };
}

function resultsOf({ jobId, eventType }: ResultsFacts, { published, failed, total }: Progress) {
  return { jobId, eventType, published, failed, total };
}

/** Contention is normal: the sender's retry succeeds. */
function severityOf({ reason }: ServiceError): Severity {
  return reason.endsWith('_IN_PROGRESS') ? 'INFO' : 'ERROR';
}

function failureOf(error: ServiceError) {
  return { reason: error.reason, ...causeOf(error.cause), ...unexpectedStackOf(error) };
}

function unexpectedStackOf({ reason, cause }: ServiceError) {
  return reason === 'INTERNAL' ? stackOf(cause) : {};
}
