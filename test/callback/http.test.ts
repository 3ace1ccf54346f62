import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { Timestamp } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signRoute } from '../../functions/callback/route.ts';
import { ed25519Key, newSecret, publicJwk, signJwt, signV1a } from '../simulator/signing.ts';
import { type RunningFunction, spawnFunction, startFunction } from '../support/functions.ts';
import { type JwksServer, startJwks } from '../support/jwks.ts';
import { TestProject } from '../support/project.ts';
import { newId, nowSeconds, send, type Sent } from './sender.ts';

const SECRET = newSecret();
const ROUTE_KEY = 'route-key-of-a-test-with-32-characters';
const AUDIENCE = 'https://hooks.example.test';
const KEY = ed25519Key(Buffer.alloc(32, 9), 'test-key');
const DYNAMIC_PATH = `/hooks/dynamic/nightly/${signRoute('nightly', ROUTE_KEY)}`;

let project: TestProject;
let jwks: JwksServer;
let callback: RunningFunction;

beforeAll(async () => {
  project = await TestProject.create();
  jwks = await startJwks([publicJwk(KEY)]);
  callback = await startFunction('geminiCallback', {
    ...project.env,
    WEBHOOK_SIGNING_SECRET: `${newSecret()}, ${SECRET}`,
    DYNAMIC_ROUTE_KEY: ROUTE_KEY,
    WEBHOOK_AUDIENCE: AUDIENCE,
    GEMINI_JWKS_URL: jwks.url.href,
  });
});

afterAll(async () => {
  await callback.end();
  await Promise.all([jwks.close(), project.close()]);
});

const deliver = (sent: Sent) => send(callback.url, SECRET, sent);
const eventOf = (type: string, data: object, rest: object = {}) =>
  JSON.stringify({ type, version: 'v1', timestamp: '2026-05-28T20:26:40Z', data, ...rest });

async function messageOf(id: string) {
  const messages = await project.messages('gemini-events');
  return messages.filter(({ attributes }) => attributes['webhook_id'] === id);
}

describe('what is refused', () => {
  const FORGED = { 'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')}` };

  test.each<[string, Sent, number, string, string]>([
    ['GET', { method: 'GET' }, 405, 'UNIMPLEMENTED', 'METHOD_NOT_ALLOWED'],
    ['PUT', { method: 'PUT' }, 405, 'UNIMPLEMENTED', 'METHOD_NOT_ALLOWED'],
    ['GET of /favicon.ico', { method: 'GET', path: '/favicon.ico' }, 405, 'UNIMPLEMENTED', 'METHOD_NOT_ALLOWED'],
    ['no id', { headers: { 'webhook-id': undefined } }, 400, 'INVALID_ARGUMENT', 'MISSING_HEADER'],
    ['an id of 257 characters', { id: 'x'.repeat(257) }, 400, 'INVALID_ARGUMENT', 'INVALID_HEADER'],
    ['an id that is no document’s', { id: '__x__' }, 400, 'INVALID_ARGUMENT', 'INVALID_HEADER'],
    ['an empty id', { id: '' }, 400, 'INVALID_ARGUMENT', 'INVALID_HEADER'],
    ['two ids', { headers: { 'webhook-id': ['a', 'b'] } }, 400, 'INVALID_ARGUMENT', 'INVALID_HEADER'],
    [
      'a timestamp with letters',
      { headers: { 'webhook-timestamp': `${nowSeconds()}abc` } },
      400,
      'INVALID_ARGUMENT',
      'INVALID_HEADER',
    ],
    ['a forged signature', { headers: FORGED }, 401, 'UNAUTHENTICATED', 'SIGNATURE_INVALID'],
    [
      'a forged signature of long ago',
      { timestampSeconds: 1, headers: FORGED },
      401,
      'UNAUTHENTICATED',
      'SIGNATURE_INVALID',
    ],
    [
      'a forged body that is no JSON',
      { body: '{"type":', headers: FORGED },
      401,
      'UNAUTHENTICATED',
      'SIGNATURE_INVALID',
    ],
    [
      'a forged body of an odd charset',
      { headers: { ...FORGED, 'content-type': 'application/json; charset=odd' } },
      401,
      'UNAUTHENTICATED',
      'SIGNATURE_INVALID',
    ],
    ['a broken path', { path: '/%zz', headers: FORGED }, 401, 'UNAUTHENTICATED', 'SIGNATURE_INVALID'],
    [
      'a corrupt gzip',
      { body: 'no gzip', headers: { ...FORGED, 'content-encoding': 'gzip' } },
      401,
      'UNAUTHENTICATED',
      'SIGNATURE_INVALID',
    ],
    [
      'a compressed body, which is no UTF-8',
      { body: gzipSync('{"type":"x"}'), headers: { 'content-encoding': 'gzip' } },
      401,
      'UNAUTHENTICATED',
      'SIGNATURE_INVALID',
    ],
    ['a body over 256 KiB', { body: Buffer.alloc(262_145, ' ') }, 413, 'INVALID_ARGUMENT', 'BODY_TOO_LARGE'],
    ['a body of 20 MB', { body: Buffer.alloc(20_000_000, ' ') }, 413, 'INVALID_ARGUMENT', 'BODY_TOO_LARGE'],
  ])('%s', async (_name, sent, code, status, reason) => {
    const { json, ...answer } = await deliver(sent);
    expect(answer.status).toBe(code);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.headers.allow).toBe(code === 405 ? 'POST' : undefined);
    const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'gemini-callbacks' }];
    expect(json).toEqual({ error: { code, status, message: expect.any(String), details } });
  });

  test('names every missing header', async () => {
    const without = { 'webhook-id': undefined, 'webhook-timestamp': undefined, 'webhook-signature': undefined };
    const { json } = await deliver({ headers: without });
    for (const name of Object.keys(without)) expect(json.error?.message).toContain(name);
  });

  test('leaves no record, no message and nothing of its body in the log', async () => {
    const id = newId();
    const body = '{"type":"batch.succeeded","data":{"id":"forged-and-secret"}}';
    await deliver({ id, body, headers: FORGED });
    const signature = signV1a(KEY, { id, timestampSeconds: nowSeconds(), body });
    const foreign = await deliver({ id, body, headers: { 'webhook-signature': signature } });
    expect(foreign.outcome).toBe('ROUTE_INVALID');
    expect(await project.document(`deliveries/${id}`)).toBeUndefined();
    expect(await messageOf(id)).toEqual([]);
    expect(callback.output()).not.toContain('forged-and-secret');
    expect(callback.output()).not.toContain(signature.slice(4));
    expect(callback.output()).not.toContain(SECRET);
    expect(callback.log).toContainEqual(
      expect.objectContaining({ severity: 'WARNING', webhookId: id, reason: 'ROUTE_INVALID' }),
    );
  });
});

describe('bodies', () => {
  const nestedArrays = eventOf('batch.succeeded', { id: 'nested', list: [[1]] });
  const zeros = eventOf('batch.succeeded', { id: 'zeros', list: Array.from({ length: 120_000 }, () => 0) });
  const rounded = '{"type":"batch.succeeded","data":{"id":"rounded","n":9007199254740993}}';
  const prototype = '{"type":"batch.succeeded","data":{"id":"proto"},"__proto__":{"x":1}}';
  const surrogate = '{"type":"batch.succeeded","data":{"id":"s\\ud800"}}';
  const deep = `{"type":"batch.succeeded","data":{"id":"deep","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;

  test.each<[string, string, Sent, string]>([
    [
      'without a content type',
      eventOf('batch.succeeded', { id: 'plain' }),
      { headers: { 'content-type': undefined } },
      'event',
    ],
    [
      'of another content type',
      eventOf('batch.succeeded', { id: 'plain' }),
      { headers: { 'content-type': 'text/csv' } },
      'event',
    ],
    [
      'sent in chunks',
      eventOf('batch.succeeded', { id: 'plain' }),
      { headers: { 'transfer-encoding': 'chunked' } },
      'event',
    ],
    ['of exactly 256 KiB', eventOf('batch.succeeded', { id: 'large' }).padEnd(262_144), {}, 'event'],
    ['with an array in an array', nestedArrays, {}, 'eventJson'],
    ['that would be over 1 MiB as a map', zeros, {}, 'eventJson'],
    ['with a number that JavaScript rounds', rounded, {}, 'eventJson'],
    ['with a prototype key', prototype, {}, 'eventJson'],
    ['with a lone surrogate', surrogate, {}, 'eventJson'],
    ['with a hundred thousand levels', deep, {}, 'eventJson'],
    ['of an unknown type', eventOf('tuning.odd', { id: 'x' }), {}, 'event'],
    ['of a ping without data', '{"type":"webhook.ping"}', {}, 'event'],
  ])('an event %s is recorded and published as it came', async (_name, body, sent, field) => {
    const id = newId();
    expect(await deliver({ id, body, ...sent })).toMatchObject({
      status: 200,
      json: { status: 'published', webhookId: id },
    });
    const [message, ...others] = await messageOf(id);
    expect(others).toEqual([]);
    expect(message?.data.toString()).toBe(body);
    const record = await project.document(`deliveries/${id}`);
    expect(['event', 'eventJson', 'rawBody'].filter((name) => record?.[name] !== undefined)).toEqual([field]);
  });

  test.each(['', 'hello', '7', 'null', '"text"', '[{"type":"x"}]', '{}', '{"type":7}', '\ufeff{"type":"x"}'])(
    'signed bytes that are no event are kept raw and go to the dead letters, once: %o',
    async (body) => {
      const id = newId();
      expect(await deliver({ id, body })).toMatchObject({ status: 200, outcome: 'quarantined' });
      expect(await deliver({ id, body })).toMatchObject({ status: 200, outcome: 'quarantined' });
      const dead = (await project.messages('gemini-dead-letter')).filter(
        ({ attributes }) => attributes['webhook_id'] === id,
      );
      expect(dead.map(({ data, attributes }) => [data.toString(), attributes['reason']])).toEqual([
        [body, 'NOT_AN_EVENT'],
      ]);
      const record = await project.document(`deliveries/${id}`);
      expect(record).toMatchObject({ state: 'quarantined', quarantineReason: 'NOT_AN_EVENT', attempts: 2 });
      expect(record?.['rawBody'].toString()).toBe(body);
    },
  );
});

describe('records', () => {
  test('have every field of the contract', async () => {
    const id = newId();
    const data = { id: 'records', output_file_uri: 'files/batch-records' };
    const body = eventOf('batch.succeeded', data, { user_metadata: { team: 'search', deep: { n: 1 } } });
    await deliver({ id, body, headers: { 'x-cloud-trace-context': '0123456789abcdef0123456789abcdef/1;o=1' } });

    const eventTime = Timestamp.fromDate(new Date('2026-05-28T20:26:40Z'));
    const time = expect.any(Timestamp);
    const [message] = await messageOf(id);
    expect(await project.document(`deliveries/${id}`)).toEqual({
      webhookId: id,
      type: 'batch.succeeded',
      jobId: 'batches/records',
      jobKind: 'batch',
      scheme: 'v1',
      state: 'published',
      event: JSON.parse(body),
      bodySha256: createHash('sha256').update(body).digest('hex'),
      eventTime,
      attempts: 1,
      firstReceivedAt: time,
      lastReceivedAt: time,
      publishedAt: time,
      leaseUntil: time,
      expireAt: time,
      messageId: expect.stringMatching(/^\d+$/),
      leaseOwner: expect.any(String),
    });
    const entry = { webhookId: id, type: 'batch.succeeded', time: eventTime };
    expect(await project.document('jobs/batches~records')).toEqual({
      jobId: 'batches/records',
      kind: 'batch',
      state: 'succeeded',
      outputFileUri: 'files/batch-records',
      userMetadata: { team: 'search', deep: { n: 1 } },
      lastEvent: entry,
      timeline: [entry],
      finishedAt: eventTime,
      createdAt: time,
      updatedAt: time,
    });
    expect(message).toMatchObject({
      orderingKey: 'batches/records',
      attributes: { job_id: 'batches/records', meta_team: 'search' },
    });
    expect(callback.log).toContainEqual(
      expect.objectContaining({
        severity: 'INFO',
        outcome: 'published',
        webhookId: id,
        jobId: 'batches/records',
        latencyMillis: expect.any(Number),
        'logging.googleapis.com/trace': `projects/${project.projectId}/traces/0123456789abcdef0123456789abcdef`,
      }),
    );
  });

  test('of a late event: the timeline is in order, the final state stays', async () => {
    const at = (timestamp: string) => ({ timestamp });
    const [late, last] = [newId(), newId()];
    await deliver({ id: last, body: eventOf('interaction.completed', { id: 'v1_late' }, at('2026-05-28T20:00:02Z')) });
    await deliver({
      id: late,
      body: eventOf('interaction.requires_action', { id: 'v1_late' }, at('2026-05-28T20:00:01Z')),
    });
    const job = await project.document('jobs/interactions~v1_late');
    expect(job).toMatchObject({ state: 'succeeded', lastEvent: { webhookId: last } });
    expect(job?.['timeline'].map((entry: { webhookId: string }) => entry.webhookId)).toEqual([late, last]);
  });

  test('of a repeated end: the second names the first, and so does its message', async () => {
    const [first, second] = [newId(), newId()];
    for (const id of [first, second])
      await deliver({ id, body: eventOf('batch.succeeded', { id: 'batches/repeated' }) });
    expect(await project.document(`deliveries/${second}`)).toMatchObject({ repeatOf: first });
    const [message] = await messageOf(second);
    expect(message?.attributes).toMatchObject({ repeat_of: first });
  });

  test('of an error: code and message are texts', async () => {
    await deliver({ body: eventOf('batch.failed', { id: 'failed', error_code: 3, error_message: 'bad' }) });
    expect(await project.document('jobs/batches~failed')).toMatchObject({
      state: 'failed',
      error: { code: '3', message: 'bad' },
    });
  });
});

describe('the same id again', () => {
  test('is a duplicate, counted, with one message', async () => {
    const id = newId();
    const outcomes = [];
    for (let n = 0; n < 3; n++) outcomes.push((await deliver({ id })).outcome);
    expect(outcomes).toEqual(['published', 'duplicate', 'duplicate']);
    expect(await messageOf(id)).toHaveLength(1);
    expect(await project.document(`deliveries/${id}`)).toMatchObject({ attempts: 3 });
  });

  test('with another body is a conflict: the first stays, the second goes to the dead letters', async () => {
    const id = newId();
    await deliver({ id, body: '{"type":"a"}' });
    expect(await deliver({ id, body: '{"type":"b"}' })).toMatchObject({ status: 200, outcome: 'conflict' });
    expect(await project.document(`deliveries/${id}`)).toMatchObject({ type: 'a', state: 'published' });
    const dead = (await project.messages('gemini-dead-letter')).filter(
      ({ attributes }) => attributes['webhook_id'] === id,
    );
    expect(dead.map(({ data, attributes }) => [data.toString(), attributes['reason']])).toEqual([
      ['{"type":"b"}', 'BODY_MISMATCH'],
    ]);
  });

  test('a hundred times at once is published once', async () => {
    const id = newId();
    const body = eventOf('batch.succeeded', { id: 'race' });
    const answers = await Promise.all(Array.from({ length: 100 }, () => deliver({ id, body })));
    expect(answers.filter(({ outcome }) => outcome === 'published')).toHaveLength(1);
    for (const { status, outcome, headers } of answers) {
      expect(['published', 'duplicate', 'DELIVERY_IN_PROGRESS']).toContain(outcome);
      expect(headers['retry-after'] !== undefined).toBe(status === 503);
    }
    expect(await messageOf(id)).toHaveLength(1);
    expect(await project.document(`deliveries/${id}`)).toMatchObject({ state: 'published', attempts: 100 });
    expect((await project.document('jobs/batches~race'))?.['timeline']).toHaveLength(1);
  });
});

describe('a delivery signed too long ago', () => {
  test.each([-302, 302])(
    'by %i s is kept, not published, and published when it comes again in time',
    async (seconds) => {
      const id = newId();
      const body = eventOf('batch.succeeded', { id: `stale${seconds}` });
      const timestampSeconds = nowSeconds() + seconds;
      expect(await deliver({ id, body, timestampSeconds })).toMatchObject({
        status: 401,
        outcome: 'TIMESTAMP_OUT_OF_TOLERANCE',
      });
      expect(await deliver({ id, body, timestampSeconds })).toMatchObject({
        status: 401,
        outcome: 'TIMESTAMP_OUT_OF_TOLERANCE',
      });
      expect(await messageOf(id)).toEqual([]);
      const kept = await project.document(`deliveries/${id}`);
      expect(kept).toMatchObject({ state: 'quarantined', quarantineReason: 'TIMESTAMP_OUT_OF_TOLERANCE', attempts: 1 });
      expect(await project.document(`jobs/batches~stale${seconds}`)).toBeUndefined();

      expect(await deliver({ id, body })).toMatchObject({ status: 200, outcome: 'published' });
      expect(await messageOf(id)).toHaveLength(1);
      const record = await project.document(`deliveries/${id}`);
      expect(record).toMatchObject({ state: 'published', firstReceivedAt: kept?.['firstReceivedAt'] });
      expect(record).not.toHaveProperty('quarantineReason');
    },
  );
});

describe('dynamic webhooks', () => {
  test('of v1a are accepted on a route of ours, which becomes an attribute', async () => {
    const id = newId();
    const body = eventOf('batch.succeeded', { id: 'dynamic' });
    const signature = signV1a(KEY, { id, timestampSeconds: nowSeconds(), body });
    const sent = { id, body, path: `${DYNAMIC_PATH}?x=1`, headers: { 'webhook-signature': signature } };
    expect(await deliver(sent)).toMatchObject({ status: 200, outcome: 'published' });
    const [message] = await messageOf(id);
    expect(message?.attributes).toMatchObject({ route: 'nightly' });
    expect(await project.document(`deliveries/${id}`)).toMatchObject({ scheme: 'v1a', route: 'nightly' });
  });

  test('of a JWT are told by its claims and its id, whatever the body says', async () => {
    const jti = newId();
    const claims = {
      jti,
      aud: AUDIENCE,
      iat: nowSeconds(),
      exp: nowSeconds() + 300,
      type: 'batch.succeeded',
      data: { id: 'jwt' },
    };
    const token = signJwt(KEY, { alg: 'EdDSA', kid: 'test-key' }, claims);
    const sent = { path: DYNAMIC_PATH, headers: { 'webhook-signature': token } };
    expect(await deliver({ ...sent, body: '{"type":"forged"}' })).toMatchObject({
      outcome: 'published',
      json: { webhookId: jti },
    });
    expect(await deliver({ ...sent, body: '{"type":"other"}' })).toMatchObject({ outcome: 'duplicate' });
    const [message] = await messageOf(jti);
    expect(JSON.parse(String(message?.data))).toEqual(claims);
  });
});

describe('the start', () => {
  test('fails with one message that names every bad variable and shows no value', async () => {
    const bad = {
      WEBHOOK_TOLERANCE_SECONDS: 'five-minutes',
      EVENTS_TOPIC: 'no/topic',
      WEBHOOK_SIGNING_SECRET: 'whsec_not-a-secret',
    };
    const spawned = await spawnFunction('geminiCallback', { ...project.env, ...bad, PORT: '0' });
    expect(await spawned.exited).toBe(1);
    for (const [name, value] of Object.entries(bad)) {
      expect(spawned.log).toContainEqual(
        expect.objectContaining({ severity: 'CRITICAL', message: expect.stringContaining(name) }),
      );
      expect(spawned.output()).not.toContain(value);
    }
  });

  test('keys that were never had are 503, and are had as soon as they can be', async () => {
    jwks.status = 503;
    const env = { ...project.env, DYNAMIC_ROUTE_KEY: ROUTE_KEY, GEMINI_JWKS_URL: jwks.url.href };
    const fresh = await startFunction('geminiCallback', env);
    try {
      const id = newId();
      const body = eventOf('batch.succeeded', { id: 'keys' });
      const signature = signV1a(KEY, { id, timestampSeconds: nowSeconds(), body });
      const sent = { id, body, path: DYNAMIC_PATH, headers: { 'webhook-signature': signature } };
      const refused = await send(fresh.url, SECRET, sent);
      expect(refused).toMatchObject({
        status: 503,
        outcome: 'KEYS_UNAVAILABLE',
        headers: { 'retry-after': expect.any(String) },
      });
      jwks.status = 200;
      expect(await send(fresh.url, SECRET, sent)).toMatchObject({ status: 200, outcome: 'published' });
    } finally {
      await fresh.end();
    }
  });
});
