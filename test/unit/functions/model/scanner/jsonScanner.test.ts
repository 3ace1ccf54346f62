import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonScanner } from '../../../../../functions/model/scanner/jsonScanner.ts';
import type { ScannedValue } from '../../../../../functions/model/scanner/options.ts';
import { compilePatterns } from '../../../../../functions/model/scanner/patterns.ts';
import { isObjectText, JSON_TEST_SUITE, jsonTexts, nested } from '../../../../support/json.ts';

const spaces = fc.constantFrom('', ' ', '\n\t ');
const characters = fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', '0', '-', '.', 'e', 'u', ' ', '\n', '');
const objects = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
const sizes = fc.integer({ min: 1, max: 40 });

/** The values at the patterns, as text by key; `undefined` where the input is no JSON object. */
function scan(json: string, size = Infinity, patterns = ['*'], opaque: readonly string[] = []) {
  const bytes = Buffer.from(json);
  const values: ScannedValue[] = [];
  const scanner = new JsonScanner({
    patterns: compilePatterns(patterns),
    opaque: new Set(opaque),
    onValue: (value) => values.push(value),
  });
  try {
    for (let at = 0; at < bytes.length; at += size) scanner.write(bytes.subarray(at, at + size));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (!scanner.isComplete) return undefined;
  return values.map(({ key, pattern, start, end }) => ({ key, pattern, text: bytes.toString('utf8', start, end) }));
}

test('reports every member of any object in any pieces', () => {
  fc.assert(
    fc.property(objects, fc.integer({ min: 0, max: 2 }), spaces, sizes, (object, indent, space, size) => {
      const json = `${space}${JSON.stringify(object, null, indent)}${space}`;
      const values = scan(json, size)?.map(({ key, text }) => [key, JSON.parse(text)]);
      expect(Object.fromEntries(values ?? [])).toEqual(JSON.parse(json));
      expect(values?.length).toBe(Object.keys(object).length);
    }),
  );
});

test('reports the bytes of values as they are', () => {
  fc.assert(
    fc.property(jsonTexts, sizes, (text, size) => {
      expect(scan(`{"a":${text},"b":[1,${text}]}`, size, ['a', 'b.*'])?.map((value) => value.text)).toEqual([
        text,
        '1',
        text,
      ]);
    }),
  );
});

test('reports values at patterns only', () => {
  const json = '{"a":{"b":[{"c":1},{"d":2,"c":3}],"x":{"c":4}},"\\u0061a":5,"b":{"c":6}}';
  expect(scan(json, 3, ['a.b.*.c', 'aa'])).toEqual([
    { key: 'c', pattern: 'a.b.*.c', text: '1' },
    { key: 'c', pattern: 'a.b.*.c', text: '3' },
    { key: 'aa', pattern: 'aa', text: '5' },
  ]);
});

test('reports opaque values without reading them', () => {
  const json = '{"list":[nan,{"a":[1,,2]},"x]\\",",[01}],"b":1}';
  expect(scan(json, 2, ['list.*', 'b'], ['list.*'])?.map(({ text }) => text)).toEqual([
    'nan',
    '{"a":[1,,2]}',
    '"x]\\","',
    '[01}',
    '1',
  ]);
});

test('refuses an object that ends too early or continues behind its end', () => {
  fc.assert(
    fc.property(objects, fc.nat(), (object, cut) => {
      const json = JSON.stringify(object);
      expect(scan(json.slice(0, cut % json.length))).toBeUndefined();
      expect(scan(`${json}}`)).toBeUndefined();
    }),
  );
});

test('is as strict as JSON.parse when any character changes', () => {
  fc.assert(
    fc.property(objects, fc.nat(), characters, sizes, (object, place, character, size) => {
      const json = JSON.stringify(object);
      const at = place % json.length;
      const changed = `${json.slice(0, at)}${character}${json.slice(at + 1)}`;
      expect(scan(changed, size) !== undefined).toBe(isObjectText(changed));
    }),
    { numRuns: 1_000 },
  );
});

test('agrees with JSON.parse on every text of JSONTestSuite', () => {
  for (const [name, text] of JSON_TEST_SUITE) {
    for (const json of [text, `{"a":${text}}`, `{${text}:1}`]) {
      for (const size of [1, 7, Infinity])
        expect([name, scan(json, size) !== undefined]).toEqual([name, isObjectText(json)]);
    }
  }
});

test('reads a million levels', () => {
  expect(scan(`{"a":${nested(1_000_000)}}`)?.[0]?.text).toHaveLength(2_000_000);
});
