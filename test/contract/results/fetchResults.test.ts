import { expect, test } from 'vitest';
import { usageOf } from '../../bench/measure.ts';
import { deliver, eventMessage, Stage, tokensOf } from './harness.ts';

test('inline responses become messages, each with its key, and at the end the counts', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.batch(['one', 'two [error]', 'three']);
  await stage.simulator.finish(batch);
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

test('the lines of an output file become messages in their order', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.batch();
  await stage.simulator.finish(batch, { output: { lines: 5_000, lineBytes: 600, errorEvery: 10 } });
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  const messages = await stage.resultsToTheEnd();
  expect(messages.slice(0, -1).map(({ data }) => data['index'])).toEqual(Array.from({ length: 5_000 }, (_, n) => n));
  expect(messages[9]?.data).toMatchObject({ key: 'r0000000009', error: { code: 13 } });
  expect(messages[10]?.data).toMatchObject({ key: 'r0000000010', response: { candidates: [expect.anything()] } });
  expect(messages.at(-1)?.data).toEqual({ jobId: batch, total: 5_000, ok: 4_500, error: 500, expected: 5_000 });
});

test('lines that are no JSON objects are errors with their bytes', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.batch();
  const lines = [
    '\uFEFF{"response":{"a":1},"key":"ä"}\r',
    '',
    '{"response":',
    '[1]',
    '{"key":"only"}',
    ' {"error":{}}',
  ];
  await stage.simulator.finish(batch, { output: { text: lines.join('\n') } });
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

test('a repeated event, or another of the same final state, reads nothing from Gemini', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.batch();
  await stage.simulator.finish(batch);
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

test.for(['batch.failed', 'batch.cancelled'])('%s without an output publishes nothing', async (type) => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.batch();
  await stage.simulator.finish(batch, { state: type === 'batch.failed' ? 'failed' : 'cancelled' });
  expect(await deliver(running, eventMessage(type, batch))).toBe(204);
  expect(await stage.results()).toEqual([]);
});

test('Gemini is asked in the version that is set, and an output that is named by its address is found', async () => {
  const stage = await Stage.open();
  const running = await stage.start({ GOOGLE_GENAI_API_VERSION: 'beta' });
  const batch = await stage.batch();
  await stage.simulator.finish(batch, { output: { lines: 2, lineBytes: 300 } });
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

test('a foreign job has failed results, once, and is not retried', async () => {
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

test.for(['batches/../files/secret', 'batches/x?key=1', 'batches/x%2Fy'])('%s is no job to ask for', async (job) => {
  const stage = await Stage.open();
  const running = await stage.start();
  expect(await deliver(running, eventMessage('batch.succeeded', job))).toBe(204);
  expect((await stage.results())[0]?.data).toMatchObject({ jobId: job, error: { code: 'INVALID_ARGUMENT' } });
  expect(stage.simulator.ledger.requests).toEqual([]);
});

test('a finished interaction is one result, with its steps and its text', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const { id } = await stage.ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hi', background: true });
  await stage.simulator.finish(id);
  const job = `interactions/${id}`;
  expect(await deliver(running, eventMessage('interaction.completed', job))).toBe(204);
  const [result, completed] = await stage.results();
  expect(result?.data).toMatchObject({
    jobId: job,
    index: 0,
    response: { id, status: 'completed', output_text: expect.any(String), steps: [{}, { type: 'model_output' }] },
  });
  expect(completed?.data).toEqual({ jobId: job, total: 1, ok: 1, error: 0, usage: tokensOf(1) });
});

test('an interaction that is not complete is an error, also where it has an output', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const { id } = await stage.ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hi', background: true });
  await stage.simulator.finish(id, { state: 'failed', error: { code: 13, message: 'It broke.' } });
  const job = `interactions/${id}`;
  const steps = [{ type: 'model_output', content: [{ type: 'text', text: 'Once upon' }] }];
  const errorResult = async (event: string, answer?: object) => {
    const faults =
      answer === undefined ? [] : [{ method: 'interactions.get', body: JSON.stringify({ id, ...answer }) }];
    stage.simulator.settings.patch({ api: { faults } });
    await stage.forget(job);
    expect(await deliver(running, eventMessage(event, job))).toBe(204);
    const [result, completed] = await stage.results();
    expect(result?.attributes['result_status']).toBe('error');
    expect(completed?.data).toEqual({ jobId: job, total: 1, ok: 0, error: 1 });
    return result?.data;
  };
  const error = { code: 13, message: 'It broke.' };
  expect(await errorResult('interaction.completed')).toEqual({ jobId: job, index: 0, error });
  for (const status of ['incomplete', 'budget_exceeded', 'requires_continuation']) {
    expect(await errorResult('interaction.incomplete', { status, steps })).toEqual({
      jobId: job,
      index: 0,
      error: { code: status.toUpperCase(), message: expect.stringContaining(status) },
      response: expect.objectContaining({ status, steps, output_text: 'Once upon' }),
    });
  }
});

test('an interaction that waits for function results publishes its calls', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const { id } = await stage.ai.interactions.create({
    model: 'gemini-3.8-flash',
    input: 'weather?',
    background: true,
    tools: [{ type: 'function', name: 'get_weather', parameters: { properties: { city: { type: 'string' } } } }],
  });
  await stage.simulator.finish(id);
  const job = `interactions/${id}`;
  expect(await deliver(running, eventMessage('interaction.requires_action', job))).toBe(204);
  expect(await deliver(running, eventMessage('interaction.requires_action', job))).toBe(204);
  const messages = await stage.results();
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatchObject({
    attributes: { 'ce-type': 'job.action_required', 'ce-id': `${job}/job.action_required`, job_id: job },
    data: {
      jobId: job,
      calls: [{ id: expect.stringMatching(/^call_/), name: 'get_weather', arguments: { city: expect.any(String) } }],
    },
  });
});

test('calls that fit into no message, and a wait for none, are results that failed', async () => {
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

test('a video is published as its address at Gemini, or with a bucket as a copy', async () => {
  const stage = await Stage.open();
  const [plain, copying] = [await stage.start(), await stage.start({ RESULTS_BUCKET: 'results' })];
  const { uri, name } = await video(stage);
  expect(await deliver(plain, eventMessage('video.generated', 'op1', { output_file_uri: uri }))).toBe(204);
  expect((await stage.results())[0]?.data).toMatchObject({ jobId: 'op1', index: 0, uri, bytes: 2_560 });
  expect(await deliver(copying, eventMessage('video.generated', 'op2', { file_name: name }))).toBe(204);
  expect((await stage.results())[0]?.data).toMatchObject({ uri: 'gs://results/op2/0.mp4', bytes: 2_560 });
  expect(stage.storage.objects.get('results/op2/0.mp4')).toHaveLength(2_560);
});

test('each video of an operation is a result; one that cannot be read is an error', async () => {
  const stage = await Stage.open();
  const [plain, copying] = [await stage.start(), await stage.start({ RESULTS_BUCKET: 'results' })];
  const name = await operation(stage, 2);
  const event = eventMessage('video.generated', name);
  const { uris, answer } = await readOperation(stage, name);
  const [kept = '', lost = ''] = uris;
  expect(await deliver(plain, event)).toBe(204);
  expect((await stage.results()).map(({ data }) => data)).toEqual([
    ...[kept, lost].map((uri, index) => ({ jobId: name, index, uri, bytes: 65_536, mimeType: 'video/mp4' })),
    { jobId: name, total: 2, ok: 2, error: 0 },
  ]);

  await stage.ai.files.delete({ name: `files/${/files\/(\w+)/.exec(lost)?.[1]}` });
  const withheld = { raiMediaFilteredCount: 1, raiMediaFilteredReasons: ['Too much of a cat.'] };
  const { generatedSamples } = answer.response.generateVideoResponse;
  const response = { generateVideoResponse: { generatedSamples, ...withheld } };
  const fault = { method: 'operations.get', body: JSON.stringify({ ...answer, response }) };
  stage.simulator.settings.patch({ api: { faults: [fault] } });
  for (const [running, uri] of [
    [plain, kept],
    [copying, `gs://results/${name.replaceAll('/', '~')}/0.mp4`],
  ] as const) {
    await stage.forget(name);
    expect(await deliver(running, event)).toBe(204);
    const messages = await stage.results();
    expect(messages.map(({ data }) => data)).toEqual([
      expect.objectContaining({ index: 0, uri, bytes: 65_536 }),
      expect.objectContaining({ index: 1, uri: lost, error: expect.objectContaining({ code: 'PERMISSION_DENIED' }) }),
      expect.objectContaining({
        index: 2,
        error: { code: 'FILTERED', message: expect.stringContaining('Too much of a cat.') },
      }),
      { jobId: name, total: 3, ok: 1, error: 2 },
    ]);
    expect(messages.map(({ attributes }) => attributes['result_status'])).toEqual(['ok', 'error', 'error', undefined]);
  }
});

test('the video that the event names is published although the operation is missing or names none', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const { uri, name } = await video(stage);
  const operationName = 'models/veo-3.1/operations/gone';
  const answers = [
    { status: 404 },
    { body: JSON.stringify({ name: operationName, done: true, response: {} }) },
    { body: JSON.stringify({ name: operationName, done: true, error: { code: 13, message: 'Lost it.' } }) },
  ];
  for (const fault of answers) {
    stage.simulator.settings.patch({ api: { faults: [{ method: 'operations.get', ...fault }] } });
    await stage.forget(operationName);
    expect(await deliver(running, eventMessage('video.generated', operationName, { output_file_uri: uri }))).toBe(204);
    expect((await stage.results()).map(({ data }) => data)).toEqual([
      expect.objectContaining({ index: 0, uri, bytes: 2_560 }),
      { jobId: operationName, total: 1, ok: 1, error: 0 },
    ]);
    await stage.forget(operationName);
    expect(await deliver(running, eventMessage('video.generated', operationName))).toBe(204);
    expect((await stage.results()).map(({ attributes }) => attributes['ce-type'])).toEqual(['job.results.failed']);
  }
  for (const file_name of [name, name.replace('files/', '')]) {
    await stage.forget('op1');
    expect(await deliver(running, eventMessage('video.generated', 'op1', { file_name }))).toBe(204);
    const address = uri.replace('v1beta', 'v1');
    expect((await stage.results())[0]?.data).toMatchObject({ uri: address, bytes: 2_560 });
  }
});

test('a video is brought when it has been processed, and also where Gemini will not speak of its file', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const { uri, name } = await video(stage);
  const event = eventMessage('video.generated', 'op1', { output_file_uri: uri });
  const asked = () => stage.simulator.ledger.requests.filter(({ method }) => method === 'files.get').length;
  const saying = (file: object) => ({ method: 'files.get', body: JSON.stringify({ name, sizeBytes: '1', ...file }) });
  stage.simulator.settings.patch({ api: { faults: [{ ...saying({ state: 'PROCESSING' }), times: 2 }] } });
  expect(await deliver(running, event)).toBe(204);
  expect((await stage.results())[0]?.data).toMatchObject({ uri, bytes: 2_560 });
  expect(asked()).toBe(3);

  stage.simulator.settings.patch({ api: { faults: [{ method: 'files.get', status: 403 }] } });
  await stage.forget('op1');
  expect(await deliver(running, event)).toBe(204);
  expect((await stage.results())[0]?.data).toEqual({ jobId: 'op1', index: 0, uri, mimeType: 'video/mp4' });

  const failed = saying({ state: 'FAILED', error: { code: 3, message: 'No video at all.' } });
  stage.simulator.settings.patch({ api: { faults: [failed] } });
  await stage.forget('op1');
  expect(await deliver(running, event)).toBe(204);
  expect((await stage.results())[0]?.data).toMatchObject({ uri, error: { message: 'No video at all.' } });
});

test.for([
  ['by its address', true, { uri: expect.stringContaining('/files/'), bytes: 65_536 }],
  ['inline', false, { response: { type: 'video', mime_type: 'video/mp4', data: expect.any(String) } }],
] as const)(
  'an Omni video that a GET gives %s is a separate result beside the interaction',
  async ([, omniUriOnGet, expected]) => {
    const stage = await Stage.open({ settings: { jobs: { omniUriOnGet } } });
    const [plain, copying] = [await stage.start(), await stage.start({ RESULTS_BUCKET: 'results' })];
    const { id } = await stage.ai.interactions.create({
      model: 'gemini-omni-1.1-flash',
      input: 'a cat',
      background: true,
      response_format: { type: 'video', delivery: 'uri' },
    });
    await stage.simulator.finish(id);
    const job = `interactions/${id}`;
    const steps = [{ type: 'model_output', content: [] }];
    const usage = expect.objectContaining({ total_output_tokens: expect.any(Number) }) as object;
    const spoken = { jobId: job, index: 0, response: expect.objectContaining({ id, steps, usage }) as object };
    expect(await deliver(copying, eventMessage('interaction.completed', job))).toBe(204);
    expect((await stage.results()).map(({ data }) => data)).toEqual([
      spoken,
      expect.objectContaining({ jobId: job, index: 1, uri: `gs://results/interactions~${id}/1.mp4`, bytes: 65_536 }),
      { jobId: job, total: 2, ok: 2, error: 0, usage: tokensOf(1) },
    ]);
    await stage.forget(job);
    expect(await deliver(plain, eventMessage('interaction.completed', job))).toBe(204);
    const [first, second] = await stage.results();
    expect(first?.data).toEqual(spoken);
    expect(second?.data).toMatchObject(expected);
  },
);

test('a result too large for a message goes to the bucket, and without a bucket becomes an error', async () => {
  const stage = await Stage.open();
  const [plain, copying] = [await stage.start(), await stage.start({ RESULTS_BUCKET: 'results' })];
  const [one, two] = [await stage.batch(), await stage.batch()];
  const lineBytes = 20_000_000;
  await stage.simulator.finish(one, { output: { lines: 3, lineBytes } });
  await stage.simulator.finish(two, { output: { lines: 2, lineBytes } });
  expect(await deliver(copying, eventMessage('batch.succeeded', one))).toBe(204);
  const uri = (index: number) => `gs://results/${one.replace('/', '~')}/${index}.json`;
  expect((await stage.results()).map(({ data }) => data)).toEqual([
    ...[0, 1, 2].map((index) =>
      expect.objectContaining({ key: `r000000000${index}`, uri: uri(index), bytes: expect.any(Number) }),
    ),
    { jobId: one, total: 3, ok: 3, error: 0, expected: 3 },
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
    { jobId: two, total: 2, ok: 0, error: 2, expected: 2 },
  ]);
});

test('a large line that is no result keeps its bytes, in the memory of a small function', async () => {
  const stage = await Stage.open();
  const running = await stage.start({ RESULTS_BUCKET: 'results' });
  const batch = await stage.batch();
  const lines = [
    `{"key":"a","response":{"r":1},"metadata":"${'x'.repeat(11_000_000)}"}`,
    `{"key":"b",${'x'.repeat(8_000_000)}`,
    'x'.repeat(20_000_000),
  ];
  await stage.simulator.finish(batch, { output: { text: lines.join('\n') } });
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

test('a bucket that refuses a result loses nothing: the event is delivered again', async () => {
  const stage = await Stage.open();
  const running = await stage.start({ RESULTS_BUCKET: 'results' });
  const batch = await stage.batch();
  await stage.simulator.finish(batch, { output: { lines: 2, lineBytes: 11_000_000 } });
  stage.storage.refusals = 1;
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(503);
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  expect(await stage.results()).toHaveLength(3);
});

test('an attempt without answers ends in time and releases the lease', async () => {
  const stage = await Stage.open();
  const running = await stage.start({ CLOUD_RUN_TIMEOUT_SECONDS: '1', RESULTS_BUCKET: 'results' });
  stage.storage.isSilent = true;
  const { uri } = await video(stage);
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
  const batch = await stage.batch();
  await stage.simulator.finish(batch);
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

/** A finished operation with so many videos. */
async function operation({ simulator }: Stage, sampleCount: number): Promise<string> {
  const response = await fetch(`${simulator.url}/v1/models/veo-3.1:predictLongRunning`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-goog-api-key': 'any-key' },
    body: JSON.stringify({ instances: [{ prompt: 'a cat' }], parameters: { sampleCount } }),
  });
  const { name } = (await response.json()) as { name: string };
  await simulator.finish(name);
  return name;
}

interface OperationAnswer {
  readonly response: { readonly generateVideoResponse: { readonly generatedSamples: readonly VideoSample[] } };
}

interface VideoSample {
  readonly video: { readonly uri: string };
}

async function readOperation({ simulator }: Stage, name: string) {
  const response = await fetch(`${simulator.url}/v1/${name}?key=any-key`);
  const answer = (await response.json()) as OperationAnswer;
  return { answer, uris: answer.response.generateVideoResponse.generatedSamples.map(({ video: { uri } }) => uri) };
}

async function video({ simulator }: Stage): Promise<{ uri: string; name: string }> {
  const name = simulator.generateFile({ lines: 10, lineBytes: 256 }, 'files/video0000001');
  return { name, uri: `https://generativelanguage.googleapis.com/v1beta/${name}:download?alt=media` };
}
