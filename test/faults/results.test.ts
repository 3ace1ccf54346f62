import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test as base } from 'vitest';
import { eventually } from '../../local/process.ts';
import { Proxy } from '../support/proxy.ts';
import { allOf, deliver, eventMessage, type Result, Stage, type StageOptions } from '../contract/results/harness.ts';

const test = base.extend('open', ({ onTestFinished }) => async (options?: StageOptions) => {
  return await Stage.open(options, onTestFinished);
});

const indexesOf = (results: readonly Result[]) =>
  results.flatMap(({ data, attributes }) => (attributes['ce-type'] === 'job.result' ? [Number(data['index'])] : []));

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test.concurrent(
  'where ranges are ignored, refused or answered in part a cut download loses nothing and repeats nothing',
  async ({ open }) => {
    const stage = await open();
    const running = await stage.start();
    const method = 'files.download';
    const cut = { method, cutAfterBytes: 300_000, times: 2 };
    for (const settings of [
      { files: { ranges: false }, api: { faults: [cut] } },
      { files: { ranges: true }, api: { faults: [{ method, ranged: true, status: 416 }, cut] } },
      { files: { partBytes: 200_000 }, api: { faults: [cut] } },
    ]) {
      stage.simulator.settings.patch(settings);
      const batch = await stage.finishedBatch({ output: { lines: 400, lineBytes: 2_000 } });
      expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
      expect(indexesOf(await stage.resultsToTheEnd())).toEqual(upTo(400));
    }
  },
);

test.concurrent('an output that only the event names is resumed where it stopped', async ({ open }) => {
  const stage = await open();
  const ending = await stage.start();
  const batch = await stage.finishedBatch({ output: { lines: 1_500, lineBytes: 1_000 } });
  const operation = { method: 'batches.get', body: JSON.stringify({ metadata: { state: 'BATCH_STATE_SUCCEEDED' } }) };
  const cut = { method: 'files.download', cutAfterBytes: 1_200_000 };
  const unavailable = { method: 'files.download', ranged: true, status: 503 };
  stage.simulator.settings.patch({ api: { faults: [operation, unavailable, cut] } });
  const message = eventMessage('batch.succeeded', batch, { output_file_uri: `files/batch-${batch.split('/')[1]}` });
  const ended = deliver(ending, message);
  await stage.published(batch);
  await ending.end('SIGTERM');
  expect(await ended).toBe(503);
  stage.simulator.settings.patch({ api: { faults: [operation] } });
  expect(await deliver(await stage.start(), message)).toBe(204);
  const results = await stage.resultsToTheEnd();
  expect([...new Set(indexesOf(results))]).toEqual(upTo(1_500));
  expect(results.at(-1)?.data).toMatchObject({ total: 1_500 });
});

test.concurrent('an operation that is answered in part, or has not ended, is read again', async ({ open }) => {
  const stage = await open();
  const running = await stage.start();
  const batch = await stage.finishedBatch(
    {},
    upTo(5).map((n) => `prompt ${n}`),
  );
  const answer = await fetch(`${stage.simulator.url}/v1/${batch}`, { headers: { 'x-goog-api-key': 'any-key' } });
  const whole = await answer.text();
  const bodies = [
    '',
    '{}',
    whole.slice(0, whole.indexOf('prompt 2')),
    whole.replace('BATCH_STATE_SUCCEEDED', 'BATCH_STATE_CANCELLING'),
  ];
  const faults = bodies.map((body) => ({ method: 'batches.get', body, times: 1 }));
  stage.simulator.settings.patch({ api: { faults } });
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  const results = await stage.resultsToTheEnd();
  expect(indexesOf(results)).toEqual(upTo(5));
  expect(results.at(-1)?.data).toMatchObject({ total: 5, ok: 5 });
});

test.concurrent('a cut inline answer is read again and resumed', async ({ open }) => {
  const stage = await open({
    settings: { api: { faults: [{ method: 'batches.get', cutAfterBytes: 60_000, times: 1 }] } },
  });
  const running = await stage.start();
  const batch = await stage.finishedBatch(
    {},
    upTo(300).map((n) => `prompt ${n}`),
  );
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  expect(indexesOf(await stage.resultsToTheEnd())).toEqual(upTo(300));
});

test.concurrent(
  'inline responses in another order on each read arrive once, also after a cut and a killed instance',
  async ({ open }) => {
    const count = 600;
    const cut = { method: 'batches.get', cutAfterBytes: 100_000 };
    const stage = await open({ settings: { jobs: { inlineOrder: 'changing' } } });
    const batch = await stage.finishedBatch(
      {},
      upTo(count).map((n) => `prompt ${n}`),
    );
    const doomed = await stage.start();
    stage.simulator.settings.patch({
      api: {
        faults: [
          { ...cut, times: 2 },
          { method: 'batches.get', status: 503 },
        ],
      },
    });
    const delivering = deliver(doomed, eventMessage('batch.succeeded', batch));
    await stage.published(batch);
    await doomed.end('SIGKILL');
    expect(await delivering).toBe(0);
    await stage.leaseExpired(batch);
    stage.simulator.settings.patch({ api: { faults: [{ ...cut, times: 1 }] } });
    expect(await deliver(await stage.start(), eventMessage('batch.succeeded', batch))).toBe(204);
    const results = await stage.resultsToTheEnd();
    const keys = new Map<unknown, unknown>();
    for (const { data, attributes } of results) {
      if (attributes['ce-type'] !== 'job.result') continue;
      const key = keys.get(data['index']) ?? data['key'];
      expect(data['key']).toBe(key);
      keys.set(data['index'], key);
    }
    expect(new Set(keys.values()).size).toBe(count);
    expect([...keys.keys()].map(Number).toSorted((a, b) => a - b)).toEqual(upTo(count));
    expect(results.at(-1)?.data).toMatchObject({ total: count, ok: count, error: 0, usage: { results: count } });
    expect((await stage.record(batch))?.['results']).not.toHaveProperty('order');
  },
);

test.concurrent('429 and 5xx are retried after the requested pause', async ({ open }) => {
  const stage = await open({
    settings: {
      api: {
        faults: [
          { method: 'batches.get', status: 429, retryAfterSeconds: 1, times: 1 },
          { method: 'batches.get', status: 503, times: 2 },
          { method: 'files.download', status: 500, times: 1 },
          { method: 'interactions.get', status: 503, times: 1 },
        ],
      },
    },
  });
  const running = await stage.start();
  const batch = await stage.finishedBatch({ output: { lines: 2, lineBytes: 300 } });
  const startedAt = performance.now();
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  expect(performance.now() - startedAt).toBeGreaterThan(1_000);
  expect(indexesOf(await stage.resultsToTheEnd())).toEqual([0, 1]);
  const { id } = await stage.ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hi', background: true });
  await stage.simulator.finish(id);
  expect(await deliver(running, eventMessage('interaction.completed', `interactions/${id}`))).toBe(204);
});

test.concurrent.for([403, 404])('%s for the file is final', async (status, { open }) => {
  const stage = await open({ settings: { api: { faults: [{ method: 'files.download', status }] } } });
  const running = await stage.start();
  const batch = await stage.finishedBatch({ output: { lines: 2, lineBytes: 300 } });
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  expect((await stage.results()).map(({ attributes }) => attributes['ce-type'])).toEqual(['job.results.failed']);
});

test.concurrent(
  'a refused API key fails no job: its event is delivered again until the key is right',
  async ({ open }) => {
    const stage = await open();
    const batch = await stage.finishedBatch();
    stage.simulator.settings.patch({ api: { key: 'right' } });
    const wrong = await stage.start({ GEMINI_API_KEY: 'wrong' });
    expect(await deliver(wrong, eventMessage('batch.succeeded', batch))).toBe(503);
    expect(wrong.log).toContainEqual(expect.objectContaining({ event: 'results_interrupted' }));
    expect(wrong.output()).not.toContain('wrong');
    const right = await stage.start({ GEMINI_API_KEY: 'right' });
    expect(await deliver(right, eventMessage('batch.succeeded', batch))).toBe(204);
    expect(indexesOf(await stage.results())).toEqual([0]);
  },
);

test.concurrent('a second instance refuses the event at once while the first holds the lease', async ({ open }) => {
  const stage = await open({
    settings: { api: { faults: [{ method: 'files.download', latencyMillis: 5_000, times: 1 }] } },
  });
  const [first, second] = [await stage.start(), await stage.start()];
  const batch = await stage.finishedBatch({ output: { lines: 3, lineBytes: 300 } });
  const message = eventMessage('batch.succeeded', batch);
  const working = deliver(first, message);
  await eventually('it is claimed', 5_000, async () => (await stage.record(batch))?.['results'] as object | undefined);
  const startedAt = performance.now();
  expect(await deliver(second, message)).toBe(503);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect(await working).toBe(204);
  expect(await deliver(second, message)).toBe(204);
  expect(indexesOf(await stage.results())).toEqual([0, 1, 2]);
});

test.concurrent(
  '40,000 lines arrive although downloads are cut and instances are killed, shut down and out of time',
  async ({ open }) => {
    const lines = 40_000;
    const stage = await open({
      ordered: false,
      settings: { api: { faults: [{ method: 'files.download', cutAfterBytes: 7_000_000 }] } },
    });
    const batch = await stage.finishedBatch({ output: { lines, lineBytes: 400, errorEvery: 100 } });
    const message = eventMessage('batch.succeeded', batch);
    const reading = stage.project.messagesUntil('gemini-results', allOf(lines + 1));

    const killed = await stage.start();
    const cut = deliver(killed, message);
    await stage.published(batch, 10_000);
    await killed.end('SIGKILL');
    expect(await cut).toBe(0);
    const { results: left } = (await stage.record(batch)) ?? {};
    const ending = await stage.start();
    await stage.leaseExpired(batch);

    const ended = deliver(ending, message);
    await stage.published(batch, Number(left?.published) + 1);
    expect(await ending.end('SIGTERM')).toBe(0);
    expect(await ended).toBe(503);
    const { results } = (await stage.record(batch)) ?? {};
    expect(results).toMatchObject({ state: 'running', published: expect.any(Number) });
    expect(results).not.toHaveProperty('leaseOwner');

    expect(await deliver(await stage.start({ CLOUD_RUN_TIMEOUT_SECONDS: '1' }), message)).toBe(503);
    expect(await deliver(await stage.start(), message)).toBe(204);
    const messages = await reading;
    const ids = messages.map(({ attributes }) => attributes['ce-id']);
    expect(new Set(ids).size).toBe(lines + 1);
    // Only the killed instance has published results that no record counts.
    expect(ids.length - new Set(ids).size).toBeLessThan(3_000);
    const [ok, error] = [39_600, 400];
    const completed = messages.find(({ attributes }) => attributes['ce-type'] === 'job.results.completed');
    const counts = { total: lines, ok, error, expected: lines, usage: expect.objectContaining({ results: ok }) };
    expect(JSON.parse(String(completed?.data))).toEqual({ jobId: batch, ...counts });
    const recorded = { state: 'complete', total: lines, published: lines, failed: error };
    expect((await stage.record(batch))?.['results']).toMatchObject(recorded);
  },
  150_000,
);

test.concurrent('an outage of Pub/Sub loses nothing and keeps the order', async ({ open }) => {
  const stage = await open();
  const pubsub = await Proxy.start(stage.project.env['PUBSUB_EMULATOR_HOST'] ?? '');
  const running = await stage.start({ PUBSUB_EMULATOR_HOST: pubsub.host });
  const batch = await stage.finishedBatch({ output: { lines: 4_000, lineBytes: 8_000 } });
  const working = deliver(running, eventMessage('batch.succeeded', batch));
  await stage.published(batch);
  await pubsub.refuse();
  await sleep(2_000);
  await pubsub.forward();
  expect(await working).toBe(204);
  const indexes = indexesOf(await stage.resultsToTheEnd());
  const firsts = [...new Set(indexes)];
  expect(firsts).toEqual(upTo(4_000));
  await pubsub.refuse();
});
