import { createHash } from 'node:crypto';

const DIGEST_BYTES = 8;

/** Bounds the job's record to a part of Firestore's 1 MiB; larger batches have an output file. */
const MAX_RECORDED = 16_384;

/**
 * Assigns indexes to inline responses. Each keeps its index on every read, in any order.
 *
 * A response is identified by its key, or by its bytes where it has none; of several alike, each has an index.
 */
export class InlineOrder {
  readonly #indexes = new Map<string, number[]>();
  #seen = new Map<string, number>();
  #order: Buffer;
  #count: number;

  /** @param order the digests of earlier reads by index, see `Progress.order`. */
  constructor(order: Buffer = Buffer.alloc(0)) {
    this.#order = Buffer.from(order);
    this.#count = Math.floor(order.length / DIGEST_BYTES);
    for (let index = 0; index < this.#count; index += 1) {
      const at = index * DIGEST_BYTES;
      this.#indexesOf(order.toString('latin1', at, at + DIGEST_BYTES)).push(index);
    }
  }

  /** Must be called before each reading of the list. */
  restart(): void {
    this.#seen = new Map();
  }

  /** Returns the index of the next response of the list, a new one where it was in no earlier list. */
  indexOf(identity: Buffer | string): number {
    const digest = createHash('sha256').update(identity).digest().subarray(0, DIGEST_BYTES);
    const name = digest.toString('latin1');
    const alike = this.#seen.get(name) ?? 0;
    this.#seen.set(name, alike + 1);
    const indexes = this.#indexesOf(name);
    const known = indexes[alike];
    if (known !== undefined) return known;
    indexes.push(this.#count);
    this.#append(digest);
    return this.#count - 1;
  }

  /** Returns the digests for the job's record; `undefined` where they are too many. */
  get recorded(): Buffer | undefined {
    return this.#count > MAX_RECORDED ? undefined : this.#order.subarray(0, this.#count * DIGEST_BYTES);
  }

  #indexesOf(name: string): number[] {
    const indexes = this.#indexes.get(name) ?? [];
    this.#indexes.set(name, indexes);
    return indexes;
  }

  /** Earlier results of `recorded` stay valid: a larger buffer is a copy. */
  #append(digest: Buffer): void {
    const at = this.#count * DIGEST_BYTES;
    if (at === this.#order.length) this.#order = Buffer.concat([this.#order], Math.max(1_024, at * 2));
    digest.copy(this.#order, at);
    this.#count += 1;
  }
}
