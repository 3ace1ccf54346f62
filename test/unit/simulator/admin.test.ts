import { describe, expect, test } from 'vitest';
import { call, given, JOB_MILLIS, prompt, setUp } from './harness.ts';
import type { Simulator } from '../../../simulator/simulator.ts';

async function admin(simulator: Simulator, request: string, body?: object): Promise<{ status: number; body: unknown }> {
  const [method = '', path = ''] = request.split(' ');
  const headers = { 'content-type': 'application/json' };
  const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
  const response = await fetch(`${simulator.url}/admin${path}`, init);
  return { status: response.status, body: await response.json() };
}

describe('the admin API', () => {
  test('describes every request with a JSON schema', async () => {
    const { simulator } = await setUp();
    const { body } = await admin(simulator, 'GET ');
    expect(body).toMatchObject({
      'PATCH /admin/settings': { properties: { faults: { properties: { duplicate: { maximum: 1 } } } } },
      'POST /admin/clock/advance': { required: ['millis'] },
    });
  });

  test('shows and changes settings, and refuses bad ones', async () => {
    const { simulator } = await setUp();
    expect((await admin(simulator, 'GET /settings')).body).toEqual(simulator.settings.get());
    await admin(simulator, 'PATCH /settings', { faults: { stale: 0.5 } });
    expect(simulator.settings.get().faults.stale).toBe(0.5);
    const refused = await admin(simulator, 'PATCH /settings', { faults: { stale: 2 } });
    expect(refused).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('stale') as string } },
    });
  });

  test('moves the clock, finishes jobs, redelivers, pings and emits', async () => {
    const { simulator, ai, receiver } = await setUp();
    const config = { webhookConfig: { uris: [receiver.url] } };
    const create = async () => given((await ai.batches.create({ model: 'm', src: [prompt('hello')], config })).name);
    await create();
    expect((await admin(simulator, 'POST /clock/advance', { millis: JOB_MILLIS })).body).toEqual({
      now: '2026-05-28T20:26:42.000Z',
    });
    await admin(simulator, 'POST /jobs/finish', { name: await create(), outcome: { state: 'expired' } });
    const { webhookId } = given(simulator.ledger.deliveries[0]);
    await admin(simulator, 'POST /deliveries/redeliver', { webhookId });
    const { id = '' } = await ai.webhooks.create({ uri: receiver.url, subscribed_events: ['batch.failed'] });
    await admin(simulator, 'POST /webhooks/ping', { id });
    await admin(simulator, 'POST /events', { type: 'tuna.caught', webhookConfig: { uris: [receiver.url] } });
    const types = receiver.received.map(({ body }) => (JSON.parse(body) as { type: string }).type);
    expect(types).toEqual(['batch.succeeded', 'batch.expired', 'batch.succeeded', 'webhook.ping', 'tuna.caught']);
  });

  test('shows the results of every kind of job, with long values cut', async () => {
    const { simulator, ai } = await setUp();
    const batch = await ai.batches.create({ model: 'm', src: [prompt('long '.repeat(200))] });
    const interaction = await ai.interactions.create({ model: 'm', input: 'hello', background: true });
    const path = '/v1/models/veo:predictLongRunning';
    const video = await call(simulator, path, { method: 'POST', body: '{"instances":[{"prompt":"a cat"}]}' });
    await simulator.clock.advance(JOB_MILLIS);
    const results = async (name: string) =>
      JSON.stringify((await admin(simulator, 'POST /jobs/results', { name })).body);
    expect(await results(given(batch.name))).toMatch(/…\s\(\d+ characters\)/);
    expect(await results(given(interaction.id))).toContain('(You asked: hello)');
    expect(await results(((await video.json()) as { name: string }).name)).toContain('generatedSamples');
    expect((await admin(simulator, 'POST /jobs/results', { name: 'batches/x' })).status).toBe(404);
  });

  test('sends a delivery again with a fault, or after the next one', async () => {
    const { simulator, receiver } = await setUp();
    const event = { type: 'batch.failed', data: {}, webhookConfig: { uris: [receiver.url] } };
    await simulator.emit(event);
    const webhookId = given(simulator.ledger.deliveries[0]).webhookId;
    await admin(simulator, 'POST /deliveries/redeliver', { webhookId, fault: 'unsigned' });
    expect(receiver.received.map(({ headers }) => 'webhook-signature' in headers)).toEqual([true, false]);
    expect((await admin(simulator, 'POST /deliveries/reorder', { webhookId })).status).toBe(400);
    await simulator.emit(event);
    await admin(simulator, 'POST /deliveries/reorder', { webhookId });
    const last = given(simulator.ledger.deliveries[1]).webhookId;
    expect(receiver.received.slice(-2).map(({ headers }) => headers['webhook-id'])).toEqual([last, webhookId]);
  });

  test('registers a generated file and controls the keys', async () => {
    const { simulator } = await setUp();
    const file = await admin(simulator, 'POST /files', { lines: 4, lineBytes: 300, name: 'files/batch-mine' });
    expect(file.body).toMatchObject({ name: 'files/batch-mine', sizeBytes: '1200', source: 'GENERATED' });
    expect((await admin(simulator, 'POST /jwks/rotate', {})).body).toEqual({ kid: 'sim-ed-4' });
    await admin(simulator, 'POST /jwks/remove', { kid: 'sim-ed-4' });
    expect(simulator.jwks.jwks().keys.map(({ kid }) => kid)).toEqual(['sim-ed-2', 'sim-ed-3']);
  });

  test('returns the ledger and the seed that repeats it', async () => {
    const { simulator } = await setUp();
    await simulator.emit({ type: 'batch.failed', data: {} });
    expect((await admin(simulator, 'GET /ledger')).body).toMatchObject({
      seed: 'test',
      events: [{ type: 'batch.failed' }],
    });
  });

  test('refuses content types that another site can send without a preflight request', async () => {
    const { simulator } = await setUp();
    const init = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{"millis":1}' };
    expect((await fetch(`${simulator.url}/admin/clock/advance`, init)).status).toBe(400);
  });

  test('answers 404 for unknown jobs, deliveries and keys', async () => {
    const { simulator } = await setUp();
    expect((await admin(simulator, 'POST /jobs/finish', { name: 'batches/x' })).status).toBe(404);
    expect((await admin(simulator, 'POST /deliveries/redeliver', { webhookId: 'x' })).status).toBe(404);
    expect((await admin(simulator, 'POST /jwks/remove', { kid: 'x' })).status).toBe(404);
  });
});
