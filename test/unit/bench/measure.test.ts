import { describe, expect, test } from 'vitest';
import { type Figure, lineOf, median, regressions } from '../../bench/measure.ts';

const figure = (product: number[], reference?: number[]) => ({
  name: 'latency',
  unit: 'ms',
  product,
  ...(reference && { reference }),
});

/** A section with one figure, and a baseline of it. */
const found = (one: Figure, before?: number) =>
  regressions(
    [{ title: 'callback', beside: '', figures: [one] }],
    before === undefined ? {} : { callback: { latency: before } },
  );

describe('a regression', () => {
  test('is a ratio that has doubled, on any machine', () => {
    expect(found(figure([30, 50, 40], [100, 100, 100]), 0.21)).toEqual([]);
    expect(found(figure([30, 50, 40], [100, 100, 100]), 0.2)).toEqual(['callback: latency: was 0.2, is 0.4']);
  });

  test('is a figure that has doubled, where it stands beside nothing', () => {
    expect(found(figure([199]), 100)).toEqual([]);
    expect(found(figure([200]), 100)).toHaveLength(1);
  });

  test('is a rate that has halved', () => {
    const rate = { ...figure([50], [10]), isRate: true };
    expect(found(rate, 9.9)).toEqual([]);
    expect(found(rate, 10)).toHaveLength(1);
  });

  test('is unknown for a figure that has no baseline', () => {
    expect(found(figure([1]))).toEqual([expect.stringContaining('--write')]);
  });
});

test('a ratio is that of each round, and the middle one counts', () => {
  expect(median([3, 1, 2, 10])).toBe(2.5);
  const line = lineOf({ ...figure([1, 2, 9], [10, 10, 10]), goal: 0.15 });
  expect(line).toContain('ratio 0.2 (0.1 to 0.9)');
  expect(line).toContain('goal ≤ 0.15  MISSED');
});
