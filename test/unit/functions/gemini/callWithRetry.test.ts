import { once } from 'node:events';
import { expect, test } from 'vitest';
import { callWithRetry } from '../../../../functions/gemini/callWithRetry.ts';
import { GeminiError } from '../../../../functions/gemini/errors.ts';

/** A call that hears of no signal, as one whose request was collected as garbage. */
const silent = async () => await new Promise<never>(() => {});
const within = (millis: number) => AbortSignal.timeout(millis);

test('an attempt that is not answered in time is given up, and another one made', async () => {
  const attempts: AbortSignal[] = [];
  const answer = await callWithRetry(
    async (attempt) => {
      attempts.push(attempt);
      return attempts.length === 1 ? await silent() : 'answered';
    },
    within(10_000),
    50,
  );
  expect(answer).toBe('answered');
  expect(attempts.map(({ aborted }) => aborted)).toEqual([true, false]);
});

test('nothing is waited for when the signal is aborted', async () => {
  const stopping = new AbortController();
  const asking = callWithRetry(silent, stopping.signal);
  stopping.abort(new Error('The instance ends.'));
  await expect(asking).rejects.toThrow('The instance ends.');
  await expect(callWithRetry(silent, stopping.signal)).rejects.toThrow('The instance ends.');
});

test('an attempt is told when nobody waits for it any more', async () => {
  const stopping = new AbortController();
  const told = callWithRetry(async (attempt) => await once(attempt, 'abort'), stopping.signal);
  stopping.abort(new Error('The instance ends.'));
  await expect(told).rejects.toThrow('The instance ends.');
});

test('a refusal is final', async () => {
  let attempts = 0;
  const asking = callWithRetry(async () => {
    attempts += 1;
    throw new GeminiError('Gone', { httpStatus: 404 });
  }, within(5_000));
  await expect(asking).rejects.toThrow('Gone');
  expect(attempts).toBe(1);
});
