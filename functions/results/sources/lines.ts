import { type Entry, MAX_ENTRY_BYTES } from '../../model/entry.ts';

/** A line of an output file, without its line ending. */
export interface OutputLine extends Entry {
  /** The offset of the next line. */
  readonly end: number;
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Splits bytes into lines, holding one line and one chunk at a time. Empty lines are skipped.
 *
 * @param start the offset of the first byte in the file.
 * @returns the lines that end in each chunk.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, start: number): AsyncGenerator<readonly OutputLine[]> {
  const held = new HeldLine();
  let position = start;
  for await (const chunk of chunks) {
    const lines: OutputLine[] = [];
    let from = 0;
    for (let newline = chunk.indexOf(NEWLINE); newline !== -1; newline = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, newline);
      from = newline + 1;
      const line = held.complete(piece, position + from);
      if (line) lines.push(line);
    }
    held.add(chunk.subarray(from));
    position += chunk.length;
    if (lines.length > 0) yield lines;
  }
  const last = held.complete(Buffer.alloc(0), position);
  if (last) yield [last];
}

/** A line whose end has not arrived, in pieces. */
class HeldLine {
  #pieces: Buffer[] = [];
  #length = 0;

  add(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#length += piece.length;
    if (this.#length > MAX_ENTRY_BYTES) this.#pieces = [];
    else this.#pieces.push(piece);
  }

  /** Returns the line that the piece completes; `undefined` where it is empty. */
  complete(piece: Buffer, end: number): OutputLine | undefined {
    if (this.#length === 0) return lineOf(piece, end);
    this.add(piece);
    const [pieces, length] = [this.#pieces, this.#length];
    this.#pieces = [];
    this.#length = 0;
    if (length > MAX_ENTRY_BYTES) return { bytes: undefined, length, end };
    return lineOf(Buffer.concat(pieces), end);
  }
}

/** Drops a byte order mark and the carriage return of a line ending. */
function lineOf(whole: Buffer, end: number): OutputLine | undefined {
  const from = whole[0] === 0xef && whole[1] === 0xbb && whole[2] === 0xbf ? 3 : 0;
  const to = whole.at(-1) === CARRIAGE_RETURN ? whole.length - 1 : whole.length;
  if (to <= from) return undefined;
  const bytes = from === 0 && to === whole.length ? whole : whole.subarray(from, to);
  return { bytes, length: bytes.length, end };
}
