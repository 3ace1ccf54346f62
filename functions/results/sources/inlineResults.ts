import type { Entry } from '../../model/entry.ts';
import { entryResult } from '../entry.ts';
import { InlineOrder } from './inlineOrder.ts';
import type { ResumePoint, SourcedResult } from './source.ts';

/** The results of inline responses, each once, over all answers in which they are read. */
export class InlineResults {
  readonly #order: InlineOrder;
  readonly #published: number;
  readonly #sourced = new Set<number>();

  constructor({ published, order }: ResumePoint) {
    this.#published = published;
    this.#order = new InlineOrder(order);
  }

  /** Must be called before each reading of the list. */
  restart(): void {
    this.#order.restart();
  }

  /** Returns the result of the next response in the list; `undefined` where it has been published or sourced. */
  async next(entry: Entry): Promise<SourcedResult | undefined> {
    const result = await entryResult(entry, 0, 'INVALID_RESPONSE');
    const index = this.#order.indexOf(result.key ?? entry.bytes ?? String(entry.length));
    if (index < this.#published || this.#sourced.has(index)) return undefined;
    this.#sourced.add(index);
    return { result: { ...result, index }, position: index + 1, order: this.#order.recorded };
  }
}
