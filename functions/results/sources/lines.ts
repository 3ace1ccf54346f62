import { type Entry, MAX_ENTRY_BYTES } from '../../model/entry.ts';

/** A line of an output file, without its line ending. */
export interface Line extends Entry {
  /** The offset of the next line. */
  readonly end: number;
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Splits bytes into lines, holding one line and one chunk at a time. Empty lines are skipped.
 *
 * @param start the offset of the first byte in the file.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, start: number): AsyncGenerator<Line> {
  const held = new HeldLine();
  let position = start;
  for await (const chunk of chunks) {
    let from = 0;
    for (let newline = chunk.indexOf(NEWLINE); newline !== -1; newline = chunk.indexOf(NEWLINE, from)) {
      held.add(chunk.subarray(from, newline));
      from = newline + 1;
      const line = held.take(position + from);
      if (line) yield line;
    }
    held.add(chunk.subarray(from));
    position += chunk.length;
  }
  const last = held.take(position);
  if (last) yield last;
}

/** A line whose end has not arrived, in pieces. */
class HeldLine {
  #pieces: Buffer[] = [];
  #length = 0;

  add(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#length > MAX_ENTRY_BYTES) this.#pieces = [];
    else if (piece.length > 0) this.#pieces.push(piece);
  }

  take(end: number): Line | undefined {
    const [first] = this.#pieces;
    const length = this.#length;
    const whole = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    if (length > MAX_ENTRY_BYTES || whole === undefined) return { bytes: undefined, length, end };
    const bytes = trimmed(whole);
    return bytes.length === 0 ? undefined : { bytes, length: bytes.length, end };
  }
}

function trimmed(line: Buffer): Buffer {
  const from = line.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
  return line.subarray(from, line.at(-1) === CARRIAGE_RETURN ? -1 : undefined);
}
