import { z } from 'zod';
import type { Random } from '../random.ts';
import { usageMetadata } from '../jobs/usage.ts';

/** Bytes that can be read from any offset without loading all of them. */
export interface Content {
  readonly sizeBytes: number;
  /** The bytes from `start` up to but not including `end`. */
  read(start: number, end: number): Iterable<Uint8Array>;
}

const MIN_LINE_BYTES = 256;
const MAX_LINE_BYTES = 2 ** 29;

/** Output of a batch, made while it is read: lines of one size. */
export const linesSpecSchema = z.strictObject({
  lines: z.number().int().min(1).max(1e9),
  lineBytes: z
    .number()
    .int()
    .min(MIN_LINE_BYTES)
    .max(MAX_LINE_BYTES)
    .default(1_024)
    .describe('Size of each line with its newline.'),
  errorEvery: z.number().int().min(1).optional().describe('Each n-th line is an error instead of a response.'),
});
export type LinesSpec = z.output<typeof linesSpecSchema>;

const NEWLINE = 0x0a;
const BLOCK_BYTES = 262_144;
const KEY_DIGITS = 10;
const PROMPT_TOKENS = 8;
const RESPONSE_START = '{"response":{"candidates":[{"content":{"role":"model","parts":[{"text":"';
const RESPONSE_END = '"}]},"finishReason":"STOP","index":0}],"usageMetadata":';

export function bytesContent(bytes: Uint8Array): Content {
  return { sizeBytes: bytes.length, read: (start, end) => [bytes.subarray(start, end)] };
}

/** The lines of a text of any length, without their ends. Throws for a line of over 512 MB, which no string can hold. */
export function* textLines(content: Content): Generator<string> {
  let rest: Uint8Array[] = [];
  for (const chunk of content.read(0, content.sizeBytes)) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)]).toString();
      rest = [];
      start = end + 1;
    }
    rest.push(chunk.subarray(start));
  }
  yield Buffer.concat(rest).toString();
}

/** The line at index i has the key `r` and i in ten digits; its text follows from the seed and i. */
export function linesContent(spec: LinesSpec, random: Random): Content {
  const { lines, lineBytes } = spec;
  const pool = Buffer.from(random.letters('filler', 8_192));
  return { sizeBytes: lines * lineBytes, read: (start, end) => readLines(spec, pool, start, end) };
}

function* readLines(spec: LinesSpec, pool: Buffer, start: number, end: number): Generator<Uint8Array> {
  const linesPerBlock = Math.max(1, Math.floor(BLOCK_BYTES / spec.lineBytes));
  const blockBytes = linesPerBlock * spec.lineBytes;
  for (let at = start - (start % blockBytes); at < end; at += blockBytes) {
    const block = Buffer.allocUnsafe(blockBytes);
    const firstLine = at / spec.lineBytes;
    for (let line = 0; line < linesPerBlock; line += 1) {
      writeLine(block.subarray(line * spec.lineBytes, (line + 1) * spec.lineBytes), firstLine + line, spec, pool);
    }
    yield block.subarray(Math.max(start - at, 0), Math.min(end - at, blockBytes));
  }
}

function writeLine(target: Buffer, index: number, { errorEvery }: LinesSpec, pool: Buffer): void {
  const isError = errorEvery !== undefined && (index + 1) % errorEvery === 0;
  const [before, after] = isError
    ? ['{"error":{"code":13,"message":"', '"}']
    : [RESPONSE_START, `${RESPONSE_END}${JSON.stringify(usageMetadata(PROMPT_TOKENS, Math.ceil(target.length / 4)))}}`];
  const tail = `${after},"key":"r${String(index).padStart(KEY_DIGITS, '0')}"}\n`;
  target.fill(pool.subarray(index % (pool.length / 2)));
  target.write(before, 0);
  target.write(tail, target.length - tail.length);
}
