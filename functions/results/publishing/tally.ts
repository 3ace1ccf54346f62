import type { Progress } from '../../model/progress.ts';
import { addTokenUsage, type TokenUsage } from '../../model/tokenUsage.ts';

/** A result that is about to be published. */
export interface TalliedResult {
  readonly index: number;
  readonly failed: boolean;
  readonly usage: TokenUsage | undefined;
  readonly position: number;
  readonly total: number | undefined;
  readonly order: Buffer | undefined;
}

/**
 * Counts results as they are published. Its progress covers an unbroken run of indexes, so that an attempt can resume
 * behind it: a result that is ahead of a gap counts once the gap is closed.
 */
export class Tally {
  #progress: Progress;
  readonly #ahead = new Map<number, TalliedResult>();

  constructor(from: Progress) {
    this.#progress = from;
  }

  get progress(): Progress {
    return this.#progress;
  }

  expect(expected: number): void {
    this.#progress = { ...this.#progress, expected, total: expected };
  }

  /** Returns the progress with this result. */
  add(result: TalliedResult): Progress {
    this.#ahead.set(result.index, result);
    if (result.order) this.#progress = { ...this.#progress, order: result.order };
    for (let next = this.#takeNext(); next; next = this.#takeNext()) this.#count(next);
    return this.#progress;
  }

  /** Returns the progress at the end of the source, with the results behind gaps that no result closed. */
  end(): Progress {
    for (const result of this.#ahead.values()) this.#count(result);
    this.#ahead.clear();
    return this.#progress;
  }

  #takeNext(): TalliedResult | undefined {
    const next = this.#ahead.get(this.#progress.published);
    this.#ahead.delete(this.#progress.published);
    return next;
  }

  #count({ failed, usage, position, total }: TalliedResult): void {
    const before = this.#progress;
    this.#progress = {
      ...before,
      position,
      published: before.published + 1,
      failed: before.failed + Number(failed),
      total: total ?? before.total,
      usage: addTokenUsage(before.usage, usage),
    };
  }
}
