import { expect, test } from 'vitest';
import { usageOf } from '../../bench/measure.ts';
import { deliver, eventMessage, Stage } from './harness.ts';

test('a result too large for a message goes to the bucket, and without a bucket becomes an error', async () => {
  const stage = await Stage.open();
  const [plain, copying] = [await stage.start(), await stage.start({ RESULTS_BUCKET: 'results' })];
  const lineBytes = 20_000_000;
  const one = await stage.finishedBatch({ output: { lines: 3, lineBytes } });
  const two = await stage.finishedBatch({ output: { lines: 2, lineBytes } });
  expect(await deliver(copying, eventMessage('batch.succeeded', one))).toBe(204);
  const uri = (index: number) => `gs://results/${one.replace('/', '~')}/${index}.json`;
  expect((await stage.results()).map(({ data }) => data)).toEqual([
    ...[0, 1, 2].map((index) =>
      expect.objectContaining({ key: `r000000000${index}`, uri: uri(index), bytes: expect.any(Number) }),
    ),
    { jobId: one, total: 3, ok: 3, error: 0, expected: 3, usage: expect.objectContaining({ results: 3 }) },
  ]);
  const stored = stage.storage.objects.get(uri(1).slice('gs://'.length));
  expect(JSON.parse(String(stored))).toMatchObject({ candidates: [expect.anything()] });
  expect(await deliver(plain, eventMessage('batch.succeeded', two))).toBe(204);
  expect((await stage.results()).map(({ data }) => data)).toEqual([
    expect.objectContaining({ index: 0, error: expect.objectContaining({ code: 'RESULT_TOO_LARGE' }) }),
    expect.objectContaining({
      index: 1,
      error: expect.objectContaining({ message: expect.stringContaining('BUCKET') }),
    }),
    { jobId: two, total: 2, ok: 0, error: 2, expected: 2, usage: expect.objectContaining({ results: 2 }) },
  ]);
});

test('a large line that is not a result keeps its bytes, within the memory of a small instance', async () => {
  const stage = await Stage.open();
  const running = await stage.start({ RESULTS_BUCKET: 'results' });
  const lines = [
    `{"key":"a","response":{"r":1},"metadata":"${'x'.repeat(11_000_000)}"}`,
    `{"key":"b",${'x'.repeat(8_000_000)}`,
    'x'.repeat(20_000_000),
  ];
  const batch = await stage.finishedBatch({ output: { text: lines.join('\n') } });
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  const path = (index: number) => `results/${batch.replace('/', '~')}/${index}.json`;
  const large = (index: number, code: string) => ({
    jobId: batch,
    index,
    uri: `gs://${path(index)}`,
    bytes: lines[index]?.length,
    crc32c: expect.any(String),
    error: { code, message: expect.any(String) },
  });
  expect((await stage.results()).map(({ data }) => data)).toEqual([
    { ...large(0, 'RESULT_TOO_LARGE'), key: 'a' },
    large(1, 'INVALID_LINE'),
    large(2, 'INVALID_LINE'),
    { jobId: batch, total: 3, ok: 0, error: 3, expected: 3 },
  ]);
  for (const [index, line] of lines.entries()) {
    expect(stage.storage.objects.get(path(index))?.equals(Buffer.from(line))).toBe(true);
  }
  expect(usageOf(running.pid).peakBytes).toBeLessThan(512 * 1_024 * 1_024);
}, 60_000);

test('no result is lost when the bucket refuses one: the event is delivered again', async () => {
  const stage = await Stage.open();
  const running = await stage.start({ RESULTS_BUCKET: 'results' });
  const batch = await stage.finishedBatch({ output: { lines: 2, lineBytes: 11_000_000 } });
  stage.storage.refusals = 1;
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(503);
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  expect(await stage.results()).toHaveLength(3);
});
