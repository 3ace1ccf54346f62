import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BatchJob } from '@google/genai';
import type { GoogleGenAI } from '@google/genai';
import { describe, expect, test } from 'vitest';
import { call, expectRefusal, given, HOUR_MILLIS, JOB_MILLIS, prompt, setUp } from './harness.ts';
import type { Simulator } from '../../../simulator/simulator.ts';

const model = 'gemini-3.8-flash';

async function upload(ai: GoogleGenAI, lines: readonly object[]): Promise<string> {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const file = await ai.files.upload({ file: new Blob([text]), config: { mimeType: 'application/jsonl' } });
  return given(file.name);
}

/** A batch that has ended. */
async function run(
  fields: Partial<Parameters<GoogleGenAI['batches']['create']>[0]> = {},
  outcome?: Parameters<Simulator['finish']>[1],
) {
  const context = await setUp();
  const { name = '' } = await context.ai.batches.create({ model, src: [prompt('any')], ...fields });
  await context.simulator.finish(name, outcome);
  return { ...context, job: await context.ai.batches.get({ name }) };
}

async function state(ai: GoogleGenAI, job: BatchJob): Promise<BatchJob['state']> {
  return (await ai.batches.get({ name: given(job.name) })).state;
}

async function operation(simulator: Simulator, job: BatchJob): Promise<Record<string, unknown>> {
  return (await (await call(simulator, `/v1/${job.name}`)).json()) as Record<string, unknown>;
}

describe('a batch of inline requests', () => {
  test('is pending, then running, then has its answers in order', async () => {
    const { simulator, ai } = await setUp();
    const src = [{ ...prompt('one'), metadata: { key: 'a' } }, prompt('two [error]'), prompt('three')];
    const job = await ai.batches.create({ model, src, config: { displayName: 'Mine' } });
    expect(job).toMatchObject({ state: 'JOB_STATE_PENDING', model: `models/${model}`, displayName: 'Mine' });
    expect(job.name).toMatch(/^batches\/[a-z0-9]{36}$/);
    await simulator.clock.advance(500);
    expect(await state(ai, job)).toBe('JOB_STATE_RUNNING');
    await simulator.clock.advance(1_499);
    expect(await state(ai, job)).toBe('JOB_STATE_RUNNING');
    await simulator.clock.advance(1);
    const done = await ai.batches.get({ name: given(job.name) });
    expect(done.state).toBe('JOB_STATE_SUCCEEDED');
    const responses = given(done.dest?.inlinedResponses);
    expect(responses[0]?.metadata).toEqual({ key: 'a' });
    expect(JSON.stringify(responses[0]?.response)).toContain('one');
    expect(responses[1]?.error).toMatchObject({ code: 3 });
    expect(JSON.stringify(responses[2]?.response)).toContain('three');
    expect((await operation(simulator, job))['metadata']).toMatchObject({
      batchStats: { requestCount: '3', successfulRequestCount: '2', failedRequestCount: '1' },
      endTime: '2026-05-28T20:26:42.000Z',
    });
  });

  test('answers the same prompt in the same way', async () => {
    const { job } = await run({ src: [prompt('same'), prompt('same'), prompt('other')] });
    const [first, second, third] = given(job.dest?.inlinedResponses).map(({ response }) => JSON.stringify(response));
    expect(first).toBe(second);
    expect(third).not.toBe(first);
  });

  test('fails requests at the set rate', async () => {
    const { simulator, ai } = await setUp();
    simulator.settings.patch({ jobs: { requestErrorRate: 0.3 } });
    const job = await ai.batches.create({ model, src: Array.from({ length: 200 }, (_, n) => prompt(`p${n}`)) });
    await simulator.finish(given(job.name));
    const { dest } = await ai.batches.get({ name: given(job.name) });
    const failed = given(dest?.inlinedResponses).filter(({ error }) => error !== undefined).length;
    expect(failed).toBeGreaterThan(30);
    expect(failed).toBeLessThan(90);
  });
});

describe('a batch from a file', () => {
  test('answers line by line, with keys, in a file to download', async () => {
    const { simulator, ai } = await setUp();
    const src = await upload(ai, [
      { key: 'r1', request: prompt('one') },
      { key: 'r2', request: prompt('two [error]') },
      { request: prompt('no key') },
    ]);
    const job = await ai.batches.create({ model, src });
    await simulator.finish(given(job.name));
    const fileName = given((await ai.batches.get({ name: given(job.name) })).dest?.fileName);
    expect(fileName).toBe(`files/batch-${job.name?.slice('batches/'.length)}`);
    const downloadPath = path.join(tmpdir(), `simulator-${process.pid}-${Date.now()}.jsonl`);
    await ai.files.download({ file: fileName, downloadPath });
    const lines = (await readFile(downloadPath, 'utf8')).trimEnd().split('\n');
    const results = lines.map((line) => JSON.parse(line) as { key?: string; response?: object; error?: object });
    expect(results.map(({ key }) => key)).toEqual(['r1', 'r2', undefined]);
    expect(results.map((result) => 'error' in result)).toEqual([false, true, false]);
    expect(JSON.stringify(results[0]?.response)).toContain('one');
    await expect(ai.files.get({ name: fileName })).rejects.toMatchObject({ status: 400 });
  });

  test.each([
    ['a small file', 2, async (_: Simulator, ai: GoogleGenAI) => await upload(ai, [{ request: prompt('one') }, {}])],
    ['a huge one', 1, (simulator: Simulator) => simulator.generateFile({ lines: 1e9 }, 'files/large')],
  ])('fails at the first line of %s that is no request: line %i', async (_, line, file) => {
    const { simulator, ai } = await setUp();
    const job = await ai.batches.create({ model, src: await file(simulator, ai) });
    await simulator.clock.advance(JOB_MILLIS);
    expect(await state(ai, job)).toBe('JOB_STATE_FAILED');
    const { error, response } = await operation(simulator, job);
    expect(error).toMatchObject({ code: 3, message: expect.stringContaining(`Line ${line} `) as string });
    expect(response).toBeUndefined();
  });

  test('cannot succeed with an unreadable file', async () => {
    const { simulator, ai } = await setUp();
    const job = await ai.batches.create({ model, src: await upload(ai, [{ key: 'r1' }]) });
    const forced = simulator.finish(given(job.name), { state: 'succeeded' });
    await expect(forced).rejects.toThrow('Line 1');
    expect(await state(ai, job)).toBe('JOB_STATE_PENDING');
  });

  test('has an output of any size on demand', async () => {
    const { simulator, job } = await run({}, { output: { lines: 1_000_000, lineBytes: 2_048, errorEvery: 10 } });
    const response = await call(simulator, `/v1/${job.dest?.fileName}:download?alt=media`, { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe('2048000000');
    expect((await operation(simulator, job))['metadata']).toMatchObject({
      batchStats: { requestCount: '1000000', successfulRequestCount: '900000', failedRequestCount: '100000' },
    });
  });
});

describe('a batch', () => {
  test('expires after 48 h without results', async () => {
    const { simulator, ai } = await setUp();
    const job = await ai.batches.create({ model, src: [prompt('any')], config: { displayName: '[hang]' } });
    await simulator.clock.advance(48 * HOUR_MILLIS - 1);
    expect(await state(ai, job)).toBe('JOB_STATE_RUNNING');
    await simulator.clock.advance(1);
    const expired = await ai.batches.get({ name: given(job.name) });
    expect(expired.state).toBe('JOB_STATE_EXPIRED');
    expect(expired.dest?.inlinedResponses).toBeUndefined();
  });

  test('fails if [fail] is in its name', async () => {
    const { simulator, job } = await run({ config: { displayName: '[fail]' } });
    expect(job.state).toBe('JOB_STATE_FAILED');
    expect(await operation(simulator, job)).toMatchObject({ done: true, error: { code: 13 } });
  });

  test('stays cancelled', async () => {
    const { simulator, ai } = await setUp();
    const job = await ai.batches.create({ model, src: [prompt('any')] });
    await ai.batches.cancel({ name: given(job.name) });
    await simulator.clock.advance(48 * HOUR_MILLIS);
    expect(await state(ai, job)).toBe('JOB_STATE_CANCELLED');
    await expect(simulator.finish(given(job.name))).rejects.toMatchObject({ status: 'FAILED_PRECONDITION' });
  });

  test('is unknown after its deletion, and sends no event', async () => {
    const { simulator, ai, receiver } = await setUp();
    const config = { webhookConfig: { uris: [receiver.url] } };
    const job = await ai.batches.create({ model, src: [prompt('any')], config });
    await ai.batches.delete({ name: given(job.name) });
    await simulator.clock.advance(48 * HOUR_MILLIS);
    await expect(state(ai, job)).rejects.toMatchObject({ status: 404 });
    expect(simulator.ledger.events).toEqual([]);
  });

  test('is listed in pages, without inline results', async () => {
    const { simulator, ai } = await setUp();
    for (const name of ['a', 'b', 'c']) {
      await ai.batches.create({ model, src: [prompt(name)], config: { displayName: name } });
    }
    await simulator.clock.advance(JOB_MILLIS);
    const listed: BatchJob[] = [];
    for await (const job of await ai.batches.list({ config: { pageSize: 2 } })) listed.push(job);
    expect(listed.map(({ displayName }) => displayName)).toEqual(['a', 'b', 'c']);
    expect(listed.map(({ state: one }) => one)).toEqual(Array(3).fill('JOB_STATE_SUCCEEDED'));
    expect(JSON.stringify(listed)).not.toContain('You asked');
  });

  test('is accepted in snake_case', async () => {
    const { simulator, receiver } = await setUp();
    const batch = {
      display_name: 'snake',
      input_config: { requests: { requests: [{ request: prompt('hello') }] } },
      webhook_config: { uris: [receiver.url], user_metadata: { job_key: 1 } },
    };
    const init = { method: 'POST', body: JSON.stringify({ batch }) };
    const response = await call(simulator, `/v1beta/models/${model}:batchGenerateContent`, init);
    expect(await response.json()).toMatchObject({ metadata: { displayName: 'snake' } });
    await simulator.clock.advance(JOB_MILLIS);
    expect(JSON.parse(given(receiver.received[0]).body)).toMatchObject({ user_metadata: { job_key: 1 } });
  });

  const inputConfig = { requests: { requests: [{ request: prompt('hello') }] } };

  test.for([
    ['without input', { inputConfig: {} }, 'needs either fileName or requests'],
    ['without requests', { inputConfig: { requests: { requests: [] } } }, 'inputConfig.requests.requests'],
    ['with a request without contents', { inputConfig: { requests: { requests: [{ request: {} }] } } }, 'contents'],
    ['with an unknown field', { inputConfig, web_hook: 'x' }, `Unknown name "web_hook" at 'batch': Cannot find field.`],
    ['with an unknown field of its input', { inputConfig: { file: 'files/a' } }, 'Unknown name "file"'],
    ['with an unknown field of its webhook', { inputConfig, webhookConfig: { uri: 'https://h.test/' } }, '"uri"'],
    ['with a bad URI', { inputConfig: { fileName: 'files/a' }, webhookConfig: { uris: ['ftp://x'] } }, 'uris'],
    ['with a URI that is out of reach', { inputConfig, webhookConfig: { uris: ['http://h.test/'] } }, 'h.test'],
  ] as const)('%s is refused', async ([, batch, reason]) => {
    const { simulator } = await setUp();
    await expectRefusal(simulator, `/v1/models/${model}:batchGenerateContent`, { batch }, reason);
  });

  test('is refused above 20 MB, with or without a Content-Length', async () => {
    const { simulator } = await setUp();
    const request = prompt('a'.repeat(20 * 1024 * 1024));
    const body = JSON.stringify({ batch: { inputConfig: { requests: { requests: [{ request }] } } } });
    const chunked = { body: new Blob([body]).stream(), duplex: 'half' as const };
    for (const init of [{ body }, chunked]) {
      const response = await call(simulator, `/v1/models/${model}:batchGenerateContent`, { method: 'POST', ...init });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        error: { message: 'Request payload size exceeds the limit: 20971520 bytes.' },
      });
    }
  });
});
