import { createPublicKey, verify } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { call, client, given, HOUR_MILLIS, JOB_MILLIS, prompt, setUp, START_MILLIS } from './harness.ts';
import type { Received } from './harness.ts';
import type { SettingsPatch } from '../../../simulator/settings.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import type { Simulator } from '../../../simulator/simulator.ts';

const model = 'gemini-3.8-flash';

async function startBatch(simulator: Simulator, uris: string[], userMetadata: Record<string, unknown> = { job: 'n' }) {
  const config = { webhookConfig: { uris, userMetadata } };
  const { name } = await client(simulator).batches.create({ model, src: [prompt('hello')], config });
  return given(name);
}

async function jwks(simulator: Simulator): Promise<{ keys: JsonWebKey[] }> {
  const response = await fetch(`${simulator.url}/.well-known/jwks.json`);
  return (await response.json()) as { keys: JsonWebKey[] };
}

/** The keys of the JWKS that verify a `v1a` delivery, by their place. */
async function verifyingKeys(simulator: Simulator, { headers, body }: Received): Promise<number[]> {
  const message = Buffer.from(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`);
  const signature = Buffer.from(String(headers['webhook-signature']).slice('v1a,'.length), 'base64');
  const { keys } = await jwks(simulator);
  return keys.flatMap((key, index) => {
    const publicKey = createPublicKey({ key, format: 'jwk' });
    return verify(null, message, publicKey, signature) ? [index] : [];
  });
}

function bodies(received: readonly Received[]): Record<string, unknown>[] {
  return received.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}

function secondsAfterStart(received: readonly Received[]): number[] {
  return received.map(({ headers }) => Number(headers['webhook-timestamp']) - START_MILLIS / 1000);
}

describe('a static delivery', () => {
  test('is one that the reference library verifies, wherever the clock of the simulator stands', async () => {
    const { ai, simulator, receiver } = await setUp({ settings: { deliveries: { timestamp: 'machine' } } });
    const created = await ai.webhooks.create({ uri: receiver.url, subscribed_events: ['batch.succeeded'] });
    await simulator.clock.advance(24 * HOUR_MILLIS);
    await simulator.emit({ type: 'batch.succeeded', data: { id: 'batches/größe' } });
    const { headers, body } = given(receiver.received[0]);
    const library = new Webhook(given(created.new_signing_secret));
    expect(library.verify(body, headers as Record<string, string>)).toMatchObject({ data: { id: 'batches/größe' } });
    expect(headers['content-type']).toBe('application/json');
  });
});

describe('a dynamic delivery', () => {
  test('goes to the URIs of the job instead of the registered webhooks, each with its own id', async () => {
    const { ai, simulator, receiver } = await setUp();
    await ai.webhooks.create({ uri: `${receiver.url}/registered`, subscribed_events: ['batch.succeeded'] });
    await simulator.finish(await startBatch(simulator, [`${receiver.url}/a`, `${receiver.url}/b`]));
    expect(receiver.received.map(({ path }) => path).toSorted()).toEqual(['/a', '/b']);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
    expect(receiver.received[0]?.headers['webhook-id']).toMatch(/^msg_[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  });

  test('shares its id with those to the other URIs when so set', async () => {
    const { simulator, receiver } = await setUp({ settings: { deliveries: { sharedId: true } } });
    await simulator.finish(await startBatch(simulator, [`${receiver.url}/a`, `${receiver.url}/b`]));
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  test('is signed by one of three published keys', async () => {
    const { simulator, receiver } = await setUp();
    for (let count = 0; count < 12; count += 1) await simulator.finish(await startBatch(simulator, [receiver.url]));
    expect((await jwks(simulator)).keys.map(({ crv }) => crv)).toEqual(Array(3).fill('Ed25519'));
    const used = await Promise.all(receiver.received.map(async (one) => await verifyingKeys(simulator, one)));
    expect(used.map(({ length }) => length)).toEqual(Array(12).fill(1));
    expect(new Set(used.flat()).size).toBeGreaterThan(1);
  });

  test('is signed by the new key after a rotation', async () => {
    const { simulator, receiver } = await setUp();
    const before = (await jwks(simulator)).keys;
    expect(simulator.jwks.rotate()).toBe('sim-ed-4');
    await simulator.finish(await startBatch(simulator, [receiver.url]));
    expect((await jwks(simulator)).keys.slice(0, 2)).toEqual(before.slice(1));
    expect(await verifyingKeys(simulator, given(receiver.received[0]))).toEqual([2]);
  });

  test('can be signed by a key that was removed, and is where all were', async () => {
    const { simulator, receiver } = await setUp();
    simulator.jwks.remove('sim-ed-2');
    await simulator.finish(await startBatch(simulator, [receiver.url]));
    expect(await verifyingKeys(simulator, given(receiver.received[0]))).toHaveLength(1);
    simulator.jwks.signWith('sim-ed-2');
    await simulator.finish(await startBatch(simulator, [receiver.url]));
    expect(await verifyingKeys(simulator, given(receiver.received[1]))).toEqual([]);
    for (const kid of ['sim-ed-1', 'sim-ed-2', 'sim-ed-3']) simulator.jwks.remove(kid);
    await simulator.finish(await startBatch(simulator, [receiver.url]));
    expect(await verifyingKeys(simulator, given(receiver.received[2]))).toEqual([]);
    expect(() => simulator.jwks.remove('sim-ed-9')).toThrow('sim-ed-1, sim-ed-2, sim-ed-3');
  });

  test.each(['RS256', 'EdDSA'] as const)('is a JWT with %s when so set', async (scheme) => {
    const settings: SettingsPatch = { deliveries: { scheme, audience: 'my-audience' } };
    const { simulator, receiver } = await setUp({ settings });
    const name = await startBatch(simulator, [receiver.url]);
    await simulator.finish(name);
    const { headers, body } = given(receiver.received[0]);
    const keys = createLocalJWKSet(await jwks(simulator));
    const { payload, protectedHeader } = await jwtVerify(String(headers['webhook-signature']), keys, {
      audience: 'my-audience',
      currentDate: new Date(START_MILLIS),
      algorithms: [scheme],
    });
    expect(protectedHeader.kid).toMatch(/^sim-/);
    expect(payload).toMatchObject({ ...(JSON.parse(body) as object), jti: headers['webhook-id'] });
    expect(payload.exp).toBe(START_MILLIS / 1000 + 300);
  });

  test("a JWT's audience is the URI unless one is set, and keys have no ids when so set", async () => {
    const settings: SettingsPatch = { deliveries: { scheme: 'EdDSA' }, jwks: { keyIds: false } };
    const { simulator, receiver } = await setUp({ settings });
    await simulator.finish(await startBatch(simulator, [`${receiver.url}/mine`]));
    const token = String(given(receiver.received[0]).headers['webhook-signature']);
    const [header, claims] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(given(header))).toEqual({ alg: 'EdDSA', typ: 'JWT' });
    expect(JSON.parse(given(claims))).toMatchObject({ aud: `${receiver.url}/mine` });
    expect((await jwks(simulator)).keys.some((key) => 'kid' in key)).toBe(false);
  });
});

describe('the body', () => {
  const metadata = { job: 'n', nested: [1] };

  test.each([
    ['user_metadata', { user_metadata: metadata }],
    ['userMetadata', { userMetadata: metadata }],
    ['data.user_metadata', { data: { user_metadata: metadata } }],
    ['data.userMetadata', { data: { userMetadata: metadata } }],
    ['metadata.user_metadata', { metadata: { user_metadata: metadata } }],
  ] as const)('has the metadata in %s when so set', async (userMetadata, expected) => {
    const { simulator, receiver } = await setUp({ settings: { deliveries: { userMetadata } } });
    await simulator.finish(await startBatch(simulator, [receiver.url], metadata));
    expect(bodies(receiver.received)[0]).toMatchObject(expected);
  });

  test('has no metadata when so set', async () => {
    const { simulator, receiver } = await setUp({ settings: { deliveries: { userMetadata: 'none' } } });
    await simulator.finish(await startBatch(simulator, [receiver.url], metadata));
    expect(Object.keys(given(bodies(receiver.received)[0]))).toEqual(['type', 'version', 'timestamp', 'data']);
  });

  test.each([
    ['full', 'batches/'],
    ['bare', ''],
  ] as const)('has the %s id', async (dataId, prefix) => {
    const { simulator, receiver } = await setUp({ settings: { deliveries: { dataId } } });
    const name = await startBatch(simulator, [receiver.url]);
    await simulator.finish(name);
    const id = prefix + name.slice('batches/'.length);
    expect(bodies(receiver.received)).toMatchObject([{ data: { id } }]);
  });

  test.each([
    ['https', 'https://generativelanguage.googleapis.com/v1beta/files/batch-ID:download?alt=media'],
    ['name', 'files/batch-ID'],
    ['gs', 'gs://generated-results/batch-ID.jsonl'],
    ['none', undefined],
  ] as const)('names the output file as %s', async (outputFileUri, expected) => {
    const { simulator, receiver } = await setUp({ settings: { deliveries: { outputFileUri } } });
    const name = await startBatch(simulator, [receiver.url]);
    await simulator.finish(name, { output: { lines: 1, lineBytes: 256 } });
    const uri = expected?.replace('ID', name.slice('batches/'.length));
    expect(bodies(receiver.received)[0]?.['data']).toEqual({
      id: name,
      ...(uri === undefined ? {} : { output_file_uri: uri }),
    });
  });

  test.each([
    ['failed', { error_code: '13', error_message: 'Internal error encountered.' }],
    ['expired', {}],
    ['cancelled', {}],
  ] as const)('delivers the event of a batch that is %s', async (state, data) => {
    const { simulator, receiver } = await setUp();
    const id = await startBatch(simulator, [receiver.url]);
    await simulator.finish(id, { state });
    expect(bodies(receiver.received)).toMatchObject([{ type: `batch.${state}`, data: { id, ...data } }]);
  });

  test('is not sent for a cancelled job when so set', async () => {
    const { simulator } = await setUp({ settings: { deliveries: { cancelEvents: false } } });
    await simulator.finish(await startBatch(simulator, ['http://127.0.0.1:9/']), { state: 'cancelled' });
    expect(simulator.ledger.events).toEqual([]);
  });
});

describe('retries', () => {
  test('follow the schedule with the same id and bytes, a new time and a new valid signature', async () => {
    const { simulator, receiver } = await setUp();
    receiver.answer = 503;
    await startBatch(simulator, [receiver.url]);
    await simulator.clock.advance(JOB_MILLIS + 24 * HOUR_MILLIS);
    const delays = [0, 5, 300, 1_800, 7_200, 18_000, 36_000];
    let due = JOB_MILLIS / 1000;
    const expected = delays.map((delay) => (due += delay));
    expect(secondsAfterStart(receiver.received)).toEqual(expected);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-signature'])).size).toBe(delays.length);
    for (const attempt of receiver.received) expect(await verifyingKeys(simulator, attempt)).toHaveLength(1);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'given_up', nextAttemptTime: undefined }]);
  });

  test('end with the first success', async () => {
    const { simulator, receiver } = await setUp();
    receiver.answer = 500;
    await startBatch(simulator, [receiver.url]);
    await simulator.clock.advance(JOB_MILLIS);
    receiver.answer = 204;
    await simulator.clock.advance(24 * HOUR_MILLIS);
    const [delivery] = simulator.ledger.deliveries;
    expect(delivery).toMatchObject({ state: 'delivered' });
    expect(delivery?.attempts.map(({ answer }) => answer?.status)).toEqual([500, 204]);
    expect(delivery?.attempts[0]).toMatchObject({ number: 1, answer: { body: 'noted' } });
  });

  test.each([302, 400, 410, 429])('follow an answer of %d too', async (status) => {
    const { simulator, receiver } = await setUp();
    receiver.answer = status;
    await startBatch(simulator, [receiver.url]);
    await simulator.clock.advance(JOB_MILLIS + 5_000);
    expect(receiver.received).toHaveLength(2);
  });

  test('are never made later than 24 h after the event', async () => {
    const retryDelaysMillis = [0, 12 * HOUR_MILLIS, 12 * HOUR_MILLIS, 1];
    const { simulator, receiver } = await setUp({ settings: { deliveries: { retryDelaysMillis } } });
    receiver.answer = 500;
    await simulator.finish(await startBatch(simulator, [receiver.url]));
    await simulator.clock.advance(48 * HOUR_MILLIS);
    expect(secondsAfterStart(receiver.received)).toEqual([0, 43_200, 86_400]);
  });

  test('follow a time-out and a refused connection', async () => {
    const { simulator, receiver } = await setUp({ settings: { deliveries: { timeoutMillis: 50 } } });
    receiver.answer = 'hang';
    await simulator.finish(await startBatch(simulator, [receiver.url, 'http://127.0.0.1:9/']));
    const errors = simulator.ledger.attempts().map(({ answer }) => answer?.error);
    expect(errors).toEqual(['time-out', 'ECONNREFUSED']);
    expect(simulator.ledger.deliveries.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
  });

  test('stop when the webhook is deleted', async () => {
    const { ai, simulator, receiver } = await setUp();
    receiver.answer = 500;
    const { id = '' } = await ai.webhooks.create({ uri: receiver.url, subscribed_events: ['batch.failed'] });
    await simulator.emit({ type: 'batch.failed', data: {} });
    await ai.webhooks.delete(id);
    await simulator.clock.advance(24 * HOUR_MILLIS);
    expect(receiver.received).toHaveLength(1);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'cancelled' }]);
  });
});

describe('a webhook whose deliveries fail', () => {
  test('is disabled after as many in a row as set, and works again when it is enabled', async () => {
    const settings: SettingsPatch = { deliveries: { retryDelaysMillis: [0, 1_000], disableAfterGivenUp: 2 } };
    const { ai, simulator, receiver } = await setUp({ settings });
    const { id = '' } = await ai.webhooks.create({ uri: receiver.url, subscribed_events: ['batch.failed'] });
    const deliver = async (answer: number) => {
      receiver.answer = answer;
      await simulator.emit({ type: 'batch.failed', data: {} });
      await simulator.clock.advance(1_000);
      return (await ai.webhooks.get(id)).state;
    };
    expect(await deliver(500)).toBe('enabled');
    expect(await deliver(200)).toBe('enabled');
    expect(await deliver(500)).toBe('enabled');
    expect(await deliver(500)).toBe('disabled_due_to_failed_deliveries');
    const before = receiver.received.length;
    await deliver(200);
    expect(receiver.received).toHaveLength(before);
    await ai.webhooks.update(id, { state: 'enabled' });
    expect(await deliver(500)).toBe('enabled');
    expect(receiver.received).toHaveLength(before + 2);
  });
});

describe('redelivery', () => {
  test('sends the same event once more, even after it was given up', async () => {
    const { simulator, receiver } = await setUp({ settings: { deliveries: { retryDelaysMillis: [0] } } });
    receiver.answer = 500;
    await simulator.finish(await startBatch(simulator, [receiver.url]));
    const { webhookId } = given(simulator.ledger.deliveries[0]);
    receiver.answer = 200;
    await simulator.clock.advance(60_000);
    await simulator.redeliver(webhookId);
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([webhookId, webhookId]);
    expect(secondsAfterStart(receiver.received)).toEqual([0, 60]);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'delivered' }]);
    await expect(simulator.redeliver('msg_unknown')).rejects.toMatchObject({ status: 'NOT_FOUND' });
  });

  test('takes nothing from the schedule', async () => {
    const { simulator, receiver } = await setUp();
    receiver.answer = 500;
    await simulator.finish(await startBatch(simulator, [receiver.url]));
    const { webhookId } = given(simulator.ledger.deliveries[0]);
    for (let count = 0; count < 6; count += 1) await simulator.redeliver(webhookId);
    await simulator.clock.advance(305_000);
    expect(secondsAfterStart(receiver.received)).toEqual([...Array<number>(7).fill(0), 5, 305]);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'waiting' }]);
  });

  test('of a delivery that is held back leaves it waiting for its turn', async () => {
    const { simulator, receiver } = await setUp({ settings: { faults: { reorder: 1 } } });
    const emit = async () =>
      await simulator.emit({ type: 'batch.failed', data: {}, webhookConfig: { uris: [receiver.url] } });
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

describe('faults', () => {
  async function deliverWith(faults: SettingsPatch['faults'], count = 1) {
    const { simulator, receiver } = await setUp({ settings: { faults } });
    for (let made = 0; made < count; made += 1) {
      await simulator.emit({ type: 'batch.failed', data: { made }, webhookConfig: { uris: [receiver.url] } });
    }
    return { simulator, receiver };
  }

  test('duplicate: the same delivery arrives twice', async () => {
    const { receiver, simulator } = await deliverWith({ duplicate: 1 });
    expect(receiver.received).toHaveLength(2);
    expect(receiver.received[0]?.headers['webhook-id']).toBe(receiver.received[1]?.headers['webhook-id']);
    expect(receiver.received[0]?.body).toBe(receiver.received[1]?.body);
    expect(simulator.ledger.attempts().map(({ faults }) => faults)).toEqual([[], ['duplicate']]);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'delivered', nextAttemptTime: undefined }]);
  });

  test('reorder: a delivery arrives after the one that follows it', async () => {
    const { receiver, simulator } = await deliverWith({ reorder: 1 });
    expect(receiver.received).toEqual([]);
    await simulator.emit({ type: 'batch.failed', data: { made: 'next' }, webhookConfig: { uris: [receiver.url] } });
    await simulator.clock.advance(1);
    expect(bodies(receiver.received).map(({ data }) => data)).toEqual([{ made: 'next' }, { made: 0 }]);
    await simulator.clock.advance(HOUR_MILLIS);
    expect(receiver.received).toHaveLength(2);
  });

  test('reorder: a delivery that none follows arrives after a minute', async () => {
    const { receiver, simulator } = await deliverWith({ reorder: 1 });
    await simulator.clock.advance(59_999);
    expect(receiver.received).toEqual([]);
    await simulator.clock.advance(1);
    expect(receiver.received).toHaveLength(1);
  });

  test('delay: a delivery arrives later', async () => {
    const { receiver, simulator } = await deliverWith({ delay: 1, delayMillis: 7_000 });
    await simulator.clock.advance(6_999);
    expect(receiver.received).toEqual([]);
    await simulator.clock.advance(1);
    expect(secondsAfterStart(receiver.received)).toEqual([7]);
  });

  test('drop: a delivery never arrives', async () => {
    const { receiver, simulator } = await deliverWith({ drop: 1 });
    await simulator.clock.advance(48 * HOUR_MILLIS);
    expect(receiver.received).toEqual([]);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'dropped', attempts: [] }]);
  });

  test('stale: the signature is right, the time is old', async () => {
    const { receiver, simulator } = await deliverWith({ stale: 1, staleMillis: 301_000 });
    expect(secondsAfterStart(receiver.received)).toEqual([-301]);
    expect(await verifyingKeys(simulator, given(receiver.received[0]))).toHaveLength(1);
  });

  test('unsigned: there is no signature', async () => {
    const { receiver } = await deliverWith({ unsigned: 1 });
    expect(receiver.received[0]?.headers).not.toHaveProperty('webhook-signature');
    expect(receiver.received[0]?.headers).toHaveProperty('webhook-timestamp');
  });

  test('wrong signature: it looks right and no key verifies it', async () => {
    const { receiver, simulator } = await deliverWith({ wrongSignature: 1 });
    expect(receiver.received[0]?.headers['webhook-signature']).toMatch(/^v1a,[A-Za-z0-9+/]{86}==$/);
    expect(await verifyingKeys(simulator, given(receiver.received[0]))).toEqual([]);
  });

  test('wrong signature: a static one is not made with the secret', async () => {
    const { ai, simulator, receiver } = await setUp({
      clock: { manual: true },
      settings: { faults: { wrongSignature: 1 } },
    });
    const created = await ai.webhooks.create({ uri: receiver.url, subscribed_events: ['batch.failed'] });
    await simulator.emit({ type: 'batch.failed', data: {} });
    const { headers, body } = given(receiver.received[0]);
    const library = new Webhook(given(created.new_signing_secret));
    expect(() => library.verify(body, headers as Record<string, string>)).toThrow('No matching signature');
  });

  test('unknown type: another event comes first', async () => {
    const { receiver } = await deliverWith({ unknownType: 1 });
    expect(bodies(receiver.received).map(({ type }) => type)).toEqual(['batch.reticulated', 'batch.failed']);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
  });

  test('lost answer: what was accepted is sent again', async () => {
    const { receiver, simulator } = await deliverWith({ lostAnswer: 1 });
    simulator.settings.patch({ faults: { lostAnswer: 0 } });
    await simulator.clock.advance(HOUR_MILLIS);
    expect(receiver.received).toHaveLength(2);
    expect(simulator.ledger.attempts().map(({ answer }) => answer?.status)).toEqual([200, 200]);
    expect(simulator.ledger.deliveries).toMatchObject([{ state: 'delivered' }]);
  });

  test('a rate hits its share', async () => {
    const { simulator } = await deliverWith({ drop: 0.25 }, 200);
    const dropped = simulator.ledger.deliveries.filter(({ state }) => state === 'dropped').length;
    expect(dropped).toBeGreaterThan(25);
    expect(dropped).toBeLessThan(75);
  });
});

describe('a seed', () => {
  async function run(seed: string, endpoint: string, scheme: 'v1a' | 'RS256' = 'v1a') {
    const rates = { duplicate: 0.3, reorder: 0.3, delay: 0.3, drop: 0.2, unknownType: 0.3, stale: 0.3, unsigned: 0.3 };
    const settings: SettingsPatch = {
      jobs: { failureRate: 0.3 },
      deliveries: { scheme, timestamp: 'clock' },
      faults: { ...rates, wrongSignature: 0.3, lostAnswer: 0.3 },
      api: { faults: [{ method: 'batches.get', rate: 0.4, status: 503 }] },
    };
    const simulator = await startSimulator({ seed, settings, clock: { manual: true, startMillis: START_MILLIS } });
    for (let count = 0; count < 25; count += 1) {
      await simulator.clock.advance(700);
      await call(simulator, `/v1/${await startBatch(simulator, [endpoint])}`);
    }
    await simulator.clock.advance(48 * HOUR_MILLIS);
    const { jobs, events, deliveries, requests } = simulator.ledger;
    await simulator.close();
    const text = JSON.stringify({ jobs, events, deliveries, requests });
    return text.replaceAll(/"latencyMillis":\d+/g, '"latencyMillis":0');
  }

  test('repeats keys of RSA too', async () => {
    const { receiver } = await setUp();
    expect(await run('one', receiver.url, 'RS256')).toBe(await run('one', receiver.url, 'RS256'));
  });

  test('repeats a run with all its ids, times, signatures and faults', async () => {
    const { receiver } = await setUp();
    const first = await run('one', receiver.url);
    expect(await run('one', receiver.url)).toBe(first);
    expect(await run('two', receiver.url)).not.toBe(first);
    for (const fault of ['duplicate', 'dropped', 'stale', 'unsigned', 'wrong_signature', 'lost_answer', '503']) {
      expect(first).toContain(fault);
    }
  });
});
