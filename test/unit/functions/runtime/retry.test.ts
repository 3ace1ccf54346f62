import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Backoff, retrying } from '../../../../functions/runtime/retry.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Fails so many times, and notes when each attempt begins. */
function failing(times: number, error = new Error('It is overloaded.')) {
  const startedAt: number[] = [];
  const work = async () => {
    startedAt.push(performance.now());
    if (startedAt.length <= times) throw error;
    return 'done';
  };
  return { work, pauses: () => startedAt.slice(1).map((at, index) => at - (startedAt[index] ?? 0)) };
}

const always = () => ({});

test('work is repeated with pauses that grow to a maximum, with jitter of up to the same again', async () => {
  const { work, pauses } = failing(6);
  const working = retrying(work, { transienceOf: always, pauses: { firstMillis: 100, maxMillis: 1_000 } });
  await vi.runAllTimersAsync();
  expect(await working).toBe('done');
  for (const [index, least] of [100, 200, 400, 800].entries()) {
    expect(pauses()[index]).toBeGreaterThanOrEqual(least);
    expect(pauses()[index]).toBeLessThanOrEqual(Math.min(2 * least, 1_000));
  }
  expect(pauses().slice(4)).toEqual([1_000, 1_000]);
});

test('a failure that is not transient ends it at once', async () => {
  const refusal = new Error('It is refused.');
  const { work, pauses } = failing(3, refusal);
  await expect(retrying(work, { transienceOf: () => undefined })).rejects.toBe(refusal);
  expect(pauses()).toEqual([]);
});

test('a requested pause is kept', async () => {
  vi.useRealTimers();
  const { work, pauses } = failing(1);
  const transienceOf = () => ({ retryAfterSeconds: 0.2 });
  await retrying(work, { transienceOf, pauses: { firstMillis: 1, maxMillis: 2 } });
  expect(pauses()[0]).toBeGreaterThanOrEqual(195);
});

test('an abort ends it, and the last failure is thrown', async () => {
  const failure = new Error('It is overloaded.');
  const controller = new AbortController();
  const working = retrying(failing(Infinity, failure).work, { transienceOf: always, signal: controller.signal });
  setTimeout(() => controller.abort(new Error('It is over.')), 100);
  vi.advanceTimersByTimeAsync(100).catch(() => {});
  await expect(working).rejects.toBe(failure);
});

test('an abort before the first attempt throws the reason, and does no work', async () => {
  const reason = new Error('It is over.');
  const { work, pauses } = failing(0);
  await expect(retrying(work, { transienceOf: always, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(pauses()).toEqual([]);
});

test('an abort after the work has succeeded does not undo it', async () => {
  const controller = new AbortController();
  const work = async () => {
    controller.abort();
    return 'done';
  };
  expect(await retrying(work, { transienceOf: always, signal: controller.signal })).toBe('done');
});

test('the pauses of a backoff grow, and progress resets them', async () => {
  vi.useRealTimers();
  const backoff = new Backoff();
  const { signal } = new AbortController();
  const pause = async () => {
    const startedAt = performance.now();
    await backoff.pause(signal);
    return performance.now() - startedAt;
  };
  const [first, second] = [await pause(), await pause()];
  expect(first).toBeGreaterThanOrEqual(245);
  expect(second).toBeGreaterThanOrEqual(495);
  backoff.reset();
  const pausing = backoff.pause(AbortSignal.timeout(700));
  await expect(pausing).resolves.toBeUndefined();
});
