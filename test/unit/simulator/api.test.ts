import { describe, expect, test } from 'vitest';
import { call, client, given, prompt, setUp } from './harness.ts';
import { startSimulator } from '../../../simulator/simulator.ts';

const batch = { model: 'gemini-3.8-flash', src: [prompt('hello')] };

describe('every method', () => {
  test.each(['v1', 'v1beta'])('is served under /%s/', async (version) => {
    const { simulator } = await setUp();
    const ai = client(simulator, version);
    const { name } = await ai.batches.create(batch);
    expect(await ai.batches.get({ name: given(name) })).toMatchObject({ name });
    expect((await ai.webhooks.list()).webhooks).toEqual([]);
  });

  test('answers with JSON and its charset', async () => {
    const { simulator } = await setUp();
    const response = await call(simulator, '/v1/batches', { headers: { 'content-type': 'application/json' } });
    expect(response.headers.get('content-type')).toBe('application/json; charset=UTF-8');
    expect(await response.text()).toBe('{"operations":[]}');
  });

  test('needs an API key, in the header or the query, or a bearer token', async () => {
    const { simulator } = await setUp();
    const status = async (query: string, headers = {}) =>
      (await fetch(`${simulator.url}/v1/batches${query}`, { headers })).status;
    expect([await status(''), await status('', { authorization: 'Basic token' })]).toEqual([403, 403]);
    expect([await status('?key=any'), await status('', { 'x-goog-api-key': 'any' })]).toEqual([200, 200]);
    simulator.settings.patch({ api: { key: 'right' } });
    expect([await status('?key=any'), await status('?key=right')]).toEqual([400, 200]);
    expect(await status('', { authorization: 'Bearer token' })).toBe(200);
  });

  test.each(['not json', '{"batch":'])('refuses the body %s', async (body) => {
    const { simulator } = await setUp();
    const response = await call(simulator, '/v1/models/m:batchGenerateContent', { method: 'POST', body });
    expect(response.status).toBe(400);
  });

  test('finds a verb behind an encoded colon', async () => {
    const { simulator, ai } = await setUp();
    const { name } = await ai.batches.create(batch);
    const response = await call(simulator, `/v1/${name}%3Acancel`, { method: 'POST' });
    expect(await response.json()).toEqual({});
    expect((await ai.batches.get({ name: given(name) })).state).toBe('JOB_STATE_CANCELLED');
  });

  test.each(['?pageSize=x', '?pageSize=-1', '?pageToken=x'])('refuses the page %s', async (query) => {
    const { simulator } = await setUp();
    expect((await call(simulator, `/v1/batches${query}`)).status).toBe(400);
  });
});

describe('a path', () => {
  test.each(['/v1alpha/batches', '/v2/batches', '/v1x/models/m:generateContent', '/v1/nonsense', '/nonsense'])(
    '%s is unknown',
    async (path) => {
      const { simulator } = await setUp();
      const response = await call(simulator, path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({
        error: { status: 'NOT_FOUND', message: `Nothing at GET ${path}` },
      });
    },
  );

  test.each(['/v1beta/models', '/v1/cachedContents/x', '/v1beta/files/x/operations/y', '/v1/models/m:countTokens'])(
    '%s is unimplemented, by the name of the simulator',
    async (path) => {
      const { simulator } = await setUp();
      const response = await call(simulator, path);
      expect(response.status).toBe(501);
      const message = expect.stringContaining(`The Gemini API simulator does not implement GET ${path}.`) as string;
      expect(await response.json()).toMatchObject({ error: { code: 501, status: 'UNIMPLEMENTED', message } });
    },
  );
});

describe('faults of the API', () => {
  test('an error with retry-after is sent as often as set, without an effect', async () => {
    const fault = { method: 'batches.create', status: 429, retryAfterSeconds: 3, times: 2 };
    const { simulator, ai } = await setUp({ settings: { api: { faults: [fault] } } });
    const init = { method: 'POST', body: '{}' };
    const response = await call(simulator, '/v1/models/m:batchGenerateContent', init);
    expect(response.headers.get('retry-after')).toBe('3');
    expect(await response.json()).toMatchObject({ error: { code: 429, status: 'RESOURCE_EXHAUSTED' } });
    await expect(ai.batches.create(batch)).rejects.toMatchObject({ status: 429 });
    expect(simulator.jobs()).toEqual([]);
    await expect(ai.batches.create(batch)).resolves.toMatchObject({ state: 'JOB_STATE_PENDING' });
  });

  test('the SDK recovers from errors of the methods that it retries', async () => {
    const fault = { method: 'webhooks.*', status: 503, retryAfterSeconds: 0, times: 2 };
    const { simulator, ai } = await setUp({ settings: { api: { faults: [fault] } } });
    expect((await ai.webhooks.list()).webhooks).toEqual([]);
    expect(simulator.ledger.requests.map(({ status }) => status)).toEqual([503, 503, 200]);
  });

  test('a lost answer comes after the effect', async () => {
    const fault = { method: 'batches.create', loseAnswer: true, times: 1 };
    const { simulator, ai } = await setUp({ settings: { api: { faults: [fault] } } });
    await expect(ai.batches.create(batch)).rejects.toThrow('fetch failed');
    expect(simulator.jobs('batch')).toHaveLength(1);
    expect(simulator.ledger.requests).toMatchObject([{ method: 'batches.create', status: undefined }]);
  });

  test('a slow answer comes later', async () => {
    const { simulator } = await setUp({ settings: { api: { faults: [{ method: '*', latencyMillis: 80 }] } } });
    const start = performance.now();
    expect((await call(simulator, '/v1/batches')).status).toBe(200);
    expect(performance.now() - start).toBeGreaterThanOrEqual(79);
  });

  test('a body replaces the answer', async () => {
    const faults = [{ method: 'batches.get', body: '{"name":"batches/odd"}' }];
    const { ai } = await setUp({ settings: { api: { faults } } });
    expect(await ai.batches.get({ name: 'batches/x' })).toMatchObject({ name: 'batches/odd' });
  });

  test('a rate hits its share of the requests', async () => {
    const fault = { method: 'batches.list', status: 500, rate: 0.5 };
    const { simulator } = await setUp({ settings: { api: { faults: [fault] } } });
    for (let count = 0; count < 60; count += 1) await call(simulator, '/v1/batches');
    const failed = simulator.ledger.requests.filter(({ status }) => status === 500).length;
    expect(failed).toBeGreaterThan(12);
    expect(failed).toBeLessThan(48);
  });
});

describe('the JWKS', () => {
  test('needs no API key, and is unavailable on demand', async () => {
    const { simulator } = await setUp();
    const get = async () => (await fetch(`${simulator.url}/.well-known/jwks.json`)).status;
    expect(await get()).toBe(200);
    simulator.settings.patch({ jwks: { available: false } });
    expect(await get()).toBe(503);
  });
});

describe('a simulator', () => {
  test('needs no settings: real time, jobs that end after two seconds', async () => {
    const { receiver } = await setUp();
    const simulator = await startSimulator();
    const webhookConfig = { uris: [receiver.url] };
    const { promise: delivered, resolve } = Promise.withResolvers<void>();
    simulator.ledger.subscribe((entry) => {
      if (entry.what === 'attempt') resolve();
    });
    const start = performance.now();
    await client(simulator).batches.create({ ...batch, config: { webhookConfig } });
    await delivered;
    expect(performance.now() - start).toBeGreaterThan(1_900);
    expect(receiver.received).toHaveLength(1);
    await simulator.close();
  });

  test('closes while requests, streams and deliveries are open', async () => {
    const { receiver } = await setUp();
    receiver.answer = 'hang';
    const slow = { method: 'batches.list', latencyMillis: 60_000 };
    const simulator = await startSimulator({ settings: { api: { faults: [slow] } } });
    const stream = await fetch(`${simulator.url}/admin/stream`);
    const waiting = call(simulator, '/v1/batches').catch(() => undefined);
    void simulator.emit({ type: 'batch.failed', data: {}, webhookConfig: { uris: [receiver.url] } });
    await expect.poll(() => receiver.received.length).toBe(1);
    const start = performance.now();
    await simulator.close();
    expect(performance.now() - start).toBeLessThan(2_000);
    await waiting;
    await stream.body?.cancel().catch(() => undefined);
    await expect(fetch(simulator.url)).rejects.toThrow('fetch failed');
    expect(simulator.ledger.attempts()[0]?.answer?.error).toBe('closed');
  });

  test('rejects when its port is taken', async () => {
    const { simulator } = await setUp();
    await expect(startSimulator({ port: Number(new URL(simulator.url).port) })).rejects.toThrow('EADDRINUSE');
  });
});
