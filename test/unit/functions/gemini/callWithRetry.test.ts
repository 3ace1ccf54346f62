import { once } from 'node:events';
import { expect, test } from 'vitest';
import { callWithRetry } from '../../../../functions/gemini/callWithRetry.ts';
import { GeminiError } from '../../../../functions/gemini/errors.ts';

/** A call that ignores its signal, like a `fetch` whose request was garbage-collected. */
const silent = async () => await new Promise<never>(() => {});
const within = (millis: number) => AbortSignal.timeout(millis);

test('an attempt without an answer in time is aborted and repeated', async () => {
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

test('an aborted signal ends the call at once', async () => {
  const stopping = new AbortController();
  const asking = callWithRetry(silent, stopping.signal);
  stopping.abort(new Error('The instance ends.'));
  await expect(asking).rejects.toThrow('The instance ends.');
  await expect(callWithRetry(silent, stopping.signal)).rejects.toThrow('The instance ends.');
});

test('an aborted signal aborts the attempt', async () => {
  const stopping = new AbortController();
  const attempt = callWithRetry(async (signal) => await once(signal, 'abort'), stopping.signal);
  stopping.abort(new Error('The instance ends.'));
  await expect(attempt).rejects.toThrow('The instance ends.');
});

test('a refusal is not repeated', async () => {
  let attempts = 0;
  const asking = callWithRetry(async () => {
    attempts += 1;
    throw new GeminiError('Not found', { httpStatus: 404, status: 'NOT_FOUND' });
  }, within(5_000));
  await expect(asking).rejects.toThrow('Not found');
  expect(attempts).toBe(1);
});

test('a signal that aborts while Gemini fails throws the failure instead of the time-out', async () => {
  const asking = callWithRetry(async () => {
    throw new GeminiError('Overloaded', { httpStatus: 503 });
  }, within(300));
  await expect(asking).rejects.toMatchObject({ message: 'Overloaded', httpStatus: 503 });
});

test('a pause that Gemini requests is kept, and one of minutes ends the call', async () => {
  const startedAt = performance.now();
  let attempts = 0;
  const overloaded = (retryAfterSeconds: number) => async () => {
    attempts += 1;
    if (attempts === 1) throw new GeminiError('Overloaded', { httpStatus: 429, retryAfterSeconds });
    return attempts;
  };
  expect(await callWithRetry(overloaded(1), within(10_000))).toBe(2);
  expect(performance.now() - startedAt).toBeGreaterThan(1_000);
  attempts = 0;
  await expect(callWithRetry(overloaded(120), within(10_000))).rejects.toThrow('Overloaded');
  expect(attempts).toBe(1);
});
