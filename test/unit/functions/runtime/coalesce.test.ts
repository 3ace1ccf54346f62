import { expect, test } from 'vitest';
import { coalesce } from '../../../../functions/runtime/coalesce.ts';

/** Doubles numbers, refuses a call that holds a negative one, and keeps what each call was given. */
function doubling() {
  const calls: (readonly number[])[] = [];
  const double = coalesce(async (numbers: readonly number[]) => {
    calls.push(numbers);
    if (numbers.some((number) => number < 0)) throw new RangeError('A negative number is among them.');
    return numbers.map((number) => 2 * number);
  });
  return { calls, double };
}

test('requests of one turn of the event loop share a call, and each gets its own result', async () => {
  const { calls, double } = doubling();
  const late = Promise.resolve().then(async () => await double(3));
  expect(await Promise.all([double(1), double(2), late])).toEqual([2, 4, 6]);
  expect(await double(4)).toBe(8);
  expect(calls).toEqual([[1, 2, 3], [4]]);
});

test('a call holds as many of the largest events as Pub/Sub accepts', async () => {
  const { calls, double } = doubling();
  await Promise.all(Array.from({ length: 50 }, async (_, number) => await double(number)));
  expect(calls.map(({ length }) => length)).toEqual([20, 20, 10]);
});

test('a refused request fails no other of its call', async () => {
  const { calls, double } = doubling();
  const settled = await Promise.allSettled([double(1), double(-2), double(3)]);
  expect(settled).toMatchObject([
    { value: 2 },
    { reason: new RangeError('A negative number is among them.') },
    { value: 6 },
  ]);
  expect(calls).toEqual([[1, -2, 3], [1], [-2], [3]]);
});

test('a single request is sent once', async () => {
  const { calls, double } = doubling();
  await expect(double(-1)).rejects.toThrow('negative');
  expect(calls).toEqual([[-1]]);
});
