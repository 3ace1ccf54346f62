import fc from 'fast-check';
import { expect, test } from 'vitest';
import { slicesOf } from '../../functions/results/slices.ts';

const spaces = fc.constantFrom('', ' ', '\n\t ');
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

test.for(['', '[]', '"a"', '{"a"}', '{"a":}', '{"a":1,}', '{a:1}', '{"a":1 "b":2}', '{"a":"\\"}'])(
  '%s is none',
  (json) => {
    expect(slicesOf(Buffer.from(json))).toBeUndefined();
  },
);
