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

/** Returns `true` where the promise is fulfilled soon. */
async function isKept(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), sleep(50, false)]);
}

test('waits for the record when it is two thousand results behind', async () => {
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

test('a failed write is repeated with the latest progress', async () => {
  const { checkpoints, writes, lost } = setUp();
  await checkpoints.reached(upTo(1_000));
  await checkpoints.reached(upTo(1_500));
  writes[0]?.fail(new Error('unavailable'));
  await expect.poll(() => writes.map(({ published }) => published)).toEqual([1_000, 1_500]);
  writes[1]?.answer(true);
  expect(lost).toEqual([]);
});

test('reports the lease as lost when no write has succeeded for its duration', async () => {
  const { checkpoints, writes, lost } = setUp({ leaseMillis: 20 });
  await checkpoints.reached(upTo(1_000));
  await sleep(25);
  const error = new Error('unavailable');
  writes[0]?.fail(error);
  await expect.poll(() => lost).toEqual([error]);
  expect(writes).toHaveLength(1);
});

test('reports the lease as lost at once when another owner holds it', async () => {
  const { checkpoints, writes, lost } = setUp();
  await checkpoints.reached(upTo(1_000));
  writes[0]?.answer(false);
  await expect.poll(() => lost).toEqual([undefined]);
});

test('stop waits for the pending write and does not retry it', async () => {
  const { checkpoints, writes } = setUp();
  await checkpoints.reached(upTo(1_000));
  const stopping = checkpoints.stop();
  expect(await isKept(stopping)).toBe(false);
  writes[0]?.fail(new Error('unavailable'));
  await stopping;
  expect(writes).toHaveLength(1);
});
