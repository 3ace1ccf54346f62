import { Timestamp } from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import type { RunningFunction } from '../../../local/functions.ts';
import type { ApiFault } from '../../../simulator/settings.ts';
import { isCounted } from '../../support/logFilter.ts';
import { deliver, eventMessage, Stage } from './harness.ts';

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const fault = (stage: Stage, one: Partial<ApiFault>, method = 'batches.get') =>
  stage.simulator.settings.patch({ api: { faults: [{ method, ...one }] } });
const repair = (stage: Stage) => stage.simulator.settings.patch({ api: { faults: [] } });

const namesNoOutput = { body: JSON.stringify({ metadata: { state: 'BATCH_STATE_SUCCEEDED' }, done: true }) };
const typesOf = async (stage: Stage) => (await stage.results()).map(({ attributes }) => attributes['ce-type']);
const PUBLISHED = ['job.result', 'job.results.completed'];

async function video({ simulator }: Stage, prompt: string): Promise<string> {
  const response = await fetch(`${simulator.url}/v1/models/veo-3.1:predictLongRunning`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-goog-api-key': 'any-key' },
    body: JSON.stringify({ instances: [{ prompt }] }),
  });
  const { name } = (await response.json()) as { name: string };
  await simulator.finish(name);
  return name;
}

const interruption = ({ log }: RunningFunction) => log.findLast(({ event }) => event === 'results_interrupted');

test('an output that is named a second after the event is read within the same attempt', async () => {
  const stage = await Stage.open({ settings: { jobs: { outputDelayMillis: 1_000 } } });
  const running = await stage.start();
  const batch = await stage.finishedBatch();
  expect(await deliver(running, eventMessage('batch.succeeded', batch, {}, {}, minutesAgo(0)))).toBe(204);
  expect(await typesOf(stage)).toEqual(PUBLISHED);
  expect(interruption(running)).toBeUndefined();
});

test('an output that is named minutes after the event is read by a later attempt', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.finishedBatch();
  const message = eventMessage('batch.succeeded', batch, {}, {}, minutesAgo(9));
  fault(stage, namesNoOutput);
  expect(await deliver(running, message)).toBe(503);
  expect(await stage.results()).toEqual([]);
  expect(await stage.record(batch)).toMatchObject({
    results: {
      state: 'running',
      lastError: { code: 'NO_OUTPUT', message: expect.stringContaining('names no output') },
    },
  });
  repair(stage);
  expect(await deliver(running, message)).toBe(204);
  expect(await typesOf(stage)).toEqual(PUBLISHED);
  expect((await stage.record(batch))?.['results']).not.toHaveProperty('lastError');
});

test('no output 10 minutes after the event is final', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  fault(stage, { body: JSON.stringify({ metadata: { output: {}, state: 'BATCH_STATE_SUCCEEDED' }, done: true }) });
  const elsewhere = { output_file_uri: 'gs://bucket/output' };
  const batch = await stage.batch();
  expect(await deliver(running, eventMessage('batch.succeeded', batch, elsewhere, {}, minutesAgo(11)))).toBe(204);
  expect((await stage.results()).map(({ data }) => data)).toEqual([
    { jobId: batch, error: { code: 'NO_OUTPUT', message: expect.stringContaining('SUCCEEDED') } },
  ]);
});

test('a batch that has failed at Gemini never names an output, which is final at once', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.finishedBatch({ state: 'failed' });
  expect(await deliver(running, eventMessage('batch.succeeded', batch, {}, {}, minutesAgo(0)))).toBe(204);
  expect((await stage.results()).map(({ data }) => data)).toEqual([
    { jobId: batch, error: { code: 'NO_OUTPUT', message: expect.stringContaining('FAILED') } },
  ]);
});

test.for([
  ['interaction.requires_action', 'interactions.get', { id: 'v1_a', status: 'requires_action', steps: [] }],
  ['video.generated', 'operations.get', { done: true, response: { generateVideoResponse: {} } }],
] as const)('%s without an output is deferred for 10 minutes, and then final', async ([type, method, body]) => {
  const stage = await Stage.open();
  const running = await stage.start();
  fault(stage, { body: JSON.stringify(body) }, method);
  const job = type === 'video.generated' ? 'models/veo/operations/x' : 'interactions/v1_a';
  expect(await deliver(running, eventMessage(type, job, {}, {}, minutesAgo(9)))).toBe(503);
  expect(await stage.results()).toEqual([]);
  expect(await deliver(running, eventMessage(type, job, {}, {}, minutesAgo(11)))).toBe(204);
  expect((await stage.results())[0]?.data).toMatchObject({ jobId: job, error: { code: 'NO_OUTPUT' } });
});

test.for(['metadata', 'response'] as const)('the output is read where only the %s names it', async (outputIn) => {
  const stage = await Stage.open({ settings: { jobs: { outputIn } } });
  const running = await stage.start();
  const inline = await stage.finishedBatch({}, ['one', 'two']);
  const file = await stage.finishedBatch({ output: { lines: 2, lineBytes: 300 } });
  for (const batch of [inline, file]) {
    expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
    expect((await stage.resultsToTheEnd()).at(-1)?.data).toMatchObject({ jobId: batch, total: 2, ok: 2 });
  }
});

test.for(['metadata', 'response'])('a plain list of inline responses in %s is read', async (place) => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.batch();
  const output = { inlinedResponses: [{ response: { text: 'one' } }, { error: { code: 3 } }] };
  const state = 'BATCH_STATE_SUCCEEDED';
  const operation = place === 'metadata' ? { metadata: { state, output } } : { metadata: { state }, response: output };
  fault(stage, { body: JSON.stringify({ ...operation, done: true }) });
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  expect((await stage.resultsToTheEnd()).at(-1)?.data).toMatchObject({ jobId: batch, total: 2, ok: 1, error: 1 });
});

test('inline responses in both places are published once', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.finishedBatch({}, ['one', 'two', 'three']);
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  expect((await stage.resultsToTheEnd()).map(({ data }) => data['index'])).toEqual([0, 1, 2, undefined]);
});

test.for([
  [
    'the location',
    { status: 400, rpcStatus: 'FAILED_PRECONDITION', message: 'User location is not supported for the API use.' },
    'FAILED_PRECONDITION',
  ],
  ['a disabled API', { status: 403, reason: 'SERVICE_DISABLED', message: 'It is disabled.' }, 'SERVICE_DISABLED'],
  ['billing', { status: 403, reason: 'BILLING_DISABLED', message: 'No billing.' }, 'BILLING_DISABLED'],
  ['the key', { status: 400, reason: 'API_KEY_INVALID', message: 'API key not valid.' }, 'API_KEY_INVALID'],
  ['an unknown reason', { status: 403, reason: 'A_NEW_REASON', message: 'New.' }, 'A_NEW_REASON'],
] as const)(
  'a refusal because of %s fails no job: the results are published once it is fixed',
  async ([, refusal, code]) => {
    const stage = await Stage.open();
    const running = await stage.start();
    const [batch, file] = [
      await stage.finishedBatch(),
      await stage.finishedBatch({ output: { lines: 1, lineBytes: 300 } }),
    ];
    const { id } = await stage.ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hi', background: true });
    await stage.simulator.finish(id);
    const operation = await video(stage, 'a cat');
    for (const [method, type, job] of [
      ['batches.get', 'batch.succeeded', batch],
      ['files.download', 'batch.succeeded', file],
      ['interactions.get', 'interaction.completed', `interactions/${id}`],
      ['operations.get', 'video.generated', operation],
      ['files.get', 'video.generated', operation],
    ] as const) {
      await stage.forget(job);
      fault(stage, refusal, method);
      const message = eventMessage(type, job);
      expect([method, await deliver(running, message)]).toEqual([method, 503]);
      expect(await stage.record(job)).toMatchObject({
        results: {
          state: 'running',
          lastError: { code, message: expect.stringContaining(refusal.message), at: expect.any(Timestamp) },
        },
      });
      const line = interruption(running) ?? {};
      expect(line).toMatchObject({ severity: 'ERROR', event: 'results_interrupted', jobId: job, error: { code } });
      expect(isCounted('results-interrupted', 'fetch-results', line)).toBe(true);
      expect(await stage.results()).toEqual([]);
      repair(stage);
      expect([method, await deliver(running, message)]).toEqual([method, 204]);
      expect(await typesOf(stage)).toEqual(PUBLISHED);
      expect((await stage.record(job))?.['results']).not.toHaveProperty('lastError');
    }
  },
);

test.for([
  ['quota', { status: 429, message: 'You exceeded your current quota.' }, 'RESOURCE_EXHAUSTED'],
  ['an overloaded backend', { status: 503, message: 'The model is overloaded.' }, 'UNAVAILABLE'],
] as const)('%s that outlasts an attempt is recorded as the last error', async ([, refusal, code]) => {
  const stage = await Stage.open();
  const running = await stage.start({ CLOUD_RUN_TIMEOUT_SECONDS: '2' });
  const batch = await stage.finishedBatch();
  fault(stage, refusal);
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(503);
  expect(await stage.record(batch)).toMatchObject({ results: { lastError: { code, message: refusal.message } } });
  expect(interruption(running)).toMatchObject({ severity: 'ERROR', error: { code } });
});

test('the attempt ends at once when Gemini requests a long pause', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.finishedBatch();
  fault(stage, { status: 429, retryAfterSeconds: 3_600 });
  const startedAt = performance.now();
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(503);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test('a finished operation decides when it has no state', async () => {
  const stage = await Stage.open({ settings: { jobs: { stateInMetadata: false } } });
  const running = await stage.start();
  const [succeeded, failed] = [
    await stage.finishedBatch(),
    await stage.finishedBatch({ state: 'failed', error: { code: 13, message: 'It broke.' } }),
  ];
  expect(await deliver(running, eventMessage('batch.succeeded', succeeded))).toBe(204);
  expect(await typesOf(stage)).toEqual(PUBLISHED);
  expect(await deliver(running, eventMessage('batch.failed', failed))).toBe(204);
  expect(await stage.results()).toEqual([]);
  await stage.forget(failed);
  expect(await deliver(running, eventMessage('batch.succeeded', failed))).toBe(204);
  expect((await stage.results())[0]?.data).toMatchObject({ error: { message: expect.stringContaining('It broke.') } });
});

test('a video that Gemini has blocked has failed results, with the reason', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const job = await video(stage, 'a cat [blocked]');
  expect(await deliver(running, eventMessage('video.generated', job, {}, {}, minutesAgo(0)))).toBe(204);
  const [failed] = await stage.results();
  expect(failed?.data).toEqual({
    jobId: job,
    error: { code: 'FILTERED', message: expect.stringContaining('safety filters') },
  });
  const line = running.log.findLast(({ event }) => event === 'results_failed') ?? {};
  expect(isCounted('results-failed', 'fetch-results', line)).toBe(true);
});

test('an instance that shuts down during a read logs no error', async () => {
  const stage = await Stage.open({
    settings: { api: { faults: [{ method: 'batches.get', latencyMillis: 60_000 }] } },
  });
  const running = await stage.start();
  const batch = await stage.finishedBatch();
  const answered = deliver(running, eventMessage('batch.succeeded', batch));
  await expect.poll(async () => (await stage.record(batch))?.['results'], { timeout: 10_000 }).toBeDefined();
  await running.end('SIGTERM');
  expect(await answered).toBe(503);
  expect(running.log).toContainEqual(expect.objectContaining({ event: 'results_paused', severity: 'INFO' }));
  expect(interruption(running)).toBeUndefined();
  expect((await stage.record(batch))?.['results']).not.toHaveProperty('lastError');
});
