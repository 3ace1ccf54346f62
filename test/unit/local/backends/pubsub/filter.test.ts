import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFilter } from '../../../../../local/backends/pubsub/filter.ts';

const attributes = { type: 'batch', 'ce-type': 'batch.succeeded', 'iana.org/language_tag': 'en', empty: '' };

describe('a filter matches by', () => {
  test.each([
    ['nothing at all', ' ', true],
    ['a key', 'attributes:type', true],
    ['a missing key', 'attributes:other', false],
    ['a key whose value is empty', 'attributes:empty', true],
    ['a key that every object has', 'attributes:constructor', false],
    ['a key with a hyphen', 'attributes:ce-type', true],
    ['a key in quotes', 'attributes:"iana.org/language_tag"', true],
    ['a value', 'attributes.type = "batch"', true],
    ['a value in another case', 'attributes.type = "Batch"', false],
    ['a value without spaces', 'attributes."iana.org/language_tag"="en"', true],
    ['another value', 'attributes.type != "video"', true],
    ['the same value', 'attributes.type != "batch"', false],
    ['another value of a missing key', 'attributes.other != "a"', true],
    ['a prefix', 'hasPrefix(attributes.ce-type, "batch.")', true],
    ['another prefix', 'hasPrefix ( attributes.type , "v" )', false],
    ['the empty prefix of a missing key', 'hasPrefix(attributes.other, "")', false],
    ['NOT', 'NOT attributes:other', true],
    ['minus', '-attributes:type', false],
    ['several negations', 'NOT -NOT attributes:other', true],
    ['AND', 'attributes:type AND attributes:empty AND attributes:other', false],
    ['OR', 'attributes:other OR attributes:another OR attributes:type', true],
    ['parentheses', 'attributes:type AND (attributes:other OR -(attributes:another))', true],
    ['NOT before AND', 'NOT attributes:other AND attributes:type', true],
    ['a key named like an operator', 'attributes:type AND NOT attributes:AND', true],
    ['lines', 'attributes:type\n\tAND\n attributes:empty', true],
    ['an escape sequence', String.raw`attributes.type = "b\u0061tch"`, true],
  ])('%s', (_, filter, matches) => {
    expect(parseFilter(filter)(attributes)).toBe(matches);
  });
});

const COMPARISON = /expected attributes:KEY, .* at character/;

describe('a filter is refused', () => {
  test.each([
    ['with AND and OR beside each other', 'attributes:a AND attributes:b OR attributes:c', /parentheses.*character 34/],
    ['with OR and AND beside each other', 'attributes:a OR attributes:b AND attributes:c', /parentheses/],
    [
      'with an operator in small letters',
      'attributes:a and attributes:b',
      /expected AND, OR or the end at character 14/,
    ],
    ['that ends after an operator', 'attributes:a AND', /attributes:KEY.*character 17/],
    ['with incomplete expressions', 'attributes:(a OR b)', COMPARISON],
    ['with a value on the left', '"a" = attributes.b', COMPARISON],
    ['that compares two keys', 'attributes.a = attributes.b', COMPARISON],
    ['with a value in single quotes', "attributes.a = 'b'", COMPARISON],
    ['with an open string', 'attributes.a = "b', COMPARISON],
    ['with an open parenthesis', '(attributes:a', /"\)"/],
    ['with another function', 'hasSuffix(attributes.a, "b")', COMPARISON],
    ['with another field', 'data:a', COMPARISON],
    ['with another operator', 'attributes.a > "b"', COMPARISON],
    ['without an operator', 'attributes.a', COMPARISON],
    ['without a key', 'attributes', COMPARISON],
    ['with an unknown escape sequence', String.raw`attributes.a = "\q"`, COMPARISON],
    ['longer than 256 bytes', `attributes:"${'é'.repeat(123)}"`, /longer than 256 bytes/],
  ])('%s', (_, filter, message) => {
    expect(() => parseFilter(filter)).toThrow(expect.objectContaining({ code: status.INVALID_ARGUMENT }) as Error);
    expect(() => parseFilter(filter)).toThrow(message);
  });
});

/** A filter's text and what it must decide, by the attributes `a`, `b` and `c`. */
interface Expression {
  readonly text: string;
  readonly matches: (attributes: Readonly<Record<string, string>>) => boolean;
}

const key = fc.constantFrom('a', 'b', 'c');
const value = fc.string({ unit: fc.constantFrom('x', 'y', '"', '\\', '\n', 'é'), maxLength: 3 });
const quoted = (text: string) => JSON.stringify(text);

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    key.map((k): Expression => ({ text: `attributes:${k}`, matches: (all) => all[k] !== undefined })),
    fc
      .tuple(key, value)
      .map(([k, v]): Expression => ({ text: `attributes.${k}=${quoted(v)}`, matches: (all) => all[k] === v })),
    fc
      .tuple(key, value)
      .map(([k, v]): Expression => ({ text: `attributes."${k}" != ${quoted(v)}`, matches: (all) => all[k] !== v })),
    fc.tuple(key, value).map(([k, v]): Expression => ({
      text: `hasPrefix(attributes.${k},${quoted(v)})`,
      matches: (all) => all[k]?.startsWith(v) ?? false,
    })),
    fc
      .tuple(fc.constantFrom('NOT ', '-'), tie('expression'))
      .map(([not, { text, matches }]): Expression => ({ text: `${not}(${text})`, matches: (all) => !matches(all) })),
    fc
      .tuple(fc.constantFrom('AND', 'OR'), fc.array(tie('expression'), { minLength: 2, maxLength: 3 }))
      .map(([operator, operands]): Expression => ({
        text: operands.map(({ text }) => `(${text})`).join(` ${operator} `),
        matches: (all) =>
          operator === 'AND'
            ? operands.every(({ matches }) => matches(all))
            : operands.some(({ matches }) => matches(all)),
      })),
  ),
}));

test('every filter of the syntax decides as it reads', () => {
  const messages = fc.dictionary(key, value, { maxKeys: 3, noNullPrototype: true });
  fc.assert(
    fc.property(expression, messages, ({ text, matches }, message) => {
      fc.pre(Buffer.byteLength(text) <= 256);
      expect(parseFilter(text)(message)).toBe(matches(message));
    }),
    { numRuns: 2_000 },
  );
});

test('any other text is refused with INVALID_ARGUMENT and nothing else', () => {
  const parts = ['attributes', ':', '.', 'a', '"a"', '=', '!=', '(', ')', 'AND', 'OR', 'NOT', '-', ' ', '\\'];
  const outcome = (text: string): unknown => {
    try {
      return typeof parseFilter(text)({ a: 'a' });
    } catch (error) {
      return (error as { code?: status }).code;
    }
  };
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 12 }), (text) => {
      expect(['boolean', status.INVALID_ARGUMENT]).toContain(outcome(text.join('')));
    }),
    { numRuns: 2_000 },
  );
});
