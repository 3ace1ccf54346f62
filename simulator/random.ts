import { createHash } from 'node:crypto';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/**
 * Randomness derived from a seed and a label instead of a position in a stream, so that it does not depend on the order of
 * concurrent work.
 */
export class Random {
  readonly seed: string;
  readonly #counts = new Map<string, number>();

  constructor(seed: string) {
    this.seed = seed;
  }

  bytes(label: string, length: number): Buffer {
    return createHash('shake256', { outputLength: length })
      .update(JSON.stringify([this.seed, label]))
      .digest();
  }

  /** Returns a number of at least 0 and below 1. */
  fraction(label: string): number {
    return this.bytes(label, 6).readUIntBE(0, 6) / 2 ** 48;
  }

  /** Returns true for the given share of all labels. */
  chance(label: string, rate: number): boolean {
    return this.fraction(label) < rate;
  }

  pick<T>(label: string, items: readonly T[]): T {
    const item = items[Math.floor(this.fraction(label) * items.length)];
    if (item === undefined) throw new RangeError(`nothing to pick from for ${label}`);
    return item;
  }

  /** Returns lower-case letters and digits, the alphabet of the API's ids. */
  letters(label: string, length: number): string {
    return Array.from(this.bytes(label, length), (byte) => LETTERS[byte % LETTERS.length]).join('');
  }

  /** Returns an unused id of the kind. */
  id(kind: string, length: number): string {
    return this.letters(this.next(kind), length);
  }

  uuid(label: string): string {
    const bytes = this.bytes(label, 16);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  /** Returns an unused label: `batch/1`, `batch/2`, … */
  next(kind: string): string {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    return `${kind}/${count}`;
  }
}
