import fc from 'fast-check';
import { FieldPath } from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import { getField, parseFieldPath, withField } from '../../../../../local/backends/firestore/document.ts';

test('parses every path as the client writes it', () => {
  const segments = fc.array(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(segments, (path) => {
      const { formattedName } = new FieldPath(...path) as unknown as { formattedName: string };
      expect(parseFieldPath(formattedName)).toEqual(path);
    }),
  );
});

test.each(['', '.', 'a..b', 'a.', '.a', 'a b', '1a', '`', '``', 'a.`b'])('refuses the path "%s"', (path) => {
  expect(() => parseFieldPath(path)).toThrow(`Invalid property path "${path}"`);
});

test('a field is set in a copy, through maps that are missing or not maps, and removed', () => {
  const value = { valueType: 'booleanValue', booleanValue: true } as const;
  const fields = withField({ a: value }, ['a', 'b', 'c'], value);
  expect(getField(fields, ['a', 'b', 'c'])).toEqual(value);
  const removed = withField(fields, ['a', 'b', 'c'], undefined);
  expect(getField(removed, ['a', 'b'])).toEqual({ valueType: 'mapValue', mapValue: { fields: {} } });
  expect(getField(fields, ['a', 'b', 'c'])).toEqual(value);
  expect(withField(fields, ['missing', 'x'], undefined)).toBe(fields);
  expect(getField(fields, ['constructor'])).toBeUndefined();
});
