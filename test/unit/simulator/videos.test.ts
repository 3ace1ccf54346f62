import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { GenerateVideosOperation } from '@google/genai';
import { describe, expect, test } from 'vitest';
import { call, given, JOB_MILLIS, setUp } from './harness.ts';

describe('an Omni video', () => {
  const omni = { model: 'gemini-omni-1.1-flash', input: 'a cat', background: true };

  const response_format = { type: 'video' as const, delivery: 'uri' as const };

  test('has a URI on demand, in the answer to create', async () => {
    const { ai } = await setUp();
    const created = await ai.interactions.create({ ...omni, background: false, response_format });
    const video = given(created.output_video);
    expect(video).toMatchObject({ type: 'video', mime_type: 'video/mp4' });
    const downloadPath = path.join(tmpdir(), `simulator-${process.pid}-omni.mp4`);
    await ai.files.download({ file: given(video.uri), downloadPath });
    expect((await readFile(downloadPath)).subarray(4, 8).toString()).toBe('ftyp');
    const { data, uri } = given((await ai.interactions.get(created.id)).output_video);
    expect(Buffer.from(given(data), 'base64')).toEqual(await readFile(downloadPath));
    expect(uri).toBeUndefined();
  });

  test.each([
    ['inline', omni, false],
    ['inline although a URI was requested', { ...omni, response_format }, false],
    ['by URI if requested and omniUriOnGet is true', { ...omni, response_format }, true],
  ])('of a background job is returned %s', async (_, body, omniUriOnGet) => {
    const { simulator, ai } = await setUp({ settings: { jobs: { omniUriOnGet, videoBytes: 1_000 } } });
    const { id } = await ai.interactions.create(body);
    await simulator.finish(id);
    const { data, uri } = given((await ai.interactions.get(id)).output_video);
    expect(Buffer.from(data ?? '', 'base64')).toHaveLength(omniUriOnGet ? 0 : 1_000);
    expect(uri !== undefined).toBe(omniUriOnGet);
  });

  test.each([
    ['interaction', ['interaction.completed']],
    ['video', ['video.generated']],
    ['both', ['interaction.completed', 'video.generated']],
    ['none', []],
  ] as const)('causes the events of omniEvents %s', async (omniEvents, types) => {
    const { simulator, ai } = await setUp({ settings: { deliveries: { omniEvents } } });
    const { id } = await ai.interactions.create(omni);
    await simulator.finish(id);
    expect((await ai.interactions.get(id)).status).toBe('completed');
    expect(simulator.ledger.events.map(({ type }) => type)).toEqual(types);
  });
});

describe('a Veo video', () => {
  /** Starts an operation and lets it end. */
  async function run(prompt: string, fields: object = {}) {
    const context = await setUp();
    const { simulator, ai } = context;
    const body = JSON.stringify({ instances: [{ prompt }], parameters: { sampleCount: 2 }, ...fields });
    const start = '/v1beta/models/veo-3.1-generate-preview:predictLongRunning';
    const created = await call(simulator, start, { method: 'POST', body });
    const operation = new GenerateVideosOperation();
    operation.name = ((await created.json()) as { name: string }).name;
    expect((await ai.operations.getVideosOperation({ operation })).done).not.toBe(true);
    await simulator.clock.advance(JOB_MILLIS);
    return { ...context, name: operation.name, operation: await ai.operations.getVideosOperation({ operation }) };
  }

  test('ends with files and an event', async () => {
    const userMetadata = { job: 'n' };
    const { ai, simulator, name, operation } = await run('a cat', { webhookConfig: { userMetadata } });
    const videos = given(operation.response?.generatedVideos);
    expect(videos).toHaveLength(2);
    const downloadPath = path.join(tmpdir(), `simulator-${process.pid}-veo.mp4`);
    await ai.files.download({ file: given(videos[0]), downloadPath });
    expect(await readFile(downloadPath)).toHaveLength(65_536);
    const event = JSON.parse(given(simulator.ledger.events[0]).body) as { data: { file_name: string } };
    expect(event).toMatchObject({
      type: 'video.generated',
      data: { id: name, output_file_uri: videos[0]?.video?.uri },
      user_metadata: userMetadata,
    });
    expect(await ai.files.get({ name: event.data.file_name })).toMatchObject({ source: 'GENERATED' });
  });

  test('names the reason instead of files if the safety filters remove it', async () => {
    const { simulator, operation } = await run('a [blocked] cat');
    expect(operation).toMatchObject({
      done: true,
      response: {
        raiMediaFilteredCount: 2,
        raiMediaFilteredReasons: [expect.stringContaining('safety') as string],
      },
    });
    expect(operation.response?.generatedVideos ?? []).toEqual([]);
    expect(simulator.ledger.events).toMatchObject([{ type: 'video.generated' }]);
  });

  test('causes no event if it fails', async () => {
    const { simulator, name } = await run('[fail]');
    const response = await call(simulator, `/v1/${name}`);
    expect(await response.json()).toMatchObject({ name, done: true, error: { code: 13 } });
    expect(simulator.ledger.events).toEqual([]);
  });
});
