import { expect, test } from 'vitest';
import { deliver, eventMessage, Stage, videoFile } from './harness.ts';

test('a video is published by its address at Gemini or, with a bucket, as a copy', async () => {
  const stage = await Stage.open();
  const [plain, copying] = [await stage.start(), await stage.start({ RESULTS_BUCKET: 'results' })];
  const { uri, name } = await videoFile(stage);
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
  const { uri, name } = await videoFile(stage);
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

test('a video is published once processed, and also where Gemini refuses the metadata of its file', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const { uri, name } = await videoFile(stage);
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
