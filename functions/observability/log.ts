import type { ServiceError } from '../runtime/serviceError.ts';
import { redacted } from './redaction.ts';
import { traceOf } from './trace.ts';

/** What is known of a delivery by the time a line is written. Identifiers only: no payload, signature or secret. */
export interface DeliveryFacts {
  webhookId?: string;
  eventType?: string | undefined;
  jobId?: string | undefined;
  scheme?: string;
  route?: string | undefined;
  messageId?: string;
}

export interface ResultsFacts {
  readonly jobId: string;
  readonly eventType: string;
}

interface ResultsProgress {
  readonly published: number;
  readonly failed: number;
  readonly total?: number | undefined;
  readonly expected?: number | undefined;
}

export type Outcome = 'published' | 'duplicate' | 'conflict' | 'quarantined';

type Severity = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL';

const SEVERITIES: Readonly<Record<Outcome, Severity>> = {
  published: 'INFO',
  duplicate: 'INFO',
  conflict: 'WARNING',
  quarantined: 'WARNING',
};

/** Statuses whose message says what is wrong with the surroundings; others may quote what was sent. */
const SPEAKING_GRPC_CODES = new Set([4, 5, 7, 8, 10, 14, 16]);

const MAX_TEXT_LENGTH = 4_096;

/**
 * The catalogue: every line that the project writes, in Cloud Logging's JSON form.
 *
 * https://cloud.google.com/logging/docs/structured-logging
 */
export class Log {
  readonly #projectId: string | undefined;
  readonly #write: (line: string) => void;
  readonly #trace: Readonly<Record<string, unknown>>;

  constructor(projectId: string | undefined, write = writeToStdout, trace: Readonly<Record<string, unknown>> = {}) {
    this.#projectId = projectId;
    this.#write = write;
    this.#trace = trace;
  }

  /** The same catalogue, each line tied to the trace of a request. */
  traced(headers: Readonly<Record<string, string | string[] | undefined>>): Log {
    const trace = traceOf(headers);
    if (trace === undefined || this.#projectId === undefined) return this;
    return new Log(this.#projectId, this.#write, {
      'logging.googleapis.com/trace': `projects/${this.#projectId}/traces/${trace.traceId}`,
      'logging.googleapis.com/spanId': trace.spanId,
    });
  }

  deliveryAccepted(outcome: Outcome, facts: DeliveryFacts, latencyMillis: number): void {
    this.#line(SEVERITIES[outcome], 'delivery_accepted', `Delivery ${outcome}`, { ...facts, outcome, latencyMillis });
  }

  /** The sender's fault, or an attack. */
  deliveryRefused(error: ServiceError, facts: DeliveryFacts, latencyMillis: number): void {
    const fields = { ...facts, outcome: 'refused', reason: error.reason, latencyMillis };
    this.#line('WARNING', 'delivery_refused', `Delivery refused: ${error.reason}`, fields);
  }

  /** Our fault or a dependency's: the sender tries again. */
  deliveryFailed(error: ServiceError, facts: DeliveryFacts, latencyMillis: number): void {
    const severity = error.reason === 'DELIVERY_IN_PROGRESS' ? 'INFO' : 'ERROR';
    const fields = { ...facts, outcome: 'failed', reason: error.reason, latencyMillis, ...describe(error.cause) };
    this.#line(severity, 'delivery_failed', `Delivery failed: ${error.reason}`, fields);
  }

  /** Another owner had taken the delivery over before this one was done: its message may be a second one. */
  claimLost(facts: DeliveryFacts): void {
    this.#line('WARNING', 'claim_lost', 'Another instance took this delivery over', { ...facts });
  }

  claimNotReleased(facts: DeliveryFacts, error: unknown): void {
    this.#line('WARNING', 'claim_not_released', 'The lease could not be given back and ends by itself', {
      ...facts,
      ...describe(error),
    });
  }

  resultsStarted(facts: ResultsFacts, progress: ResultsProgress): void {
    const message = progress.published === 0 ? 'Reading results' : `Reading results on from ${progress.published}`;
    this.#line('INFO', 'results_started', message, { ...facts, ...progress });
  }

  resultsCompleted(facts: ResultsFacts, progress: ResultsProgress): void {
    this.#line('INFO', 'results_completed', `${progress.published} results are out`, { ...facts, ...progress });
  }

  /** Gemini gave fewer results than the job had requests. */
  resultsMissing(facts: ResultsFacts, progress: ResultsProgress, missing: number): void {
    const { published, failed, expected } = progress;
    const message = `Gemini gave ${published} results for ${expected} requests: ${missing} are missing`;
    this.#line('WARNING', 'results_missing', message, { ...facts, published, failed, expected, missing });
  }

  /** An alert reads this line: the job or its file is missing, foreign or blocked. */
  resultsFailed(facts: ResultsFacts, progress: ResultsProgress, error: { code: string; message: string }): void {
    this.#line('ERROR', 'results_failed', `Results cannot be read: ${error.code}`, { ...facts, ...progress, error });
  }

  /** An alert reads this line: the attempt failed, and is repeated until an operator or time has fixed the reason. */
  resultsInterrupted(
    facts: ResultsFacts,
    progress: ResultsProgress,
    error: { code: string; message: string },
    thrown: Error,
  ): void {
    const fields = { ...facts, ...progress, error, ...describe(thrown.cause ?? thrown) };
    this.#line('ERROR', 'results_interrupted', `Results interrupted: ${error.message}`, fields);
  }

  /** The attempt ended without a failure, and the next one resumes. */
  resultsPaused(facts: ResultsFacts, progress: ResultsProgress, thrown: Error): void {
    this.#line('INFO', 'results_paused', thrown.message, { ...facts, ...progress });
  }

  /** An alert reads this line: no result of these jobs was published for `minutes`. */
  resultsStalled(jobIds: readonly string[], minutes: number): void {
    const message =
      `The results of ${jobIds.length} jobs or more have been stalled for ${minutes} minutes; ` +
      'see results.lastError in "jobs show ID", then run "jobs retry ID"';
    this.#line('ERROR', 'results_stalled', message, { jobIds });
  }

  resultsClaimLost(jobId: string): void {
    this.#line('WARNING', 'results_claim_lost', 'Another instance took these results over', { jobId });
  }

  resultsClaimNotReleased(jobId: string, error: unknown): void {
    const message = 'The lease on the results could not be given back and ends by itself';
    this.#line('WARNING', 'results_claim_not_released', message, { jobId, ...describe(error) });
  }

  /** A delivery that nobody was at work on any more, or an end that nobody had told. */
  deliveryRecovered(outcome: Outcome, facts: DeliveryFacts): void {
    this.#line('WARNING', 'delivery_recovered', `Delivery ${outcome} by the reconciler`, { ...facts, outcome });
  }

  jobSubmitted(submissionId: string, jobId: string, route: string): void {
    this.#line('INFO', 'job_submitted', 'Gemini has started the job', { submissionId, jobId, route });
  }

  submissionFailed(submissionId: string, error: unknown): void {
    const message = 'Gemini did not start the job, or did not say so';
    this.#line('WARNING', 'submission_failed', message, { submissionId, ...describe(error) });
  }

  jobAsked(jobId: string, status: string): void {
    this.#line('INFO', 'job_asked', `Gemini says that the job is ${status}`, { jobId, status });
  }

  /** To alert on: events of all jobs are being lost. */
  webhookDisabled(webhook: string, uri: string, enabling: boolean): void {
    const then = enabling ? 'it is enabled again' : 'enable it with "webhooks update ID --enable"';
    const message = `Gemini has disabled the webhook ${webhook} after failed deliveries; ${then}`;
    this.#line('ERROR', 'webhook_disabled', message, { webhook, uri });
  }

  reconcileFailed(id: string, error: unknown): void {
    const message = `The reconciler could not finish ${id}; the next run tries it again`;
    this.#line('ERROR', 'reconcile_failed', message, { id, ...describe(error), ...causeOf(error) });
  }

  /** To alert on: events that are recorded and that nobody has been told of. */
  deliveriesStuck(webhookIds: readonly string[], minutes: number): void {
    const message = `${webhookIds.length} deliveries or more are not on Pub/Sub after ${minutes} minutes`;
    this.#line('ERROR', 'deliveries_stuck', message, { webhookIds });
  }

  reconciled(summary: object): void {
    this.#line('INFO', 'reconciled', 'Reconciled', { ...summary });
  }

  keysFetched(count: number): void {
    this.#line('INFO', 'keys_fetched', `Fetched ${count} public keys`, { count });
  }

  keysNotRefreshed(error: unknown): void {
    this.#line(
      'WARNING',
      'keys_not_refreshed',
      'The public keys could not be fetched again; the known ones go on serving',
      describe(error),
    );
  }

  secretsReread(name: string, count: number): void {
    this.#line('INFO', 'secrets_reread', `${name}: ${count} secrets from the changed file`, { name, count });
  }

  secretsNotReread(name: string, error: unknown): void {
    this.#line(
      'ERROR',
      'secrets_not_reread',
      `${name}: the file could not be read again; its last good content goes on serving`,
      { name, ...describe(error) },
    );
  }

  configInvalid(error: Error): void {
    this.#line('CRITICAL', 'config_invalid', error.message, {});
  }

  stopping(signal: string): void {
    this.#line('INFO', 'stopping', `${signal}: finishing the requests in flight`, {});
  }

  #line(severity: Severity, event: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    const line = { severity, message, event, ...fields, ...this.#trace };
    const text = JSON.stringify(line);
    this.#write(`${isShowable(text) ? text : JSON.stringify(line, showable)}\n`);
  }
}

function writeToStdout(line: string): void {
  process.stdout.write(line);
}

function describe(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return {};
  const code = 'code' in error ? error.code : undefined;
  const speaks = typeof code !== 'number' || SPEAKING_GRPC_CODES.has(code);
  return { cause: { name: error.name, code, ...(speaks ? { message: error.message } : {}) } };
}

/** Our own errors say what failed; what is below them says why. */
function causeOf(error: unknown): Readonly<Record<string, unknown>> {
  return error instanceof Error && error.cause instanceof Error ? { below: describe(error.cause)['cause'] } : {};
}

/** Nearly every line is: to look at each of its texts takes three times as long. */
function isShowable(text: string): boolean {
  return text.length <= MAX_TEXT_LENGTH && redacted(text) === text;
}

function showable(_key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = redacted(value);
  return text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
}
