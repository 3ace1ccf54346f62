import { expect, test } from 'vitest';
import { deliver, eventMessage, Stage, tokensOf, videoFile } from './harness.ts';

test('publishes one message per inline response with its key, then the counts', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.finishedBatch({}, ['one', 'two [error]', 'three']);
  const message = eventMessage('batch.succeeded', batch, {}, { route: 'nightly', meta_team: 'red' });
  expect(await deliver(running, message)).toBe(204);

  const messages = await stage.results();
  const common = {
    'ce-specversion': '1.0',
    'ce-source': `//generativelanguage.googleapis.com/${batch}`,
    'ce-time': '2026-05-28T20:26:40Z',
    'content-type': 'application/json',
    job_id: batch,
    job_kind: 'batch',
    webhook_id: 'msg_1',
    route: 'nightly',
    meta_team: 'red',
  };
  const result = (index: number, status: string) => ({
    ...common,
    'ce-id': `${batch}/${index}`,
    'ce-type': 'job.result',
    result_index: String(index),
    result_key: `r${index}`,
    result_status: status,
  });
  expect(messages.map(({ attributes }) => attributes)).toEqual([
    result(0, 'ok'),
    result(1, 'error'),
    result(2, 'ok'),
    { ...common, 'ce-id': `${batch}/job.results.completed`, 'ce-type': 'job.results.completed' },
  ]);
  expect(messages.map(({ data }) => data)).toEqual([
    expect.objectContaining({ jobId: batch, index: 0, key: 'r0', response: expect.anything() }),
    expect.objectContaining({ jobId: batch, index: 1, key: 'r1', error: expect.objectContaining({ code: 3 }) }),
    expect.objectContaining({ jobId: batch, index: 2, key: 'r2', response: expect.anything() }),
    { jobId: batch, total: 3, ok: 2, error: 1, expected: 3, usage: tokensOf(2) },
  ]);
  expect(await stage.record(batch)).toMatchObject({
    jobId: batch,
    kind: 'batch',
    results: { state: 'complete', total: 3, published: 3, failed: 1 },
  });
});

test('publishes the lines of an output file in order', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.finishedBatch({ output: { lines: 5_000, lineBytes: 600, errorEvery: 10 } });
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  const messages = await stage.resultsToTheEnd();
  expect(messages.slice(0, -1).map(({ data }) => data['index'])).toEqual(Array.from({ length: 5_000 }, (_, n) => n));
  expect(messages[9]?.data).toMatchObject({ key: 'r0000000009', error: { code: 13 } });
  expect(messages[10]?.data).toMatchObject({ key: 'r0000000010', response: { candidates: [expect.anything()] } });
  const usage = expect.objectContaining({ results: 4_500 });
  expect(messages.at(-1)?.data).toEqual({ jobId: batch, total: 5_000, ok: 4_500, error: 500, expected: 5_000, usage });
});

test('publishes lines that are not JSON objects as errors with their bytes', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const lines = [
    '\uFEFF{"response":{"a":1},"key":"ä"}\r',
    '',
    '{"response":',
    '[1]',
    '{"key":"only"}',
    ' {"error":{}}',
  ];
  const batch = await stage.finishedBatch({ output: { text: lines.join('\n') } });
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  expect((await stage.results()).map(({ data }) => data)).toEqual([
    { jobId: batch, index: 0, key: 'ä', response: { a: 1 } },
    {
      jobId: batch,
      index: 1,
      bytes: 12,
      rawBase64: Buffer.from('{"response":').toString('base64'),
      error: { code: 'INVALID_LINE', message: expect.any(String) },
    },
    expect.objectContaining({ index: 2, rawBase64: Buffer.from('[1]').toString('base64') }),
    expect.objectContaining({ index: 3, key: 'only', error: expect.objectContaining({ code: 'NO_RESULT' }) }),
    { jobId: batch, index: 4, error: {} },
    { jobId: batch, total: 5, ok: 1, error: 4, expected: 5 },
  ]);
});

test('a repeated or another final event causes no request to Gemini', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.finishedBatch();
  const message = eventMessage('batch.succeeded', batch);
  expect(await deliver(running, message)).toBe(204);
  expect(await stage.results()).toHaveLength(2);
  const asked = stage.simulator.ledger.requests.length;
  expect(await deliver(running, message)).toBe(204);
  expect(await deliver(running, eventMessage('batch.succeeded', batch, {}, { repeat_of: 'msg_0' }))).toBe(204);
  for (const type of [
    'batch.expired',
    'batch.running',
    'interaction.failed',
    'interaction.cancelled',
    'webhook.ping',
  ]) {
    expect(await deliver(running, eventMessage(type, batch))).toBe(204);
  }
  expect(await stage.results()).toEqual([]);
  expect(stage.simulator.ledger.requests).toHaveLength(asked);
});

test('a failed or cancelled batch without an output publishes nothing', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  for (const state of ['failed', 'cancelled'] as const) {
    const batch = await stage.finishedBatch({ state });
    expect(await deliver(running, eventMessage(`batch.${state}`, batch))).toBe(204);
    expect(await stage.results()).toEqual([]);
  }
});

test('requests use the configured API version, and an output file can be a URL', async () => {
  const stage = await Stage.open();
  const running = await stage.start({ GOOGLE_GENAI_API_VERSION: 'beta' });
  const batch = await stage.finishedBatch({ output: { lines: 2, lineBytes: 300 } });
  const id = batch.replace('batches/', 'batch-');
  const responsesFile = `https://generativelanguage.googleapis.com/v1/files/${id}:download?alt=media`;
  const body = JSON.stringify({ metadata: { output: { responsesFile }, state: 'JOB_STATE_SUCCEEDED' } });
  stage.simulator.settings.patch({ api: { faults: [{ method: 'batches.get', body }] } });
  const asked = stage.simulator.ledger.requests.length;
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  expect(await deliver(running, eventMessage('interaction.completed', 'interactions/v1_foreign'))).toBe(204);
  expect(await stage.results()).toHaveLength(4);
  expect(stage.simulator.ledger.requests.slice(asked).map(({ path }) => path)).toEqual([
    `/v1beta/${batch}`,
    `/v1beta/files/${id}:download`,
    '/v1beta/interactions/v1_foreign',
  ]);
});

test('results of a foreign job fail once, without retries', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  for (const [type, job] of [
    ['batch.succeeded', 'batches/foreign'],
    ['interaction.completed', 'interactions/v1_foreign'],
    ['video.generated', 'models/veo/operations/foreign'],
  ] as const) {
    expect(await deliver(running, eventMessage(type, job))).toBe(204);
    expect(await deliver(running, eventMessage(type, job))).toBe(204);
    expect(await stage.results()).toEqual([
      {
        attributes: expect.objectContaining({ 'ce-type': 'job.results.failed', 'ce-id': `${job}/job.results.failed` }),
        data: { jobId: job, error: { code: 'NOT_FOUND', message: expect.any(String) } },
      },
    ]);
    expect(await stage.record(job)).toMatchObject({ results: { state: 'failed', error: { code: 'NOT_FOUND' } } });
  }
});

test('a job id that is not a name of Gemini is never requested', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  for (const job of ['batches/../files/secret', 'batches/x?key=1', 'batches/x%2Fy']) {
    expect(await deliver(running, eventMessage('batch.succeeded', job))).toBe(204);
    expect((await stage.results())[0]?.data).toMatchObject({ jobId: job, error: { code: 'INVALID_ARGUMENT' } });
  }
  expect(stage.simulator.ledger.requests).toEqual([]);
});

test('calls that exceed a message, or no calls, are failed results', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const call = { type: 'function_call', id: 'c', name: 'f' };
  for (const [steps, code] of [
    [[{ ...call, arguments: { text: 'x'.repeat(11_000_000) } }], 'RESULT_TOO_LARGE'],
    [[call, { type: 'function_result', call_id: 'c' }], 'NO_OUTPUT'],
  ] as const) {
    const body = JSON.stringify({ id: 'v1_a', status: 'requires_action', steps });
    stage.simulator.settings.patch({ api: { faults: [{ method: 'interactions.get', body }] } });
    const jobId = `interactions/${code}`;
    expect(await deliver(running, eventMessage('interaction.requires_action', jobId))).toBe(204);
    expect((await stage.results()).map(({ data }) => data)).toEqual([
      { jobId, error: { code, message: expect.any(String) } },
    ]);
  }
});

test('an attempt without answers ends in time and releases the lease', async () => {
  const stage = await Stage.open();
  const running = await stage.start({ CLOUD_RUN_TIMEOUT_SECONDS: '1', RESULTS_BUCKET: 'results' });
  stage.storage.isSilent = true;
  const { uri } = await videoFile(stage);
  const silent = { latencyMillis: 600_000 };
  const content = [{ type: 'video', mime_type: 'video/mp4', data: 'AAAA' }];
  const inline = { id: 'v1_inline', status: 'completed', steps: [{ type: 'model_output', content }] };
  for (const [type, job, ...faults] of [
    ['interaction.completed', 'interactions/v1_silent', { method: 'interactions.get', ...silent }],
    ['interaction.completed', 'interactions/v1_inline', { method: 'interactions.get', body: JSON.stringify(inline) }],
    ['video.generated', 'models/veo/operations/silent', { method: 'operations.get', ...silent }],
    ['video.generated', 'silent-file', { method: 'files.get', ...silent }],
    ['video.generated', 'silent-storage'],
  ] as const) {
    stage.simulator.settings.patch({ api: { faults } });
    expect([job, await deliver(running, eventMessage(type, job, { output_file_uri: uri }))]).toEqual([job, 503]);
    const { results } = (await stage.record(job)) ?? {};
    expect(results).toMatchObject({ state: 'running' });
    expect(results).not.toHaveProperty('leaseOwner');
  }
});

test('accepts every form of a pushed message and refuses others', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.finishedBatch();
  const message = eventMessage('batch.succeeded', batch);
  const post = async (body: string, contentType = 'application/json') =>
    (await fetch(running.url, { method: 'POST', body, headers: { 'content-type': contentType } })).status;
  const structured = { specversion: '1.0', id: '1', type: 't', source: 's', data: { message } };
  expect(await post(JSON.stringify(structured), 'application/cloudevents+json')).toBe(204);
  expect(await stage.results()).toHaveLength(2);
  expect(await post(JSON.stringify({ message, subscription: 's' }))).toBe(204);
  expect(await deliver(running, { attributes: { marker: '1' } })).toBe(204);
  expect(await deliver(running, { data: Buffer.from('no JSON').toString('base64') })).toBe(204);
  expect(await post('{"message":')).toBe(400);
  expect(await post('{"message":{}}')).toBe(400);
  expect(await post('[]')).toBe(400);
  expect((await fetch(running.url)).status).toBe(405);
  expect(await stage.results()).toEqual([]);
});
