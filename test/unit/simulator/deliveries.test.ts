import { createLocalJWKSet, jwtVerify } from 'jose';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { given, HOUR_MILLIS, jwks, secondsAfterStart, setUp, startBatch } from './harness.ts';
import { START_MILLIS, verifyingKeys } from './harness.ts';
import type { Receiver } from './harness.ts';
import type { SettingsPatch } from '../../../simulator/settings.ts';

const HOOK = { subscribed_events: ['batch.failed'] };
const EVENT = { type: 'batch.failed', data: {} };

function distinct({ received }: Receiver, header: string): number {
  return new Set(received.map(({ headers }) => headers[header])).size;
}

describe('a static delivery', () => {
  test('passes the reference library, however the clock was moved', async () => {
    const { ai, simulator, receiver } = await setUp({ settings: { deliveries: { timestamp: 'machine' } } });
    const created = await ai.webhooks.create({ uri: receiver.url, ...HOOK });
    await simulator.clock.advance(24 * HOUR_MILLIS);
    await simulator.emit({ ...EVENT, data: { id: 'batches/größe' } });
    const { headers, body } = given(receiver.received[0]);
    const library = new Webhook(given(created.new_signing_secret));
    expect(library.verify(body, headers as Record<string, string>)).toMatchObject({ data: { id: 'batches/größe' } });
    expect(headers['content-type']).toBe('application/json');
  });
});

describe('a dynamic delivery', () => {
  test.each([
    [false, 2],
    [true, 1],
  ])('goes to the URIs of the job instead of registered webhooks; sharedId %s: %i ids', async (sharedId, ids) => {
    const { ai, simulator, receiver } = await setUp({ settings: { deliveries: { sharedId } } });
    await ai.webhooks.create({ uri: `${receiver.url}/registered`, subscribed_events: ['batch.succeeded'] });
    await simulator.finish(await startBatch(simulator, [`${receiver.url}/a`, `${receiver.url}/b`]));
    expect(receiver.received.map(({ path }) => path).toSorted()).toEqual(['/a', '/b']);
    expect(distinct(receiver, 'webhook-id')).toBe(ids);
    expect(receiver.received[0]?.headers['webhook-id']).toMatch(/^msg_[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  });

  test('is signed by one of three published keys', async () => {
    const { simulator, receiver } = await setUp();
    for (let count = 0; count < 12; count += 1) await simulator.finish(await startBatch(simulator, [receiver.url]));
    expect((await jwks(simulator)).keys.map(({ crv }) => crv)).toEqual(Array(3).fill('Ed25519'));
    const used = await Promise.all(receiver.received.map(async (one) => await verifyingKeys(simulator, one)));
    expect(used.map(({ length }) => length)).toEqual(Array(12).fill(1));
    expect(new Set(used.flat()).size).toBeGreaterThan(1);
  });

  test('is signed by the new key after a rotation, and by a removed key that is chosen or if no other is left', async () => {
    const { simulator, receiver } = await setUp();
    const signers = async () => {
      await simulator.finish(await startBatch(simulator, [receiver.url]));
      return await verifyingKeys(simulator, given(receiver.received.at(-1)));
    };
    const before = (await jwks(simulator)).keys;
    expect(simulator.jwks.rotate()).toBe('sim-ed-4');
    expect((await jwks(simulator)).keys.slice(0, 2)).toEqual(before.slice(1));
    expect(await signers()).toEqual([2]);
    simulator.jwks.remove('sim-ed-4');
    expect(await signers()).toHaveLength(1);
    simulator.jwks.signWith('sim-ed-4');
    expect(await signers()).toEqual([]);
    for (const kid of ['sim-ed-2', 'sim-ed-3', 'sim-ed-4']) simulator.jwks.remove(kid);
    expect(await signers()).toEqual([]);
    expect(() => simulator.jwks.remove('sim-ed-9')).toThrow('sim-ed-1, sim-ed-2, sim-ed-3, sim-ed-4');
  });

  test.each([
    ['RS256', 'my-audience'],
    ['EdDSA', null],
  ] as const)('is a JWT with %s for the audience %s', async (scheme, audience) => {
    const { simulator, receiver } = await setUp({ settings: { deliveries: { scheme, audience } } });
    await simulator.finish(await startBatch(simulator, [`${receiver.url}/mine`]));
    const { headers, body } = given(receiver.received[0]);
    const keys = createLocalJWKSet(await jwks(simulator));
    const { payload, protectedHeader } = await jwtVerify(String(headers['webhook-signature']), keys, {
      audience: audience ?? `${receiver.url}/mine`,
      currentDate: new Date(START_MILLIS),
      algorithms: [scheme],
    });
    expect(protectedHeader.kid).toMatch(/^sim-/);
    expect(payload).toMatchObject({ ...(JSON.parse(body) as object), jti: headers['webhook-id'] });
    expect(payload.exp).toBe(START_MILLIS / 1000 + 300);
  });

  test('names no key if keyIds is false', async () => {
    const settings: SettingsPatch = { deliveries: { scheme: 'EdDSA' }, jwks: { keyIds: false } };
    const { simulator, receiver } = await setUp({ settings });
    await simulator.finish(await startBatch(simulator, [receiver.url]));
    const [header = ''] = String(receiver.received[0]?.headers['webhook-signature']).split('.');
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'EdDSA', typ: 'JWT' });
    expect((await jwks(simulator)).keys.some((key) => 'kid' in key)).toBe(false);
  });
});

describe('the body', () => {
  const metadata = { job: 'n', nested: [1] };
  const uri = 'https://generativelanguage.googleapis.com/v1beta/files/batch-ID:download?alt=media';
  const output = { output: { lines: 1, lineBytes: 256 } };
  const data = (fields: object) => ({ data: { id: 'batches/ID', ...fields } });

  test.each([
    [{}, {}, {}],
    [{ userMetadata: 'user_metadata' }, {}, { user_metadata: metadata }],
    [{ userMetadata: 'userMetadata' }, {}, { userMetadata: metadata }],
    [{ userMetadata: 'data.user_metadata' }, {}, data({ user_metadata: metadata })],
    [{ userMetadata: 'data.userMetadata' }, {}, data({ userMetadata: metadata })],
    [{ userMetadata: 'metadata.user_metadata' }, {}, { metadata: { user_metadata: metadata } }],
    [{ dataId: 'bare' }, {}, { data: { id: 'ID' } }],
    [{ outputFileUri: 'https' }, output, data({ output_file_uri: uri })],
    [{ outputFileUri: 'name' }, output, data({ output_file_uri: 'files/batch-ID' })],
    [{ outputFileUri: 'gs' }, output, data({ output_file_uri: 'gs://generated-results/batch-ID.jsonl' })],
    [{ outputFileUri: 'none' }, output, {}],
    [{}, { state: 'expired' }, { type: 'batch.expired' }],
    [{}, { state: 'cancelled' }, { type: 'batch.cancelled' }],
    [
      {},
      { state: 'failed' },
      { type: 'batch.failed', ...data({ error_code: '13', error_message: 'Internal error encountered.' }) },
    ],
  ] as const)('with %o of a batch that ends with %o has %o', async (settings, outcome, expected) => {
    const deliveries: SettingsPatch['deliveries'] = { userMetadata: 'none', ...settings };
    const { simulator, receiver } = await setUp({ settings: { deliveries } });
    const name = await startBatch(simulator, [receiver.url], metadata);
    await simulator.finish(name, outcome);
    const body = given(receiver.received[0]).body.replaceAll(name.slice('batches/'.length), 'ID');
    const common = { type: 'batch.succeeded', version: 'v1', timestamp: '2026-05-28T20:26:40Z', ...data({}) };
    expect(JSON.parse(body)).toEqual({ ...common, ...expected });
  });

  test('is not sent for a cancelled job if cancelEvents is false', async () => {
    const { simulator } = await setUp({ settings: { deliveries: { cancelEvents: false } } });
    await simulator.finish(await startBatch(simulator, ['http://127.0.0.1:9/']), { state: 'cancelled' });
    expect(simulator.ledger.events).toEqual([]);
  });
});

describe('retries', () => {
  /** Sets up a receiver that refuses the delivery of a job that has ended. */
  async function refuse(deliveries: SettingsPatch['deliveries'] = {}, answer: Receiver['answer'] = 503) {
    const context = await setUp({ settings: { deliveries } });
    context.receiver.answer = answer;
    await context.simulator.finish(await startBatch(context.simulator, [context.receiver.url]));
    return context;
  }

  test('follow the schedule with the same id and bytes, a new time and a new valid signature', async () => {
    const { simulator, receiver } = await refuse();
    await simulator.clock.advance(24 * HOUR_MILLIS);
    const times = [0, 5, 305, 2_105, 9_305, 27_305, 63_305];
    expect(secondsAfterStart(receiver.received)).toEqual(times);
    expect(distinct(receiver, 'webhook-id')).toBe(1);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(distinct(receiver, 'webhook-signature')).toBe(times.length);
    for (const attempt of receiver.received) expect(await verifyingKeys(simulator, attempt)).toHaveLength(1);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'given_up', nextAttemptTime: undefined }]);
  });

  test.each([302, 400, 410, 429, 500])('follow an answer of %d and end with the first success', async (status) => {
    const { simulator, receiver } = await refuse({}, status);
    receiver.answer = 204;
    await simulator.clock.advance(24 * HOUR_MILLIS);
    const [delivery] = simulator.ledger.deliveries;
    expect(delivery).toMatchObject({ state: 'delivered', attempts: [{ number: 1, answer: { body: 'noted' } }, {}] });
    expect(delivery?.attempts.map(({ answer }) => answer?.status)).toEqual([status, 204]);
  });

  test('are never made later than 24 h after the event', async () => {
    const { simulator, receiver } = await refuse({ retryDelaysMillis: [0, 12 * HOUR_MILLIS, 12 * HOUR_MILLIS, 1] });
    await simulator.clock.advance(48 * HOUR_MILLIS);
    expect(secondsAfterStart(receiver.received)).toEqual([0, 43_200, 86_400]);
  });

  test('follow a time-out and a refused connection', async () => {
    const { simulator } = await refuse({ timeoutMillis: 50 }, 'hang');
    await simulator.finish(await startBatch(simulator, ['http://127.0.0.1:9/']));
    const errors = simulator.ledger.attempts().map(({ answer }) => answer?.error);
    expect(errors).toEqual(['time-out', 'ECONNREFUSED']);
    expect(simulator.ledger.deliveries.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
  });

  test('stop when the webhook is deleted', async () => {
    const { ai, simulator, receiver } = await setUp();
    receiver.answer = 500;
    const { id = '' } = await ai.webhooks.create({ uri: receiver.url, ...HOOK });
    await simulator.emit(EVENT);
    await ai.webhooks.delete(id);
    await simulator.clock.advance(24 * HOUR_MILLIS);
    expect(receiver.received).toHaveLength(1);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'cancelled' }]);
  });

  test('disable a webhook after as many given up in a row as set, until it is enabled again', async () => {
    const settings: SettingsPatch = { deliveries: { retryDelaysMillis: [0, 1_000], disableAfterGivenUp: 2 } };
    const { ai, simulator, receiver } = await setUp({ settings });
    const { id = '' } = await ai.webhooks.create({ uri: receiver.url, ...HOOK });
    const deliver = async (answer: number) => {
      receiver.answer = answer;
      await simulator.emit(EVENT);
      await simulator.clock.advance(1_000);
      return (await ai.webhooks.get(id)).state;
    };
    const states = [await deliver(500), await deliver(200), await deliver(500), await deliver(500)];
    expect(states).toEqual([...Array<string>(3).fill('enabled'), 'disabled_due_to_failed_deliveries']);
    const before = receiver.received.length;
    await deliver(200);
    expect(receiver.received).toHaveLength(before);
    await ai.webhooks.update(id, { state: 'enabled' });
    expect(await deliver(500)).toBe('enabled');
    expect(receiver.received).toHaveLength(before + 2);
  });

  test('leave room for redeliveries: after the end, between, and while a delivery is held', async () => {
    const { simulator, receiver } = await refuse({ retryDelaysMillis: [0, 5_000] });
    const [delivery] = simulator.ledger.deliveries;
    const { webhookId } = given(delivery);
    for (let count = 0; count < 2; count += 1) await simulator.redeliver(webhookId);
    await simulator.clock.advance(5_000);
    expect(secondsAfterStart(receiver.received)).toEqual([0, 0, 0, 5]);
    expect(delivery?.state).toBe('given_up');
    receiver.answer = 200;
    await simulator.clock.advance(60_000);
    await simulator.redeliver(webhookId);
    expect(distinct(receiver, 'webhook-id')).toBe(1);
    expect(delivery?.state).toBe('delivered');
    await expect(simulator.redeliver('msg_unknown')).rejects.toMatchObject({ status: 'NOT_FOUND' });
  });

  test('of a delivery that is held leave it waiting for its turn', async () => {
    const { simulator, receiver } = await setUp({ settings: { faults: { reorder: 1 } } });
    const emit = async () => await simulator.emit({ ...EVENT, webhookConfig: { uris: [receiver.url] } });
    await emit();
    receiver.answer = 500;
    const [held] = simulator.ledger.deliveries;
    await simulator.redeliver(given(held).webhookId);
    receiver.answer = 200;
    await emit();
    await simulator.clock.advance(1);
    expect(held).toMatchObject({ state: 'delivered', attempts: [{ number: 1 }, { number: 2 }] });
  });
});
