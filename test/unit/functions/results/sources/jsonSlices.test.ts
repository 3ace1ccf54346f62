import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isJsonObject } from '../../../../../functions/model/json.ts';
import { slicesOf } from '../../../../../functions/results/sources/jsonSlices.ts';

const spaces = fc.constantFrom('', ' ', '\n\t ');
const characters = fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', '0', '-', '.', 'e', 'u', ' ', '\n', '');
const objects = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());

test('the slices of any object are the texts of its values', () => {
  fc.assert(
    fc.property(objects, fc.integer({ min: 0, max: 2 }), spaces, (object, indent, space) => {
      const json = `${space}${JSON.stringify(object, null, indent)}${space}`;
      const slices = slicesOf(Buffer.from(json));
      const values = [...(slices ?? [])].map(([name, value]) => [name, JSON.parse(value.toString())]);
      expect(Object.fromEntries(values)).toEqual(JSON.parse(json));
      expect(slices?.size).toBe(Object.keys(object).length);
    }),
  );
});

test('what ends too early, or has more behind its end, is no object', () => {
  fc.assert(
    fc.property(objects, fc.nat(), (object, cut) => {
      const json = JSON.stringify(object);
      expect(slicesOf(Buffer.from(json.slice(0, cut % json.length)))).toBeUndefined();
      expect(slicesOf(Buffer.from(`${json}}`))).toBeUndefined();
    }),
  );
});

const INVALID = [
  '',
  '[]',
  '"a"',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{"a":[1,]}',
  '{a:1}',
  '{"a":1 "b":2}',
  '{"a":"\\"}',
  '{"a":xyz}',
  '{"a":{xyz}}',
  '{"a":[01]}',
  '{"a":"\\x"}',
  '{"a":"\\u12g4"}',
  '{"a":"\n"}',
  '{"a":[}]',
];

test.for(INVALID)('%j is none', (json) => {
  expect(slicesOf(Buffer.from(json))).toBeUndefined();
});

test('is as strict as a parser, whatever character is another', () => {
  fc.assert(
    fc.property(objects, fc.nat(), characters, (object, place, character) => {
      const json = JSON.stringify(object);
      const at = place % json.length;
      const changed = `${json.slice(0, at)}${character}${json.slice(at + 1)}`;
      expect(slicesOf(Buffer.from(changed)) !== undefined).toBe(isObject(changed));
    }),
    { numRuns: 500 },
  );
});

test('bytes that are no UTF-8 are no JSON', () => {
  expect(slicesOf(Buffer.from('{"a":"\xff"}', 'latin1'))).toBeUndefined();
});

function isObject(json: string): boolean {
  try {
    return isJsonObject(JSON.parse(json));
  } catch {
    return false;
  }
}
