import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eventually } from '../../local/process.ts';
import { allOf, deliver, eventMessage, Stage } from '../contract/results/harness.ts';

/** Delivers like Pub/Sub: repeatedly, until acknowledged. */
async function deliverUntilDone(running: Parameters<typeof deliver>[0], message: object): Promise<number[]> {
  const statuses: number[] = [];
  while (statuses.at(-1) !== 204) {
    if (statuses.length > 0) await sleep(500);
    statuses.push(await deliver(running, message));
  }
  return statuses;
}

/** A killed owner does not release its lease: until it expires, the event is deferred. */
async function leaseEnds(stage: Stage, batch: string): Promise<void> {
  const { leaseUntil } = (await stage.record(batch))?.['results'] ?? {};
  await sleep(leaseUntil.toMillis() - Date.now());
}

test('100,000 lines, downloads that are cut, instances that are killed: every index arrives and the counts are right', async () => {
  const lines = 100_000;
  const stage = await Stage.open({
    ordered: false,
    settings: { api: { faults: [{ method: 'files.download', cutAfterBytes: 7_000_000 }] } },
  });
  const batch = await stage.batch();
  await stage.simulator.finish(batch, { output: { lines, lineBytes: 400, errorEvery: 100 } });
  const message = eventMessage('batch.succeeded', batch);
  const reading = stage.project.messagesUntil('gemini-results', allOf(lines + 1));

  const kills = 2;
  for (let kill = 1; kill <= kills; kill += 1) {
    const doomed = await stage.start();
    const delivering = deliver(doomed, message);
    await eventually('it is well on its way', 60_000, async () => {
      const { published = 0 } = (await stage.record(batch))?.['results'] ?? {};
      return published >= kill * 20_000 || undefined;
    });
    await doomed.end('SIGKILL');
    expect(await delivering).toBe(0);
    await leaseEnds(stage, batch);
  }
  const statuses = await deliverUntilDone(await stage.start(), message);
  expect(statuses.filter((status) => status !== 503)).toEqual([204]);

  const messages = await reading;
  const ids = messages.map(({ attributes }) => attributes['ce-id']);
  expect(new Set(ids).size).toBe(lines + 1);
  const repeated = ids.length - lines - 1;
  expect(repeated).toBeLessThan(kills * 3_000);
  expect(messages.filter(({ attributes }) => attributes['result_status'] === 'error').length).toBeGreaterThan(999);
  const completed = messages.find(({ attributes }) => attributes['ce-type'] === 'job.results.completed');
  expect(JSON.parse(String(completed?.data))).toEqual({
    jobId: batch,
    total: lines,
    ok: 99_000,
    error: 1_000,
    expected: lines,
    usage: expect.objectContaining({ results: 99_000 }),
  });
  expect(await stage.record(batch)).toMatchObject({
    results: { state: 'complete', total: lines, published: lines, failed: 1_000 },
  });
}, 120_000);
