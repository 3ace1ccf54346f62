import fc from 'fast-check';
import { expect, test } from 'vitest';
import { entryResult } from '../../../../functions/results/entry.ts';
import { smallEntryResult } from '../../../../functions/results/smallEntry.ts';
import { JSON_TEST_SUITE, jsonNumbers, jsonTexts, nested } from '../../../support/json.ts';
import { decodeMessage, messagesAbout } from '../../../support/messages.ts';

const job = { name: 'batches/b', kind: 'batch' } as const;
const messages = messagesAbout(job);

/** Compares the native and the scanner's result of a line. Returns `false` where the scanner alone decides. */
async function agree(line: Buffer | string): Promise<boolean> {
  const bytes = Buffer.from(line);
  const entry = { bytes, length: bytes.length };
  const small = smallEntryResult(entry, 7);
  if (small === undefined) return false;
  const scanned = await entryResult(entry, 7, 'INVALID_LINE');
  expect(decodeMessage(messages.result(small))).toEqual(decodeMessage(messages.result(scanned)));
  const { status, usage, content } = scanned;
  expect({ status: small.status, usage: small.usage, content: small.content }).toEqual({ status, usage, content });
  return true;
}

/** Names that decide, also with escapes, and some that do not. */
const names = fc.oneof(
  fc.constantFrom('key', 'response', 'response', 'error', 'metadata', 'index', 'uri', 'usageMetadata', 'other', ''),
  fc.constantFrom('__proto__', 'k\\u0065y', '\\u0072esponse', 'm\\u0065tadata', 'i\\u006edex', 'usageM\\u0065tadata'),
);
const counts = fc.oneof(
  jsonNumbers,
  fc.nat().map((count) => `"${count}"`),
  fc.constantFrom('1.0', '1e2', '-0', '"1e2"', 'null'),
);
const usage = fc
  .array(fc.tuple(fc.constantFrom('promptTokenCount', 'totalTokenCount', 'total\\u0054okenCount', 'other'), counts))
  .map((members) => objectOf(members));
const keys = fc.oneof(
  fc.string({ unit: 'binary' }).map((key) => JSON.stringify(key)),
  fc.constantFrom('"\\u0061\\/"', '"\\ud800"', 'null', '5', '5e2', 'true', '{}', '""'),
);
const spaces = fc.constantFrom('', '', '', '', '', '', ' ', '\t', '\r', '\u00a0', '\ufeff');

const { line: lines } = fc.letrec<{ line: string; value: string; member: readonly [string, string] }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, jsonTexts, usage, keys, tie('line')),
  member: fc.tuple(names, fc.oneof(tie('value'), fc.constantFrom('null', '1'))),
  line: fc
    .tuple(fc.array(tie('member'), { minLength: 1, maxLength: 5 }), spaces, spaces)
    .map(([members, before, between]) => `${before}${objectOf(members, between)}`),
}));

function objectOf(members: readonly (readonly [string, string])[], space = ''): string {
  return `{${members.map(([name, value]) => `"${name}"${space}:${value}`).join(`,${space}`)}}`;
}

test('both readers make the same result of any line, with duplicate and escaped names', async () => {
  let native = 0;
  await fc.assert(
    fc.asyncProperty(lines, async (line) => {
      native += Number(await agree(line));
    }),
    { numRuns: 3_000 },
  );
  expect(native).toBeGreaterThan(100);
});

test('both readers make the same result where any bytes of a line change', async () => {
  const bytes = fc.constantFrom(...Buffer.from('{}[]",:\\0-.eu \n\r\x00\xc3\xbc\xff', 'latin1'));
  let native = 0;
  await fc.assert(
    fc.asyncProperty(
      keys,
      usage,
      jsonTexts,
      fc.array(fc.tuple(fc.nat(), bytes), { maxLength: 2 }),
      async (key, tokens, value, changes) => {
        const line = Buffer.from(`{"key":${key},"response":{"usageMetadata":${tokens},"x":${value}}}`);
        for (const [place, byte] of changes) line[place % line.length] = byte;
        native += Number(await agree(line));
      },
    ),
    { numRuns: 2_000 },
  );
  expect(native).toBeGreaterThan(100);
});

test('both readers agree on the texts of JSONTestSuite', async () => {
  let native = 0;
  for (const [, text] of JSON_TEST_SUITE) {
    for (const line of [
      text,
      `{"key":"k","response":${text}}`,
      `{"key":${text},"response":1}`,
      `{${text}:1,"response":1}`,
    ])
      native += Number(await agree(line));
  }
  expect(native).toBeGreaterThan(100);
});

test.for([
  '{"key":"a","response":{"text":"hello"}}',
  '{"key":"a","error":{"code":3}}',
  '{"response":{},"metadata":{"key":null}}',
  `{"key":"a","response":${nested(511)}}`,
])('reads a line natively: %#', async (line) => {
  expect(await agree(line)).toBe(true);
});

test.for([
  '{"key":5,"response":1}',
  '{"response":1,"metadata":{"key":"a"}}',
  '{"key":"a","index":1,"response":1}',
  '{"key":"a","response":null}',
  '{"key":"a","response":1',
  '[]',
  `{"key":"a","response":${nested(512)}}`,
  `{"key":"a","response":1,"response":${nested(600)},"response":1}`,
  `{"key":"a","response":"${'x'.repeat(65_536)}"}`,
])('leaves a line to the scanner: %#', async (line) => {
  expect(await agree(line)).toBe(false);
});
