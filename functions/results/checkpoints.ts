import type { Progress } from '../model/progress.ts';

/** A crash repeats what was published since the last one: no more than this. */
const EVERY_RESULTS = 1_000;
const EVERY_MILLIS = 2_000;

/** A lease is renewed long before it ends, also while nothing moves. */
const RENEW_MILLIS = 3_000;

/**
 * Keeps progress in the job's record while the work goes on: one write at a time, always of the latest progress. What
 * `save` throws or answers ends the work, since without its lease it is another's.
 */
export class Checkpoints {
  readonly #save: (progress: Progress) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #latest: Progress;
  #saved: Progress;
  #savedAt = performance.now();
  #saving: Promise<void> | undefined;

  constructor(from: Progress, save: (progress: Progress) => Promise<void>, onFailure: (error: unknown) => void) {
    this.#save = save;
    this.#onFailure = onFailure;
    this.#latest = from;
    this.#saved = from;
    this.#timer = setInterval(() => this.#saveIfDue(), EVERY_MILLIS / 4);
  }

  get latest(): Progress {
    return this.#latest;
  }

  reached(progress: Progress): void {
    this.#latest = progress;
    this.#saveIfDue();
  }

  /** Waits for the write that is on its way, so that a last one of another kind comes after it. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saving;
  }

  #saveIfDue(): void {
    const age = performance.now() - this.#savedAt;
    const news = this.#latest.published - this.#saved.published;
    const isDue = news >= EVERY_RESULTS || (news > 0 && age >= EVERY_MILLIS) || age >= RENEW_MILLIS;
    if (isDue && this.#saving === undefined) this.#saving = this.#saveLatest();
  }

  async #saveLatest(): Promise<void> {
    const progress = this.#latest;
    try {
      await this.#save(progress);
      this.#saved = progress;
    } catch (error) {
      this.#onFailure(error);
    }
    this.#savedAt = performance.now();
    this.#saving = undefined;
  }
}
