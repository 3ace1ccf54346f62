import fc from 'fast-check';
import { expect, test } from 'vitest';
import { streamValues } from '../../../../../functions/model/scanner/jsonStream.ts';
import { compilePatterns } from '../../../../../functions/model/scanner/patterns.ts';
import { jsonTexts } from '../../../../support/json.ts';

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string, size: number, maxBytes = 1_000_000) {
  const found: (string | undefined)[] = [];
  const options = {
    patterns: compilePatterns(['list', 'list.*', 'state']),
    opaque: new Set(['list.*']),
    marks: new Set(['list']),
    maxBytes,
  };
  for await (const { pattern, bytes, length } of streamValues(inPieces(text, size), options)) {
    if (bytes && pattern !== 'list' && bytes.length !== length) throw new Error(`${length} is a wrong length.`);
    found.push(pattern === 'list' ? 'end' : bytes?.toString());
  }
  return found;
}

test('yields values as they are in any pieces', async () => {
  const texts = fc.array(jsonTexts, { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 50 }), async (list, size) => {
      const json = `{"list":[${list.join(',')}],"other":[1],"state":"x"}`;
      expect(await read(json, size)).toEqual([...list, 'end', '"x"']);
    }),
  );
});

test('yields a value that is too long without its bytes, and those around it', async () => {
  const json = `{"list":[1,"${'x'.repeat(100)}",2],"state":"x"}`;
  for (const size of [1, 7, 1_000]) expect(await read(json, size, 20)).toEqual(['1', undefined, '2', 'end', '"x"']);
});

test.for(['', '{"state":"x"', '{"state":"x"}}', '[1]', '{"state":nan}'])('refuses %j', async (json) => {
  await expect(read(json, 3)).rejects.toThrow(SyntaxError);
});

test('yields the values before the place where the stream is broken', async () => {
  const options = { patterns: compilePatterns(['list.*']), maxBytes: 100 };
  const found: unknown[] = [];
  const reading = async () => {
    for await (const { bytes } of streamValues(inPieces('{"list":[1,2,nan]}', 100), options)) found.push(String(bytes));
  };
  await expect(reading()).rejects.toThrow(SyntaxError);
  expect(found).toEqual(['1', '2']);
});
