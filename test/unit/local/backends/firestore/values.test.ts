import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Value } from '../../../../../local/backends/firestore/messages.ts';
import { areEqual, compareValues } from '../../../../../local/backends/firestore/values.ts';

const scalar = fc.oneof(
  fc.constant<Value>({ valueType: 'nullValue', nullValue: 'NULL_VALUE' }),
  fc.boolean().map((booleanValue): Value => ({ valueType: 'booleanValue', booleanValue })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(integer),
  fc.integer({ min: -2, max: 2 }).map(integer),
  fc.double().map(double),
  fc.integer({ min: -2, max: 2 }).map(double),
  fc.string({ unit: 'binary' }).map((stringValue): Value => ({ valueType: 'stringValue', stringValue })),
  fc.uint8Array().map((bytes): Value => ({ valueType: 'bytesValue', bytesValue: Buffer.from(bytes) })),
  fc
    .record({ seconds: fc.integer(), nanos: fc.nat(999_999_999) })
    .map((timestampValue): Value => ({ valueType: 'timestampValue', timestampValue })),
);
const value = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }).map((values): Value => ({ valueType: 'arrayValue', arrayValue: { values } })),
  fc
    .dictionary(fc.string({ maxLength: 2 }), scalar, { maxKeys: 3, noNullPrototype: true })
    .map((fields): Value => ({ valueType: 'mapValue', mapValue: { fields } })),
);

function integer(number: bigint | number): Value {
  return { valueType: 'integerValue', integerValue: String(number) };
}

function double(doubleValue: number): Value {
  return { valueType: 'doubleValue', doubleValue };
}

test('values have one total order', () => {
  fc.assert(
    fc.property(value, value, value, (a, b, c) => {
      expect(compareValues(a, a)).toBe(0);
      expect(Math.sign(compareValues(a, b)) + Math.sign(compareValues(b, a))).toBe(0);
      const [first, second, third] = [a, b, c].toSorted(compareValues) as [Value, Value, Value];
      expect(compareValues(first, second)).toBeLessThanOrEqual(0);
      expect(compareValues(first, third)).toBeLessThanOrEqual(0);
    }),
  );
});

test('integers and doubles compare without rounding, and NaN is the least number', () => {
  expect(compareValues(integer(9_007_199_254_740_993n), double(2 ** 53))).toBe(1);
  expect(areEqual(integer(1), double(1))).toBe(true);
  expect(compareValues(double(Number.NaN), double(-Infinity))).toBe(-1);
  expect(areEqual(double(Number.NaN), double(Number.NaN))).toBe(true);
});

test('strings compare by their UTF-8 bytes', () => {
  const text = (stringValue: string): Value => ({ valueType: 'stringValue', stringValue });
  // JavaScript orders the two the other way round.
  expect(compareValues(text('😀'), text('\uFFFD'))).toBe(1);
});
