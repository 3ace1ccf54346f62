import { GeminiError } from '../gemini/errors.ts';
import type { PushedMessage } from '../http/push.ts';
import { canHaveOutput } from '../model/eventTypes.ts';
import type { CodedError } from '../model/job.ts';
import { type EncodableMessage, PublishRequest } from '../model/publishRequest.ts';
import { missingResults, type Progress } from '../model/progress.ts';
import { type FunctionCall, MAX_MESSAGE_BYTES } from '../model/result.ts';
import { ResultMessages } from '../model/resultMessages.ts';
import type { Log } from '../observability/log.ts';
import { Deadline } from '../runtime/deadline.ts';
import { grpcStatusOf, isTransientStatus, Status } from '../runtime/grpcStatus.ts';
import { retrying } from '../runtime/retry.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { type JobResults, RESULTS_LEASE_MILLIS, type ResultsClaim } from '../store/results.ts';
import { classifyStop, type Stop } from './stop.ts';
import { type JobEvent, readJobEvent } from './jobEvent.ts';
import { BatchPublisher } from './publishing/batchPublisher.ts';
import type { Bucket } from './publishing/bucket.ts';
import { Checkpoints } from './publishing/checkpoints.ts';
import { placeResult } from './publishing/resultPlacement.ts';
import { Tally } from './publishing/tally.ts';
import { openOutput } from './sources/index.ts';
import type { Output, SourceItem } from './sources/source.ts';
import type { VideoSources } from './sources/video.ts';

interface Publisher {
  publishAll(topic: 'results', request: PublishRequest, deadline: Deadline): Promise<readonly string[]>;
}

interface Dependencies extends VideoSources {
  readonly bucket: Bucket | undefined;
  readonly store: Pick<JobResults, 'claim' | 'advance' | 'release' | 'complete' | 'fail'>;
  readonly publisher: Publisher;
  readonly log: Log;
  /** Time for one attempt. */
  readonly budgetMillis: number;
  /** Aborts when the instance shuts down. */
  readonly stopping: AbortSignal;
}

type ResultsOutcome = 'ignored' | 'repeat' | 'completed' | 'failed';

export const STORE_MILLIS = 8_000;
/** Less than a lease, so that a checkpoint without an answer can be repeated. */
const CHECKPOINT_MILLIS = 3_000;
export const BATCH_PUBLISH_MILLIS = 20_000;

/**
 * Publishes the results of the job that a message announces, and then that they are complete or have failed.
 *
 * @returns once that is done, now or by an earlier delivery.
 * @throws {ServiceError} where the event must be delivered again; the next attempt resumes at the last checkpoint.
 */
export async function fetchResults(message: PushedMessage, dependencies: Dependencies): Promise<ResultsOutcome> {
  const event = readJobEvent(message);
  if (event === undefined || !canHaveOutput(event.eventType)) return 'ignored';
  if (event.repeatOf !== undefined) return 'repeat';
  const log = dependencies.log.traced({ traceparent: event.traceparent });
  const claimed = await dependencies.store.claim(event.job, event.eventType, Deadline.inMillis(STORE_MILLIS));
  if (claimed.status === 'done') return 'repeat';
  if (claimed.status === 'in_progress')
    throw new ServiceError('RESULTS_IN_PROGRESS', 'Another instance is reading the results of this job.', claimed);
  return await new Attempt(event, claimed.claim, claimed.from, { ...dependencies, log }).run();
}

/** One attempt to read the results of a job, from the claim to its release. */
class Attempt {
  readonly #event: JobEvent;
  readonly #claim: ResultsClaim;
  readonly #from: Progress;
  readonly #dependencies: Dependencies;
  readonly #messages: ResultMessages;
  readonly #lost = new AbortController();
  readonly #signal: AbortSignal;
  readonly #checkpoints: Checkpoints;

  constructor(event: JobEvent, claim: ResultsClaim, from: Progress, dependencies: Dependencies) {
    const { stopping, budgetMillis } = dependencies;
    this.#event = event;
    this.#claim = claim;
    this.#from = from;
    this.#messages = new ResultMessages(event);
    this.#signal = AbortSignal.any([this.#lost.signal, stopping, AbortSignal.timeout(budgetMillis)]);
    this.#dependencies = { ...dependencies, bucket: dependencies.bucket?.until(this.#signal) };
    this.#checkpoints = new Checkpoints(from, {
      save: async (progress) => await this.#save(progress),
      leaseMillis: RESULTS_LEASE_MILLIS,
      onLost: (cause) => this.#lost.abort(cause ?? leaseLost()),
    });
  }

  async run(): Promise<'completed' | 'failed'> {
    const { log } = this.#dependencies;
    log.resultsStarted(this.#facts, this.#from);
    try {
      await this.#publishOutput(await this.#open());
      log.resultsCompleted(this.#facts, this.#checkpoints.latest);
      return 'completed';
    } catch (error) {
      await this.#checkpoints.stop();
      return await this.#end(this.#classify(error));
    } finally {
      await this.#checkpoints.stop();
    }
  }

  get #facts() {
    return { jobId: this.#event.job.name, eventType: this.#event.eventType };
  }

  async #open(): Promise<Output> {
    return await openOutput(this.#event, this.#from, this.#dependencies, this.#signal);
  }

  async #publishOutput(output: Output): Promise<void> {
    if (output.kind === 'results') {
      await this.#publishResults(output.results);
      await this.#publishCompletion();
    }
    if (output.kind === 'calls') await this.#publish(PublishRequest.of(this.#callsMessage(output.calls, output.text)));
    await this.#checkpoints.stop();
    const { store, log } = this.#dependencies;
    const held = await store.complete(this.#claim, this.#checkpoints.latest, Deadline.inMillis(STORE_MILLIS));
    if (!held) log.resultsClaimLost(this.#event.job.name);
  }

  async #publishResults(items: AsyncIterable<readonly SourceItem[]>): Promise<void> {
    const tally = new Tally(this.#from);
    const batches = new BatchPublisher<Progress>({
      publish: async (request, { order }) => {
        if (order) await this.#checkpoints.recordOrder(order);
        await this.#publish(request);
      },
      onPublished: async (progress) => await this.#checkpoints.reached(progress),
    });
    for await (const some of items) {
      this.#signal.throwIfAborted();
      for (const item of some) {
        if ('expected' in item) tally.expect(item.expected);
        else {
          const placing = placeResult(item.result, this.#messages, this.#event.job.name, this.#dependencies.bucket);
          const placed = placing instanceof Promise ? await placing : placing;
          const adding = batches.add(placed.message, tally.add(item, placed.failed));
          if (adding) await adding;
        }
      }
    }
    await batches.end();
    await this.#checkpoints.reached(tally.end());
  }

  async #publishCompletion(): Promise<void> {
    const progress = this.#checkpoints.latest;
    const missing = missingResults(progress);
    if (missing !== undefined) this.#dependencies.log.resultsMissing(this.#facts, progress, missing);
    await this.#publish(PublishRequest.of(this.#messages.completed(progress)));
  }

  /** Retries as long as the attempt has time: Pub/Sub would only deliver the event again. */
  async #publish(request: PublishRequest): Promise<void> {
    const { publisher } = this.#dependencies;
    await retrying(
      async () => await publisher.publishAll('results', request, Deadline.inMillis(BATCH_PUBLISH_MILLIS)),
      {
        transienceOf: transienceOfPublishing,
        signal: this.#signal,
      },
    );
  }

  /** Function calls are never placed in the bucket: an agent needs them in the message. */
  #callsMessage(calls: readonly FunctionCall[], said: string): EncodableMessage {
    const message = this.#messages.actionRequired(calls, said);
    if (message.length <= MAX_MESSAGE_BYTES) return message;
    const text = 'The function calls do not fit into a message of 10 MB. Read them from Gemini: interactions.get.';
    throw GeminiError.final('RESULT_TOO_LARGE', text);
  }

  async #save(progress: Progress): Promise<boolean> {
    return await this.#dependencies.store.advance(this.#claim, progress, Deadline.inMillis(CHECKPOINT_MILLIS));
  }

  #classify(error: unknown): Stop {
    return classifyStop(error, {
      signal: this.#signal,
      isStopping: this.#dependencies.stopping.aborted,
      hasProgress: this.#checkpoints.latest.published > this.#from.published,
    });
  }

  async #end(stop: Stop): Promise<'failed'> {
    const { log } = this.#dependencies;
    if (stop.kind === 'failed') {
      log.resultsFailed(this.#facts, this.#checkpoints.latest, stop.error);
      await this.#fail(stop.error);
      return 'failed';
    }
    if (stop.kind === 'paused') log.resultsPaused(this.#facts, this.#checkpoints.latest, stop.thrown);
    else log.resultsInterrupted(this.#facts, this.#checkpoints.latest, stop.error, stop.thrown);
    await this.#release(stop.kind === 'paused' ? undefined : stop.error);
    throw stop.thrown;
  }

  async #release(reason: CodedError | undefined): Promise<void> {
    const { store, log } = this.#dependencies;
    await store
      .release(this.#claim, this.#checkpoints.latest, reason, Deadline.inMillis(STORE_MILLIS))
      .catch((failure: unknown) => log.resultsClaimNotReleased(this.#event.job.name, failure));
  }

  async #fail(error: CodedError): Promise<void> {
    const { publisher, store } = this.#dependencies;
    await publisher.publishAll(
      'results',
      PublishRequest.of(this.#messages.failed(error)),
      Deadline.inMillis(BATCH_PUBLISH_MILLIS),
    );
    await store.fail(this.#claim, this.#checkpoints.latest, error, Deadline.inMillis(STORE_MILLIS));
  }
}

function leaseLost(): ServiceError {
  return new ServiceError('RESULTS_IN_PROGRESS', 'Another instance has taken over the results of this job.');
}

function transienceOfPublishing(error: unknown): object | undefined {
  if (!(error instanceof ServiceError)) return undefined;
  return isTransientStatus(grpcStatusOf(error.cause) ?? Status.UNAVAILABLE) ? {} : undefined;
}
