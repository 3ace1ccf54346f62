import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { NOTHING_YET, type Progress } from '../../../../../functions/model/progress.ts';
import { Checkpoints } from '../../../../../functions/results/publishing/checkpoints.ts';

const upTo = (published: number): Progress => ({ ...NOTHING_YET, published });

/** A record whose writes a test answers one by one. */
function setUp({ leaseMillis = 10_000 } = {}) {
  const writes: { published: number; answer: (isHeld: boolean) => void; fail: (error: Error) => void }[] = [];
  const lost: unknown[] = [];
  const checkpoints = new Checkpoints(NOTHING_YET, {
    save: async ({ published }) => {
      const { promise, resolve, reject } = Promise.withResolvers<boolean>();
      writes.push({ published, answer: resolve, fail: reject });
      return await promise;
    },
    leaseMillis,
    onLost: (cause) => lost.push(cause),
  });
  onTestFinished(async () => await checkpoints.stop());
  return { checkpoints, writes, lost };
}

/** Whether it is kept while a test looks. */
async function isKept(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), sleep(50, false)]);
}

test('whoever is two thousand ahead of the record waits for it', async () => {
  const { checkpoints, writes } = setUp();
  expect(await isKept(checkpoints.reached(upTo(1_000)))).toBe(true);
  expect(await isKept(checkpoints.reached(upTo(1_999)))).toBe(true);
  const waiting = checkpoints.reached(upTo(2_000));
  expect(await isKept(waiting)).toBe(false);
  writes[0]?.answer(true);
  expect(await isKept(waiting)).toBe(true);
  expect(await isKept(checkpoints.reached(upTo(2_500)))).toBe(true);
  expect(writes.map(({ published }) => published)).toEqual([1_000, 2_500]);
  writes[1]?.answer(true);
});

test('a write that fails is tried again, of what is the latest then', async () => {
  const { checkpoints, writes, lost } = setUp();
  await checkpoints.reached(upTo(1_000));
  await checkpoints.reached(upTo(1_500));
  writes[0]?.fail(new Error('unavailable'));
  await expect.poll(() => writes.map(({ published }) => published)).toEqual([1_000, 1_500]);
  writes[1]?.answer(true);
  expect(lost).toEqual([]);
});

test('the work is lost when no write has succeeded for as long as a lease holds', async () => {
  const { checkpoints, writes, lost } = setUp({ leaseMillis: 20 });
  await checkpoints.reached(upTo(1_000));
  await sleep(25);
  const error = new Error('unavailable');
  writes[0]?.fail(error);
  await expect.poll(() => lost).toEqual([error]);
  expect(writes).toHaveLength(1);
});

test("the work is lost at once when the lease is another's", async () => {
  const { checkpoints, writes, lost } = setUp();
  await checkpoints.reached(upTo(1_000));
  writes[0]?.answer(false);
  await expect.poll(() => lost).toEqual([undefined]);
});

test('to stop is to wait for the write that is on its way, and not to try it again', async () => {
  const { checkpoints, writes } = setUp();
  await checkpoints.reached(upTo(1_000));
  const stopping = checkpoints.stop();
  expect(await isKept(stopping)).toBe(false);
  writes[0]?.fail(new Error('unavailable'));
  await stopping;
  expect(writes).toHaveLength(1);
});
