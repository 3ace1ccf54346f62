import { expect, test } from 'vitest';
import type { JobResult } from '../../../../../functions/model/result.ts';
import type { SourcedResult } from '../../../../../functions/results/sources/source.ts';
import { NOTHING_YET } from '../../../../../functions/model/progress.ts';
import { Tally } from '../../../../../functions/results/publishing/tally.ts';

const usage = { inputTokens: 1, outputTokens: 1, thoughtTokens: 0, cachedTokens: 0, totalTokens: 2, results: 1 };

function result(index: number, more: Partial<JobResult> = {}, position = index + 1): SourcedResult {
  return { result: { index, status: 'ok', fields: {}, usage, ...more }, position };
}

test('counts results in order', () => {
  const tally = new Tally({ ...NOTHING_YET, position: 2, published: 2, failed: 1, usage });
  tally.expect(9);
  expect(tally.add(result(2, {}, 30), true)).toMatchObject({ position: 30, published: 3, failed: 2 });
  expect(tally.add(result(3, { usage: undefined }), false)).toMatchObject({
    published: 4,
    failed: 2,
    expected: 9,
    total: 9,
  });
  expect(tally.end().usage).toMatchObject({ totalTokens: 4, results: 2 });
});

test('counts a result ahead of a gap once the gap is closed', () => {
  const tally = new Tally(NOTHING_YET);
  expect(tally.add(result(2), true)).toMatchObject({ published: 0, failed: 0 });
  expect(tally.add(result(0), false)).toMatchObject({ published: 1, failed: 0 });
  expect(tally.add(result(1), false)).toMatchObject({ position: 3, published: 3, failed: 1, usage: { results: 3 } });
});

test('counts the results behind gaps at the end', () => {
  const tally = new Tally(NOTHING_YET);
  tally.add(result(1), false);
  tally.add(result(3), true);
  expect(tally.end()).toMatchObject({ published: 2, failed: 1, usage: { results: 2 } });
});
