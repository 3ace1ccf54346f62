import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { linesContent, textLines } from '../../../simulator/files/content.ts';
import type { Content } from '../../../simulator/files/content.ts';
import { Random } from '../../../simulator/random.ts';
import { parseRange } from '../../../simulator/files/range.ts';

const random = new Random('test');

function read(content: Content, start = 0, end = content.sizeBytes): Buffer {
  return Buffer.concat([...content.read(start, end)]);
}

describe('generated lines', () => {
  test('are JSON of the wanted size, each with its own key and text', () => {
    const content = linesContent({ lines: 1_500, lineBytes: 300 }, random);
    const lines = read(content).toString().split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map(({ length }) => length)).toEqual(Array(1_500).fill(299));
    const values = lines.map((line) => JSON.parse(line) as { key: string; response: object });
    expect(values.map(({ key }) => key)).toEqual(lines.map((_, index) => `r${String(index).padStart(10, '0')}`));
    expect(new Set(values.map(({ response }) => JSON.stringify(response))).size).toBe(1_500);
    const usageMetadata = { promptTokenCount: 8, candidatesTokenCount: 75, totalTokenCount: 83 };
    expect(values[0]?.response).toMatchObject({ usageMetadata });
  });

  test('contain an error every n lines on demand', () => {
    const content = linesContent({ lines: 7, lineBytes: 256, errorEvery: 3 }, random);
    const values = read(content)
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(values.map((value) => 'error' in value)).toEqual([false, false, true, false, false, true, false]);
  });

  test('follow from the seed', () => {
    const spec = { lines: 10, lineBytes: 300 };
    expect(read(linesContent(spec, random))).toEqual(read(linesContent(spec, new Random('test'))));
    expect(read(linesContent(spec, random))).not.toEqual(read(linesContent(spec, new Random('other'))));
  });

  test('can be read from any offset', () => {
    const content = linesContent({ lines: 2_000, lineBytes: 257 }, random);
    const whole = read(content);
    const offset = fc.nat(content.sizeBytes);
    fc.assert(
      fc.property(offset, offset, (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        expect(read(content, start, end).equals(whole.subarray(start, end))).toBe(true);
      }),
    );
  });

  test('of a huge file are made from the end alone', () => {
    const content = linesContent({ lines: 1e9, lineBytes: 4_096 }, random);
    const line = read(content, content.sizeBytes - 4_096).toString();
    expect(JSON.parse(line)).toMatchObject({ key: 'r0999999999' });
  });
});

describe('the lines of a text', () => {
  const text = 'größe\n\n❌ and more\r\nlast';

  test.each([1, 2, 3, 7, 1_000])('are whole if they arrive in chunks of %d bytes', (chunkBytes) => {
    const bytes = Buffer.from(text);
    const starts = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, index) => index * chunkBytes);
    const content = {
      sizeBytes: bytes.length,
      read: () => starts.map((start) => bytes.subarray(start, start + chunkBytes)),
    };
    expect([...textLines(content)]).toEqual(text.split('\n'));
  });
});

describe('a Range header', () => {
  test.each([
    ['bytes=0-99', { start: 0, end: 100 }],
    ['bytes=900-', { start: 900, end: 1_000 }],
    ['bytes=900-5000', { start: 900, end: 1_000 }],
    ['bytes=-100', { start: 900, end: 1_000 }],
    ['bytes=-5000', { start: 0, end: 1_000 }],
    ['bytes=1000-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', undefined],
    ['bytes=0-1,5-6', undefined],
    ['lines=0-1', undefined],
    ['bytes=-', undefined],
    [undefined, undefined],
  ])('%s of 1000 bytes is %o', (header, expected) => {
    expect(parseRange(header, 1_000)).toEqual(expected);
  });
});
