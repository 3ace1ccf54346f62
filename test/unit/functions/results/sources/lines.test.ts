import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_ENTRY_BYTES } from '../../../../../functions/model/entry.ts';
import { type OutputLine, readLines } from '../../../../../functions/results/sources/lines.ts';

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, n = 0; at < bytes.length; n += 1) {
    const size = sizes[n % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function linesOf(bytes: Buffer, sizes: readonly number[], start = 0): Promise<readonly OutputLine[]> {
  return await all(readLines(inPieces(bytes, sizes), start));
}

async function all(lines: AsyncIterable<readonly OutputLine[]>): Promise<readonly OutputLine[]> {
  const found: OutputLine[] = [];
  for await (const some of lines) found.push(...some);
  return found;
}

const texts = fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/[\n\r\uFEFF]/g, '')));
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });

test('yields the same lines for any pieces, without empty ones', async () => {
  await fc.assert(
    fc.asyncProperty(texts, fc.constantFrom('\n', '\r\n'), sizes, async (given, ending, pieces) => {
      const lines = await linesOf(Buffer.from(given.join(ending)), pieces);
      const expected = given.map((text) => Buffer.from(text).toString()).filter((text) => text !== '');
      expect(lines.map(({ bytes }) => bytes?.toString())).toEqual(expected);
    }),
  );
});

test('resumes at the end of any line', async () => {
  await fc.assert(
    fc.asyncProperty(texts, sizes, fc.nat(), async (given, pieces, choice) => {
      const whole = Buffer.from(given.join('\n'));
      const lines = await linesOf(whole, pieces);
      if (lines.length === 0) return;
      const from = choice % lines.length;
      const { end = 0 } = lines[from] ?? {};
      expect(await linesOf(whole.subarray(end), pieces, end)).toEqual(lines.slice(from + 1));
    }),
  );
});

test('yields a line that is too long by its length, and the lines around it', async () => {
  const piece = Buffer.alloc(1_048_576, 'x');
  async function* bytes(): AsyncGenerator<Buffer> {
    yield Buffer.from('first\n');
    for (let sent = 0; sent <= MAX_ENTRY_BYTES; sent += piece.length) yield piece;
    yield Buffer.from('\nlast');
  }
  const lines = await all(readLines(bytes(), 0));
  expect(lines.map((line) => line.bytes?.toString())).toEqual(['first', undefined, 'last']);
  expect(lines[1]?.length).toBeGreaterThan(MAX_ENTRY_BYTES);
});
