import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Deadline } from '../../../../functions/runtime/deadline.ts';

const REFUSAL = ['STORE_UNAVAILABLE', 'Firestore did not answer.'] as const;

test('the time left shrinks, and is never below zero', async () => {
  const deadline = Deadline.inMillis(20);
  expect(deadline.remainingMillis).toBeGreaterThan(0);
  deadline.requireTime('STORE_UNAVAILABLE');
  await sleep(30);
  expect(deadline.remainingMillis).toBe(0);
  expect(() => deadline.requireTime('STORE_UNAVAILABLE')).toThrow(
    expect.objectContaining({ reason: 'STORE_UNAVAILABLE' }),
  );
});

test.each([
  ['a step of less time', (whole: Deadline) => whole.atMost(1_000), 1_000],
  ['a step of more time', (whole: Deadline) => whole.atMost(20_000), 10_000],
  ['time reserved for cleanup', (whole: Deadline) => whole.reserving(4_000), 6_000],
])('%s', (_name, part, millis) => {
  const { remainingMillis } = part(Deadline.inMillis(10_000));
  expect(remainingMillis).toBeLessThanOrEqual(millis);
  expect(remainingMillis).toBeGreaterThan(millis - 500);
});

test('its signal aborts at the deadline', async () => {
  const { signal } = Deadline.inMillis(20);
  expect(signal.aborted).toBe(false);
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve);
  });
});

test('work within the deadline returns its result or throws its failure', async () => {
  const deadline = Deadline.inMillis(5_000);
  expect(await deadline.race(Promise.resolve(1), ...REFUSAL)).toBe(1);
  const failure = new RangeError('It is too large.');
  await expect(deadline.race(Promise.reject(failure), ...REFUSAL)).rejects.toBe(failure);
});

test('work beyond the deadline fails with the reason, without waiting', async () => {
  const never = new Promise<never>(() => {});
  const racing = Deadline.inMillis(20).race(never, ...REFUSAL);
  await expect(racing).rejects.toMatchObject({ reason: REFUSAL[0], message: REFUSAL[1] });
});

test("a dependency's failure gets the reason, and stays its cause", async () => {
  const failure = new Error('The channel is closed.');
  const waiting = Deadline.inMillis(5_000).wait(Promise.reject(failure), ...REFUSAL);
  await expect(waiting).rejects.toMatchObject({ reason: REFUSAL[0], cause: failure });
});

test('a reason that the failure already has is kept', async () => {
  const late = Deadline.inMillis(0).race(new Promise<never>(() => {}), 'DEADLINE_EXCEEDED', 'It is over.');
  const waiting = Deadline.inMillis(5_000).wait(late, ...REFUSAL);
  await expect(waiting).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
});
