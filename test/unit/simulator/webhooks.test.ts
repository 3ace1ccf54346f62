import { describe, expect, test } from 'vitest';
import { call, client, expectRefusal, given, HOUR_MILLIS, JOB_MILLIS, prompt, setUp } from './harness.ts';
import { signV1 } from '../../../simulator/signing.ts';

const events = ['batch.succeeded' as const];
const uri = 'https://hooks.example.test/g';

describe('webhooks by the SDK', () => {
  test('show the secret only in the answer to create', async () => {
    const { ai } = await setUp();
    const created = await ai.webhooks.create({ name: 'mine', uri, subscribed_events: events });
    const secret = given(created.new_signing_secret);
    expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32);
    expect(created).toMatchObject({ name: 'mine', uri, subscribed_events: events, state: 'enabled' });
    const id = given(created.id);
    expect(id).toMatch(/^[a-z0-9]{36}$/);
    const got = await ai.webhooks.get(id);
    expect(got).toMatchObject({ id, uri, signing_secrets: [{ truncated_secret: `whsec_...${secret.slice(-4)}` }] });
    const { webhooks } = await ai.webhooks.list();
    expect(webhooks).toHaveLength(1);
    expect(JSON.stringify([got.new_signing_secret, webhooks])).not.toContain(secret);
  });

  test('are listed in pages until there is no token', async () => {
    const { ai } = await setUp();
    for (const name of ['a', 'b', 'c']) await ai.webhooks.create({ name, uri, subscribed_events: events });
    const first = await ai.webhooks.list({ page_size: 2 });
    expect(first.webhooks?.map(({ name }) => name)).toEqual(['a', 'b']);
    const second = await ai.webhooks.list({ page_size: 2, page_token: given(first.next_page_token) });
    expect(second.webhooks?.map(({ name }) => name)).toEqual(['c']);
    expect(second.next_page_token).toBeUndefined();
  });

  test('change the given fields and ignore the mask', async () => {
    const { ai } = await setUp();
    const { id = '' } = await ai.webhooks.create({ name: 'mine', uri, subscribed_events: events });
    expect(await ai.webhooks.update(id, { state: 'disabled' })).toMatchObject({ name: 'mine', state: 'disabled' });
    const other = 'https://hooks.example.test/other';
    const masked = await ai.webhooks.update(id, { name: 'changed', uri: other, update_mask: 'uri' });
    expect(masked).toMatchObject({ name: 'changed', uri: other, state: 'disabled' });
    expect(await ai.webhooks.update(id, { update_mask: 'uri' })).toMatchObject({ name: 'changed', uri: other });
  });

  test.each(['batch.cancelled', 'interaction.cancelled', 'batch.done'])('refuse a subscription to %s', async (type) => {
    const { simulator, ai } = await setUp();
    const { id = '' } = await ai.webhooks.create({ uri, subscribed_events: events });
    const refused = { status: 400, message: expect.stringContaining('batch.expired') as string };
    await expect(ai.webhooks.create({ uri, subscribed_events: [type] })).rejects.toMatchObject(refused);
    await expect(ai.webhooks.update(id, { subscribed_events: [type] })).rejects.toMatchObject(refused);
    simulator.settings.patch({ api: { eventTypes: [type] } });
    expect((await ai.webhooks.update(id, { subscribed_events: [type] })).subscribed_events).toEqual([type]);
  });

  test('are missing from /v1 if v1Webhooks is false', async () => {
    const { simulator } = await setUp({ settings: { api: { v1Webhooks: false } } });
    await expect(client(simulator, 'v1').webhooks.list()).rejects.toMatchObject({ status: 404 });
    expect((await client(simulator, 'v1beta').webhooks.list()).webhooks).toEqual([]);
  });

  test('are unknown after their deletion', async () => {
    const { ai } = await setUp();
    const { id = '' } = await ai.webhooks.create({ uri, subscribed_events: events });
    await ai.webhooks.delete(id);
    await expect(ai.webhooks.get(id)).rejects.toMatchObject({ name: 'NotFoundError', status: 404 });
    await expect(ai.webhooks.delete(id)).rejects.toMatchObject({ status: 404 });
  });

  test('accept an id of the caller, once', async () => {
    const { ai } = await setUp();
    const body = { uri, subscribed_events: events };
    const created = await ai.webhooks.create(body, { query: { webhook_id: 'my-hook' } });
    expect(created.id).toBe('my-hook');
    const again = ai.webhooks.create(body, { query: { webhook_id: 'my-hook' }, maxRetries: 0 });
    await expect(again).rejects.toMatchObject({ name: 'ConflictError' });
  });

  test.each([
    ['http elsewhere than on loopback', { uri: 'http://hooks.example.test/', subscribed_events: events }, 'uri'],
    ['a private address', { uri: 'https://10.0.0.1/', subscribed_events: events }, '10.0.0.1'],
    ['a private address of IPv6', { uri: 'https://[fd00::1]/', subscribed_events: events }, 'fd00::1'],
    ['credentials', { uri: 'https://me:secret@hooks.example.test/', subscribed_events: events }, 'uri'],
    ['a fragment', { uri: 'https://hooks.example.test/#', subscribed_events: events }, 'uri'],
    ['something that is no URI', { uri: 'hooks', subscribed_events: events }, 'uri'],
    ['no events', { uri, subscribed_events: [] }, 'subscribed_events'],
    ['an event that is no event', { uri, subscribed_events: ['everything'] }, 'subscribed_events'],
    ['an unknown field', { uri, subscribed_events: events, secret: 's' }, 'secret'],
  ] as const)("refuses %s in Google's error form", async (_, body, name) => {
    const { simulator } = await setUp();
    await expectRefusal(simulator, '/v1beta/webhooks', body, name);
  });
});

describe('an endpoint', () => {
  test.each(['https://hooks.example.test/g?x=1', 'https://127.0.0.1/', 'http://localhost:1/', 'http://[::1]:1/'])(
    'at %s is accepted',
    async (address) => {
      const { ai } = await setUp();
      const { id } = await ai.webhooks.create({ uri: address, subscribed_events: events });
      expect((await ai.webhooks.update(given(id), { uri: address })).uri).toBe(address);
    },
  );

  test.each(['http://receiver:3000/', 'https://10.0.0.1/'])(
    'at %s is accepted if endpoints is any',
    async (address) => {
      const { simulator, ai } = await setUp();
      const { id } = await ai.webhooks.create({ uri, subscribed_events: events });
      await expect(ai.webhooks.update(given(id), { uri: address })).rejects.toMatchObject({ status: 400 });
      simulator.settings.patch({ api: { endpoints: 'any' } });
      expect((await ai.webhooks.update(given(id), { uri: address })).uri).toBe(address);
      const webhook_config = { uris: [address] };
      const job = await ai.interactions.create({ model: 'm', input: 'hello', background: true, webhook_config });
      expect(job.status).toBe('in_progress');
    },
  );
});

describe('ping', () => {
  test.for([
    ['full', { type: 'webhook.ping', version: 'v1', timestamp: '2026-05-28T20:26:40Z' }],
    ['without_data', { type: 'webhook.ping', version: 'v1', timestamp: '2026-05-28T20:26:40Z' }],
    ['empty', {}],
  ] as const)('with the body %s reaches the endpoint, signed', async ([variant, fields]) => {
    const { simulator, ai, receiver } = await setUp();
    simulator.settings.patch({ deliveries: { ping: variant } });
    const { id = '', new_signing_secret: secret } = await ai.webhooks.create({
      uri: receiver.url,
      subscribed_events: events,
    });
    expect(await ai.webhooks.ping(id)).toBeDefined();
    await simulator.clock.advance(0);
    expect(receiver.received).toHaveLength(1);
    const { headers, body } = given(receiver.received[0]);
    expect(JSON.parse(body)).toEqual({ ...fields, ...(variant === 'full' ? { data: { id } } : {}) });
    const message = { id: String(headers['webhook-id']), timestampSeconds: 1_780_000_000, body };
    expect(headers['webhook-timestamp']).toBe('1780000000');
    expect(headers['webhook-signature']).toBe(signV1(given(secret), message));
  });
});

describe('rotation', () => {
  test('signs with both secrets for 24 h, then with the new one alone', async () => {
    const { simulator, ai, receiver } = await setUp();
    const created = await ai.webhooks.create({ uri: receiver.url, subscribed_events: events });
    const id = given(created.id);
    const { secret } = await ai.webhooks.rotateSigningSecret(id);
    expect((await ai.webhooks.get(id)).signing_secrets).toEqual([
      { truncated_secret: `whsec_...${secret?.slice(-4)}` },
      {
        truncated_secret: `whsec_...${created.new_signing_secret?.slice(-4)}`,
        expire_time: '2026-05-29T20:26:40.000Z',
      },
    ]);
    const signers = [given(secret), given(created.new_signing_secret)];
    const pingAndCompare = async (secrets: string[]) => {
      await ai.webhooks.ping(id);
      await simulator.clock.advance(0);
      const { headers, body } = given(receiver.received.at(-1));
      const timestampSeconds = Math.floor(simulator.clock.now() / 1000);
      const message = { id: String(headers['webhook-id']), timestampSeconds, body };
      expect(headers['webhook-signature']).toBe(secrets.map((one) => signV1(one, message)).join(' '));
    };
    await simulator.clock.advance(24 * HOUR_MILLIS - 1);
    await pingAndCompare(signers);
    await simulator.clock.advance(1);
    await pingAndCompare(signers.slice(0, 1));
    expect((await ai.webhooks.get(id)).signing_secrets).toHaveLength(1);
  });

  test('expires the old secret at once on demand, in either case and by either path', async () => {
    const { simulator, ai } = await setUp();
    const { id = '' } = await ai.webhooks.create({ uri, subscribed_events: events });
    await ai.webhooks.rotateSigningSecret(id, { revocation_behavior: 'revoke_previous_secrets_immediately' });
    expect((await ai.webhooks.get(id)).signing_secrets).toHaveLength(1);
    const body = JSON.stringify({ revocation_behavior: 'REVOKE_PREVIOUS_SECRETS_AFTER_H24' });
    const response = await call(simulator, `/v1/webhooks/${id}/rotate_secret`, { method: 'POST', body });
    expect(await response.json()).toEqual({ secret: expect.stringMatching(/^whsec_/) as string });
    expect((await ai.webhooks.get(id)).signing_secrets).toHaveLength(2);
  });
});

describe('subscription', () => {
  test('sends only subscribed events, to enabled webhooks', async () => {
    const { simulator, ai, receiver } = await setUp();
    const register = async (path: string, names: string[]) =>
      given((await ai.webhooks.create({ uri: receiver.url + path, subscribed_events: names })).id);
    await register('/succeeded', ['batch.succeeded']);
    await register('/failed', ['batch.failed']);
    await ai.webhooks.update(await register('/disabled', ['batch.succeeded']), { state: 'disabled' });
    await ai.batches.create({ model: 'gemini-3.8-flash', src: [prompt('hello')] });
    await simulator.clock.advance(JOB_MILLIS);
    expect(receiver.received.map(({ path }) => path)).toEqual(['/succeeded']);
    expect(simulator.ledger.deliveries).toHaveLength(1);
  });
});
