import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from '../../model/progress.ts';

/** The record is written when so many are out since the last time, or after so long. */
const EVERY_RESULTS = 1_000;
const EVERY_MILLIS = 2_000;

/** A crash repeats what the record does not know of: no more than this, and the one request that is on its way. */
const MAX_AHEAD = 2 * EVERY_RESULTS;

/** A lease is renewed long before it ends, also while nothing moves. */
const RENEW_MILLIS = 3_000;

const RETRY_MILLIS = 500;

export interface CheckpointOptions {
  /** Writes progress into the record; answers whether the lease on it was still ours. */
  readonly save: (progress: Progress) => Promise<boolean>;
  /** How long a lease holds from its last renewal. */
  readonly leaseMillis: number;
  /** Called when the lease is lost, or could not be renewed in its time: without it the work is another's. */
  readonly onLost: (cause?: unknown) => void;
}

/**
 * Keeps progress in the job's record while the work goes on: one write at a time, always of the latest progress. One that
 * fails is tried again for as long as the lease holds.
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

  /** Waits while the record is too far behind. */
  async reached(progress: Progress): Promise<void> {
    this.#latest = progress;
    this.#saveIfDue();
    if (progress.published - this.#saved.published >= MAX_AHEAD) await this.#saving;
  }

  /** Waits for the write that is on its way, so that a last one of another kind comes after it. */
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

  /** @returns whether nothing more is to be tried. */
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
