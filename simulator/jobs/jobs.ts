import type { Base } from '../base.ts';
import type { Timer } from '../clock.ts';
import { checkEndpoint } from '../webhooks/endpoints.ts';
import { ApiError, notFound } from '../errors.ts';
import { eventsOf } from '../webhooks/events.ts';
import type { GeminiEvent } from '../webhooks/events.ts';
import type { Files } from '../files/files.ts';
import { MARKERS } from './markers.ts';
import { FINAL_STATES, isFinal, type Job, type JobKind, type JobState, type Outcome } from './job.ts';
import type { Ledger } from '../ledger.ts';

interface JobsServices extends Base {
  readonly ledger: Ledger;
  readonly emit: (event: GeminiEvent) => void;
}

/** The services that each kind of job uses. */
export interface JobServices extends Base {
  readonly jobs: Jobs;
  readonly files: Files;
}

interface JobSpec extends Pick<Job, 'name' | 'kind' | 'webhookConfig'> {
  readonly displayName?: string | undefined;
  /** Text from the request, which can have {@link MARKERS}. */
  readonly markers: string;
  /** Returns the planned outcome. Default: the job succeeds. */
  readonly plan?: () => Outcome;
  /** Makes the results and returns the name of their file, if any. Throws if the job cannot end so. */
  readonly conclude: (outcome: Outcome) => string | undefined;
}

interface Entry {
  readonly job: Job;
  readonly spec: JobSpec;
  readonly timers: Timer[];
}

const DEFAULT_ERROR = { code: 13, message: 'Internal error encountered.' };

/** Runs every job from pending over running to a final state, which causes its events. */
export class Jobs {
  readonly #services: JobsServices;
  readonly #entries = new Map<string, Entry>();

  constructor(services: JobsServices) {
    this.#services = services;
  }

  /** Starts a job. Throws INVALID_ARGUMENT for a webhook URI that the API would refuse. */
  start(spec: JobSpec): Job {
    const { name, kind, displayName, webhookConfig } = spec;
    for (const uri of webhookConfig?.uris ?? []) checkEndpoint(uri, this.#services.settings.get().api.endpoints);
    const now = this.#services.clock.now();
    const times = { createMillis: now, updateMillis: now, endMillis: undefined };
    const job: Job = { name, kind, displayName, webhookConfig, ...times, state: 'pending', error: undefined };
    const entry: Entry = { job, spec, timers: [] };
    this.#entries.set(name, entry);
    this.#services.ledger.job({ name, kind, state: job.state });
    this.#schedule(entry);
    return job;
  }

  list(kind?: JobKind): Job[] {
    const jobs = [...this.#entries.values()].map(({ job }) => job);
    return kind === undefined ? jobs : jobs.filter((job) => job.kind === kind);
  }

  /** Ends a job now. Throws NOT_FOUND, or FAILED_PRECONDITION for a final job or an impossible outcome. */
  finish(name: string, outcome?: Outcome): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw notFound('Job', name);
    if (isFinal(entry.job)) throw new ApiError('FAILED_PRECONDITION', `Job ${name} is ${entry.job.state} already`);
    if (outcome?.state === undefined) this.#endAsPlanned(entry, outcome);
    else this.#end(entry, outcome);
  }

  /** Cancels a job unless it is final. */
  cancel(job: Job): void {
    if (!isFinal(job)) this.finish(job.name, { state: 'cancelled' });
  }

  delete(job: Job): void {
    for (const timer of this.#entries.get(job.name)?.timers ?? []) timer.cancel();
    this.#entries.delete(job.name);
  }

  #schedule(entry: Entry): void {
    const { pendingMillis, runningMillis, batchExpiryMillis } = this.#services.settings.get().jobs;
    entry.timers.push(this.#services.clock.after(pendingMillis, () => this.#run(entry)));
    if (runningMillis !== null && !entry.spec.markers.includes(MARKERS.hang)) {
      entry.timers.push(this.#services.clock.after(pendingMillis + runningMillis, () => this.#endAsPlanned(entry)));
    }
    if (entry.job.kind === 'batch') {
      entry.timers.push(this.#services.clock.after(batchExpiryMillis, () => this.#end(entry, { state: 'expired' })));
    }
  }

  #run({ job }: Entry): void {
    this.#change(job, 'running');
  }

  /** Ends a job as planned, or as failed if its results cannot be made. */
  #endAsPlanned(entry: Entry, given: Outcome = {}): void {
    try {
      this.#end(entry, { ...this.#plan(entry), ...given });
    } catch (error) {
      const isInput = error instanceof ApiError;
      if (!isInput) console.error(error);
      this.#end(entry, { state: 'failed', error: isInput ? { code: 3, message: error.message } : undefined });
    }
  }

  #plan({ job, spec }: Entry): Outcome {
    const fails = this.#services.random.chance(`${job.name}/failure`, this.#services.settings.get().jobs.failureRate);
    return fails || spec.markers.includes(MARKERS.fail) ? { state: 'failed' } : (spec.plan?.() ?? {});
  }

  #end({ job, spec, timers }: Entry, outcome: Outcome): void {
    const state = outcome.state ?? 'succeeded';
    if (!FINAL_STATES[job.kind].some((possible) => possible === state)) {
      throw new ApiError('FAILED_PRECONDITION', `A job of kind ${job.kind} cannot end as ${state}`);
    }
    const fileName = spec.conclude({ ...outcome, state });
    for (const timer of timers) timer.cancel();
    job.endMillis = this.#services.clock.now();
    if (state === 'failed') job.error = outcome.error ?? DEFAULT_ERROR;
    this.#change(job, state);
    for (const event of eventsOf(job, fileName, this.#services.settings.get().deliveries)) this.#services.emit(event);
  }

  #change(job: Job, state: JobState): void {
    job.state = state;
    job.updateMillis = this.#services.clock.now();
    this.#services.ledger.job({ name: job.name, kind: job.kind, state });
  }
}
