import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from '../../model/progress.ts';

/** The record is written after this number of results or this time, whichever comes first. */
const EVERY_RESULTS = 1_000;
const EVERY_MILLIS = 2_000;

/** The limit of published results that the record lacks: a crash repeats them, and those of one publish request. */
const MAX_AHEAD = 2 * EVERY_RESULTS;

/** A lease is renewed long before it expires, also without progress. */
const RENEW_MILLIS = 3_000;

const RETRY_MILLIS = 500;

interface CheckpointOptions {
  /** Writes progress into the record. Returns `false` where another owner holds the lease. */
  readonly save: (progress: Progress) => Promise<boolean>;
  /** The duration of a lease from its last renewal. */
  readonly leaseMillis: number;
  /** Called when another owner holds the lease, or when it could not be renewed in time. */
  readonly onLost: (cause?: unknown) => void;
}

/**
 * Writes progress into the job's record during an attempt: one write at a time, always of the latest progress. A failed
 * write is retried as long as the lease holds.
 */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  readonly #timer: NodeJS.Timeout;
  #latest: Progress;
  #saved: Progress;
  #savedAt = performance.now();
  #saving: Promise<void> | undefined;
  #isStopped = false;

  constructor(from: Progress, options: CheckpointOptions) {
    this.#options = options;
    this.#latest = from;
    this.#saved = from;
    this.#timer = setInterval(() => this.#saveIfDue(), EVERY_MILLIS / 4);
  }

  get latest(): Progress {
    return this.#latest;
  }

  /** Notes progress, and waits while the record is too far behind. */
  async reached(progress: Progress): Promise<void> {
    this.#latest = progress;
    this.#saveIfDue();
    if (progress.published - this.#saved.published >= MAX_AHEAD) await this.#saving;
  }

  /**
   * Records the order of results before they are published, see `Progress.order`.
   *
   * @returns once it is in the record, or the lease is lost.
   */
  async recordOrder(order: Buffer): Promise<void> {
    await this.#saving;
    this.#latest = { ...this.#latest, order };
    this.#saving ??= this.#save();
    await this.#saving;
  }

  /** Waits for a pending write, so that a last one of another kind follows it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#saving;
  }

  #saveIfDue(): void {
    const age = performance.now() - this.#savedAt;
    const news = this.#latest.published - this.#saved.published;
    const isDue = news >= EVERY_RESULTS || (news > 0 && age >= EVERY_MILLIS) || age >= RENEW_MILLIS;
    if (isDue) this.#saving ??= this.#save();
  }

  async #save(): Promise<void> {
    let isDone = false;
    while (!isDone && !this.#isStopped) isDone = await this.#trySave();
    this.#saving = undefined;
  }

  /** Returns `true` where no retry is needed. */
  async #trySave(): Promise<boolean> {
    const { save, leaseMillis, onLost } = this.#options;
    const [progress, startedAt] = [this.#latest, performance.now()];
    try {
      if (await save(progress)) [this.#saved, this.#savedAt] = [progress, startedAt];
      else onLost();
      return true;
    } catch (error) {
      const isLost = performance.now() - this.#savedAt >= leaseMillis;
      if (isLost) onLost(error);
      else await sleep(RETRY_MILLIS);
      return isLost;
    }
  }
}
