import { JsonScanner } from './jsonScanner.ts';
import type { ScannedValue, ScannerOptions } from './options.ts';

/** A value in a stream of JSON. */
export interface StreamedValue {
  /** The pattern that it matches. */
  readonly pattern: string;
  readonly key: string | number;
  /** `undefined` of a mark, and where it is longer than the stream keeps. */
  readonly bytes: Buffer | undefined;
  readonly length: number;
}

interface StreamOptions extends Omit<ScannerOptions, 'onValue'> {
  /** Longer values are skipped. */
  readonly maxBytes: number;
}

/**
 * Yields the values of a JSON object at the wanted places, as bytes, holding one at a time.
 *
 * @throws {SyntaxError} where the stream is no JSON object or ends before the object does. The values before are
 *   valid.
 */
export async function* streamValues(
  chunks: AsyncIterable<Uint8Array>,
  { maxBytes, ...options }: StreamOptions,
): AsyncGenerator<StreamedValue> {
  const found: ScannedValue[] = [];
  const scanner = new JsonScanner({ ...options, onValue: (value) => found.push(value) });
  const window = new StreamWindow(maxBytes);
  for await (const chunk of chunks) {
    const piece = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    window.add(piece);
    const failure = failureOf(() => scanner.write(piece));
    for (const { pattern, key, start, end } of found.splice(0)) {
      yield { pattern, key, bytes: window.read(start, end), length: end - start };
    }
    if (failure) throw failure;
    window.dropBefore(scanner.neededFrom);
  }
  if (!scanner.isComplete) throw new SyntaxError('The JSON ends too early.');
}

/** The bytes of a stream that are still needed. */
class StreamWindow {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  /** The offset of the first byte. */
  #start = 0;
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  dropBefore(offset: number): void {
    const from = Math.max(offset, this.#start + this.#length - this.#maxBytes);
    for (let [first] = this.#pieces; first && this.#start + first.length <= from; [first] = this.#pieces) {
      this.#pieces.shift();
      this.#start += first.length;
      this.#length -= first.length;
    }
  }

  read(start: number, end: number): Buffer | undefined {
    if (start < this.#start || end - start > this.#maxBytes) return undefined;
    const last = this.#pieces.at(-1);
    const lastStart = this.#start + this.#length - (last?.length ?? 0);
    if (last && start >= lastStart) return last.subarray(start - lastStart, end - lastStart);
    return Buffer.concat(this.#pieces).subarray(start - this.#start, end - this.#start);
  }
}

/** Runs the action and returns its error, so that values before the error can still be yielded. */
function failureOf(action: () => void): Error | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
