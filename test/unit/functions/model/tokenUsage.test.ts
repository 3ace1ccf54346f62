import { expect, test } from 'vitest';
import { addTokenUsage, tokenUsageIn } from '../../../../functions/model/tokenUsage.ts';

function readTokenUsage(counts: readonly (readonly [string, unknown])[]) {
  return tokenUsageIn(Object.fromEntries(counts));
}

const NONE = { inputTokens: 0, outputTokens: 0, thoughtTokens: 0, cachedTokens: 0, totalTokens: 0, results: 1 };

test("reads the counts by either of Gemini's spellings", () => {
  const counts = { inputTokens: 1, outputTokens: 2, thoughtTokens: 3, cachedTokens: 4, totalTokens: 5, results: 1 };
  expect(
    readTokenUsage([
      ['promptTokenCount', '1'],
      ['candidatesTokenCount', 2],
      ['thoughtsTokenCount', 3],
      ['cachedContentTokenCount', 4],
      ['totalTokenCount', 5],
      ['toolUsePromptTokenCount', 6],
    ]),
  ).toEqual(counts);
  expect(
    readTokenUsage([
      ['total_input_tokens', 1],
      ['total_output_tokens', 2],
      ['total_thought_tokens', 3],
      ['total_cached_tokens', 4],
      ['total_tokens', 5],
    ]),
  ).toEqual(counts);
});

test('ignores values that are not counts', () => {
  for (const value of [undefined, null, 1, 'x', [1], {}]) expect(tokenUsageIn(value)).toBeUndefined();
  for (const count of [-1, 1.5, '1.5', '-1', '', '9'.repeat(19), null, {}, [1]])
    expect(readTokenUsage([['totalTokenCount', count]])).toBeUndefined();
  expect(
    readTokenUsage([
      ['promptTokenCount', NaN],
      ['other', 1],
      ['totalTokenCount', 2 ** 60],
    ]),
  ).toBeUndefined();
  expect(
    readTokenUsage([
      ['promptTokenCount', NaN],
      ['totalTokenCount', 7],
    ]),
  ).toEqual({ ...NONE, totalTokens: 7 });
});

test('adds counts, also to none', () => {
  const one = { ...NONE, inputTokens: 1, totalTokens: 2 };
  expect(addTokenUsage(undefined, undefined)).toBeUndefined();
  expect(addTokenUsage(one, undefined)).toEqual(one);
  expect(addTokenUsage(undefined, one)).toEqual(one);
  expect(addTokenUsage(one, one)).toEqual({ ...NONE, inputTokens: 2, totalTokens: 4, results: 2 });
});
