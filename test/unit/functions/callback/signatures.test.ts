import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSignatures } from '../../../../functions/callback/signatures.ts';

const v1 = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => `v1,${Buffer.from(bytes).toString('base64')}`);
const v1a = fc
  .uint8Array({ minLength: 64, maxLength: 64 })
  .map((bytes) => `v1a,${Buffer.from(bytes).toString('base64')}`);
const part = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64url'));
const jwt = fc.tuple(part, part, part).map((parts) => parts.join('.'));
const junk = fc.constantFrom('', 'v1', 'v1,', 'v1,AAAA', 'v2,x', ',', 'v1a,AAAA', 'a.b', 'a.b.c.d', 'v1 ,x', 'V1,AAAA');

test('every entry of a known shape is found, in order, with any text between', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(v1, v1a, jwt, junk), { maxLength: 12 }), (entries) => {
      const distinct = [...new Set(entries.join(' ').split(' '))];
      const found = parseSignatures(entries.join(' '));
      expect(found.v1).toEqual(
        distinct.filter((entry) => entry.startsWith('v1,') && entry.length === 47).map((entry) => entry.slice(3)),
      );
      expect(found.v1a.map((bytes) => bytes.length)).toEqual(
        distinct.filter((entry) => entry.startsWith('v1a,') && entry.length === 92).map(() => 64),
      );
      expect(found.jwt).toEqual(
        distinct.filter((entry) => entry.split('.').filter(Boolean).length === 3 && entry.split('.').length === 3),
      );
    }),
  );
});

test('any text is read without an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (header) => {
      expect(Object.keys(parseSignatures(header))).toEqual(['v1', 'v1a', 'jwt']);
    }),
  );
});

test('the number of public-key checks of one request is limited, that of HMACs is not', () => {
  const many = (prefix: string, bytes: number) =>
    Array.from({ length: 40 }, (_, n) => `${prefix}${Buffer.alloc(bytes, n).toString('base64')}`).join(' ');
  expect(parseSignatures(many('v1a,', 64)).v1a).toHaveLength(32);
  expect(parseSignatures(many('v1,', 32)).v1).toHaveLength(40);
  expect(parseSignatures(Array.from({ length: 40 }, (_, n) => `a.b.c${n}`).join(' ')).jwt).toHaveLength(32);
});
