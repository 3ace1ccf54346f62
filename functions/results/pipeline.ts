import { GeminiError } from '../gemini/errors.ts';
import type { Message } from '../model/message.ts';
import { canHaveOutput } from '../model/eventTypes.ts';
import { type Progress } from '../model/progress.ts';
import { type FunctionCall, MAX_MESSAGE_BYTES, ResultMessages } from '../model/result.ts';
import { Deadline } from '../runtime/deadline.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import type { PushedMessage } from '../http/push.ts';
import type { Log } from '../observability/log.ts';
import { retrying } from '../runtime/retry.ts';
import { RESULTS_LEASE_MILLIS, type ResultsClaimed } from '../store/results.ts';
import type { Bucket } from './publishing/bucket.ts';
import { Checkpoints } from './publishing/checkpoints.ts';
import { BatchPublisher } from './publishing/batchPublisher.ts';
import { type JobEvent, readJobEvent } from './jobEvent.ts';
import { openOutput } from './sources/index.ts';
import type { Found, Output, Start } from './sources/source.ts';
import { place } from './publishing/resultPlacement.ts';
import type { VideoSources } from './sources/video.ts';

type Claim = Extract<ResultsClaimed, { readonly status: 'claimed' }>['claim'];

interface ResultsStore {
  claim(job: JobEvent['job'], eventType: string, deadline: Deadline): Promise<ResultsClaimed>;
  advance(claim: Claim, progress: Progress, deadline: Deadline): Promise<boolean>;
  release(claim: Claim, progress: Progress, deadline: Deadline): Promise<boolean>;
  complete(claim: Claim, progress: Progress, deadline: Deadline): Promise<boolean>;
  fail(claim: Claim, progress: Progress, error: FinalError, deadline: Deadline): Promise<boolean>;
}

interface Publisher {
  publishAll(topic: 'results', messages: readonly Message[], deadline: Deadline): Promise<readonly string[]>;
}

export interface Dependencies extends VideoSources {
  readonly bucket: Bucket | undefined;
  readonly store: ResultsStore;
  readonly publisher: Publisher;
  readonly log: Log;
  /** How long one event may be worked on. */
  readonly budgetMillis: number;
  /** Aborted when the instance ends. */
  readonly stopping: AbortSignal;
}

interface FinalError {
  readonly code: string;
  readonly message: string;
}

export type ResultsOutcome = 'ignored' | 'repeat' | 'completed' | 'failed';

const STORE_MILLIS = 8_000;
/** Less than a lease, so that a checkpoint that gets no answer can be tried again. */
const CHECKPOINT_MILLIS = 3_000;
const PUBLISH_MILLIS = 20_000;

/**
 * Brings the results of the job that a message announces: each of them, and at the end that it was the last.
 *
 * To return is to have done it, now or earlier; or to have said that it cannot be done, ever.
 *
 * @throws {ServiceError} where the event is to be sent again; the work then goes on where it was.
 */
export async function fetchResults(message: PushedMessage, dependencies: Dependencies): Promise<ResultsOutcome> {
  const notice = readJobEvent(message);
  if (notice === undefined || !canHaveOutput(notice.eventType)) return 'ignored';
  if (notice.repeatOf !== undefined) return 'repeat';
  const { store } = dependencies;
  const log = dependencies.log.traced({ traceparent: notice.traceparent });
  const claimed = await store.claim(notice.job, notice.eventType, Deadline.inMillis(STORE_MILLIS));
  if (claimed.status === 'done') return 'repeat';
  if (claimed.status === 'in_progress')
    throw new ServiceError('RESULTS_IN_PROGRESS', 'Another instance reads the results of this job.', claimed);
  return await new Run(notice, claimed.claim, claimed.from, { ...dependencies, log }).toItsEnd();
}

/** The reading of one job's results, from the claim to its end. */
class Run {
  readonly #notice: JobEvent;
  readonly #claim: Claim;
  readonly #dependencies: Dependencies;
  readonly #messages: ResultMessages;
  readonly #failing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #checkpoints: Checkpoints;

  constructor(notice: JobEvent, claim: Claim, from: Progress, dependencies: Dependencies) {
    const { stopping, budgetMillis } = dependencies;
    this.#notice = notice;
    this.#claim = claim;
    this.#messages = new ResultMessages(notice);
    this.#signal = AbortSignal.any([this.#failing.signal, stopping, AbortSignal.timeout(budgetMillis)]);
    this.#dependencies = { ...dependencies, bucket: dependencies.bucket?.until(this.#signal) };
    this.#checkpoints = new Checkpoints(from, {
      save: async (progress) => await this.#save(progress),
      leaseMillis: RESULTS_LEASE_MILLIS,
      onLost: (cause) => this.#failing.abort(cause ?? takenOver()),
    });
  }

  async toItsEnd(): Promise<'completed' | 'failed'> {
    const { log } = this.#dependencies;
    const facts = { jobId: this.#notice.job.name, eventType: this.#notice.eventType };
    log.resultsStarted(facts, this.#checkpoints.latest);
    try {
      await this.#bring(await this.#open());
      log.resultsCompleted(facts, this.#checkpoints.latest);
      return 'completed';
    } catch (error) {
      const failure = this.#failureOf(error);
      await this.#checkpoints.stop();
      if (!isFinal(failure)) {
        log.resultsInterrupted(facts, this.#checkpoints.latest, failure);
        await this.#giveBack();
        throw failure;
      }
      const final = { code: failure.status, message: failure.message };
      log.resultsFailed(facts, this.#checkpoints.latest, final);
      await this.#giveUp(final);
      return 'failed';
    } finally {
      await this.#checkpoints.stop();
    }
  }

  async #open(): Promise<Output> {
    const { position, published } = this.#checkpoints.latest;
    const start: Start = { position, published };
    return await openOutput(this.#notice, start, this.#dependencies, this.#signal);
  }

  async #bring(output: Output): Promise<void> {
    switch (output.kind) {
      case 'results':
        await this.#bringResults(output.results);
        await this.#publish([this.#messages.completed(this.#checkpoints.latest)]);
        break;
      case 'calls':
        await this.#publish([this.#messageOf(output.calls)]);
        break;
      case 'none':
        break;
    }
    await this.#checkpoints.stop();
    const { store, log } = this.#dependencies;
    const held = await store.complete(this.#claim, this.#checkpoints.latest, Deadline.inMillis(STORE_MILLIS));
    if (!held) log.resultsClaimLost(this.#notice.job.name);
  }

  async #bringResults(results: AsyncIterable<Found>): Promise<void> {
    const flow = new BatchPublisher<Progress>({
      publish: async (messages) => await this.#publish(messages),
      onPublished: async (progress) => await this.#checkpoints.reached(progress),
    });
    let { failed } = this.#checkpoints.latest;
    for await (const { result, position, total } of results) {
      this.#signal.throwIfAborted();
      const placed = await place(result, this.#messages, this.#notice.job.name, this.#dependencies.bucket);
      failed += Number(placed.failed);
      await flow.add(placed, { position, published: result.index + 1, failed, total });
    }
    await flow.end();
  }

  /** Publishes for as long as there is time: the platform would only send the event again. */
  async #publish(messages: readonly Message[]): Promise<void> {
    const { publisher } = this.#dependencies;
    await retrying(
      async () => await publisher.publishAll('results', messages, Deadline.inMillis(PUBLISH_MILLIS)),
      transienceOfPublishing,
      this.#signal,
    );
  }

  /** Calls are of use in a message only. */
  #messageOf(calls: readonly FunctionCall[]): Message {
    const { message, bytes } = this.#messages.actionRequired(calls);
    if (bytes <= MAX_MESSAGE_BYTES) return message;
    const text = 'The calls that the interaction waits for do not fit into a message of 10 MB; Gemini has them.';
    throw new GeminiError(text, { httpStatus: 413, status: 'RESULT_TOO_LARGE' });
  }

  async #save(progress: Progress): Promise<boolean> {
    return await this.#dependencies.store.advance(this.#claim, progress, Deadline.inMillis(CHECKPOINT_MILLIS));
  }

  async #giveBack(): Promise<void> {
    const { store, log } = this.#dependencies;
    await store
      .release(this.#claim, this.#checkpoints.latest, Deadline.inMillis(STORE_MILLIS))
      .catch((error: unknown) => log.resultsClaimNotReleased(this.#notice.job.name, error));
  }

  async #giveUp(error: FinalError): Promise<void> {
    const { publisher, store } = this.#dependencies;
    await publisher.publishAll('results', [this.#messages.failed(error)], Deadline.inMillis(PUBLISH_MILLIS));
    await store.fail(this.#claim, this.#checkpoints.latest, error, Deadline.inMillis(STORE_MILLIS));
  }

  /** An interruption shows itself as whatever it interrupted. */
  #failureOf(error: unknown): GeminiError | ServiceError {
    const reason: unknown = this.#signal.aborted ? this.#signal.reason : error;
    if (reason instanceof GeminiError && reason.isKeyRefused)
      return new ServiceError('GEMINI_UNAVAILABLE', 'Gemini refuses the API key: check GEMINI_API_KEY.', {
        cause: reason,
      });
    if (reason instanceof ServiceError || reason instanceof GeminiError) return reason;
    const message = this.#signal.aborted
      ? 'The results could not be read to their end this time; they go on where they are.'
      : 'Something unexpected failed; the event is to be sent again, see the log.';
    return new ServiceError(this.#signal.aborted ? 'RESULTS_INTERRUPTED' : 'INTERNAL', message, { cause: reason });
  }
}

function takenOver(): ServiceError {
  return new ServiceError('RESULTS_IN_PROGRESS', 'Another instance has taken this job over.');
}

function isFinal(failure: GeminiError | ServiceError): failure is GeminiError {
  return failure instanceof GeminiError && failure.isRefusal;
}

/** Statuses of gRPC that say that nothing was wrong with the request: the backend, or the way to it, was. */
const TRANSIENT_GRPC_CODES = new Set([1, 4, 8, 10, 13, 14]);

function transienceOfPublishing(error: unknown): object | undefined {
  if (!(error instanceof ServiceError)) return undefined;
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? Number(cause.code) : 14;
  return TRANSIENT_GRPC_CODES.has(code) ? {} : undefined;
}
