import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CommonFields, EncodableMessage } from '../../../../../functions/model/publishRequest.ts';
import { BatchPublisher } from '../../../../../functions/results/publishing/batchPublisher.ts';

const common = new CommonFields({ attributes: {} });
const message = (bytes = 10) => new EncodableMessage(common, {}, [Buffer.alloc(bytes)]);

/** A publisher whose calls a test answers one by one, and a record that is up to date at once, or when it says so. */
function setUp({ isBehind = false } = {}) {
  const recorded = Promise.withResolvers<void>();
  if (!isBehind) recorded.resolve();
  const calls: { count: number; length: number; done: () => void; fail: (error: Error) => void }[] = [];
  const marks: number[] = [];
  const flow = new BatchPublisher<number>({
    publish: async ({ count, length }) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      calls.push({ count, length, done: resolve, fail: reject });
      await promise;
    },
    onPublished: async (mark) => {
      marks.push(mark);
      await recorded.promise;
    },
  });
  return { calls, marks, flow, recorded };
}

test('the first message is sent at once, and later ones are sent together', async () => {
  const { calls, marks, flow } = setUp();
  for (let mark = 1; mark <= 5; mark += 1) await flow.add(message(), mark);
  expect(calls.map(({ count }) => count)).toEqual([1]);
  calls[0]?.done();
  await turn();
  expect(calls.map(({ count }) => count)).toEqual([1, 4]);
  expect(marks).toEqual([1]);
  const ended = flow.end();
  calls[1]?.done();
  await ended;
  expect(marks).toEqual([1, 5]);
});

test.for([
  ['1,000 messages', 10, 1_001],
  ['a megabyte', 300_000, 4],
] as const)('no more than %s gather: then the source waits', async ([, size, room]) => {
  const { calls, flow } = setUp();
  let added = 0;
  const adding = (async () => {
    for (let mark = 1; mark <= 3_000; mark += 1) {
      await flow.add(message(size), mark);
      added += 1;
    }
  })();
  await turn();
  expect(added).toBe(room);
  calls[0]?.done();
  await turn();
  expect(added).toBe(room * 2 - 1);
  expect(calls[1]?.count).toBe(room - 1);
  calls[1]?.fail(new Error('over'));
  await expect(adding).rejects.toThrow('over');
});

test('gathered messages wait for the record', async () => {
  const { calls, marks, flow, recorded } = setUp({ isBehind: true });
  for (let mark = 1; mark <= 3; mark += 1) await flow.add(message(), mark);
  calls[0]?.done();
  await turn();
  expect(marks).toEqual([1]);
  expect(calls).toHaveLength(1);
  recorded.resolve();
  await turn();
  expect(calls.map(({ count }) => count)).toEqual([1, 2]);
});

test('add and end throw a failure, and nothing more is published', async () => {
  const { calls, marks, flow } = setUp();
  await flow.add(message(), 1);
  calls[0]?.fail(new Error('refused'));
  await turn();
  expect(() => flow.add(message(), 2)).toThrow('refused');
  await expect(flow.end()).rejects.toThrow('refused');
  expect(calls).toHaveLength(1);
  expect(marks).toEqual([]);
});
