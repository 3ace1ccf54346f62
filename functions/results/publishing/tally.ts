import type { Progress } from '../../model/progress.ts';
import { addTokenUsage } from '../../model/tokenUsage.ts';
import type { SourcedResult } from '../sources/source.ts';

interface TalliedResult {
  readonly item: SourcedResult;
  readonly failed: boolean;
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

  /** Returns the progress with this result, which is about to be published. */
  add(item: SourcedResult, failed: boolean): Progress {
    if (item.order) this.#progress = { ...this.#progress, order: item.order };
    if (item.result.index === this.#progress.published) this.#count({ item, failed });
    else this.#ahead.set(item.result.index, { item, failed });
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
    if (this.#ahead.size === 0) return undefined;
    const next = this.#ahead.get(this.#progress.published);
    this.#ahead.delete(this.#progress.published);
    return next;
  }

  #count({ item: { result, position, total }, failed }: TalliedResult): void {
    const before = this.#progress;
    this.#progress = {
      ...before,
      position,
      published: before.published + 1,
      failed: before.failed + Number(failed),
      total: total ?? before.total,
      usage: addTokenUsage(before.usage, result.usage),
    };
  }
}
