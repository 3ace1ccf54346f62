import { Timestamp } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type JwksServer, startJwks } from '../../support/jwks.ts';
import {
  Callback,
  CANARY,
  event,
  JWKS,
  newId,
  newJob,
  nowSeconds,
  ROUTE_KEY,
  SECRET,
  sha256,
  verdict,
} from './support.ts';

let jwks: JwksServer;
let callback: Callback;
beforeAll(async () => {
  jwks = await startJwks(JWKS);
  callback = await Callback.start({
    WEBHOOK_SIGNING_SECRET: SECRET,
    DYNAMIC_ROUTE_KEY: ROUTE_KEY,
    GEMINI_JWKS_URL: jwks.url.href,
  });
});
afterAll(async () => {
  await callback.close();
  await jwks.close();
});

const TIME = '2026-11-23T10:00:00.123Z';
const timestamp = expect.any(Timestamp);
const at = (time: string): Timestamp => Timestamp.fromDate(new Date(time));

/** The fields of a record that the contract names; it may have others. */
function contractual(record: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(DELIVERY_FIELDS.filter((name) => name in record).map((name) => [name, record[name]]));
}

const DELIVERY_FIELDS = [
  'webhookId',
  'type',
  'jobId',
  'jobKind',
  'scheme',
  'route',
  'state',
  'event',
  'eventJson',
  'rawBody',
  'bodySha256',
  'quarantineReason',
  'eventTime',
  'firstReceivedAt',
  'lastReceivedAt',
  'publishedAt',
  'leaseUntil',
  'expireAt',
  'attempts',
  'messageId',
  'repeatOf',
];

async function accept(body: string, id = newId()): Promise<string> {
  const answer = await callback.untilAccepted(async () => await callback.v1({ id, body }));
  expect(verdict(answer)).toBe('200 published');
  return id;
}

describe('the record of a delivery', () => {
  test('has every field of the contract, each of its type, and none that it must not have', async () => {
    const before = Timestamp.now();
    const job = newJob();
    const body = event('batch.succeeded', { id: job }, { timestamp: TIME });
    const id = await accept(body);
    const record = await callback.delivery(id);
    expect(contractual(record)).toStrictEqual({
      webhookId: id,
      type: 'batch.succeeded',
      jobId: job,
      jobKind: 'batch',
      scheme: 'v1',
      state: 'published',
      event: JSON.parse(body),
      bodySha256: sha256(body),
      eventTime: at(TIME),
      firstReceivedAt: timestamp,
      lastReceivedAt: timestamp,
      publishedAt: timestamp,
      leaseUntil: timestamp,
      expireAt: timestamp,
      attempts: 1,
      messageId: expect.stringMatching(/^\d+$/),
    });
    const millis = (field: string): number => record?.[field].toMillis();
    const received = millis('firstReceivedAt');
    expect(received).toBeGreaterThanOrEqual(before.toMillis() - 1_000);
    expect(received).toBeLessThanOrEqual(Date.now() + 1_000);
    expect(millis('publishedAt')).toBeGreaterThanOrEqual(received - 1_000);
    expect((millis('expireAt') - received) / 86_400_000).toBeCloseTo(30, 2);
  });

  test('of a dynamic webhook has its scheme and its route', async () => {
    const id = newId();
    await callback.v1a({ id, body: event('interaction.completed', { id: newJob('interactions') }) });
    expect(await callback.delivery(id)).toMatchObject({ scheme: 'v1a', route: 'nightly', jobKind: 'interaction' });
  });

  test.each([
    ['a ping without data', event('webhook.ping')],
    ['a ping whose data has no id', event('webhook.ping', { some: 'thing' })],
    ['nothing but a type', '{"type":"webhook.ping"}'],
  ])('of %s has no job, and none is kept', async (_name, body) => {
    const jobs = await callback.project.documentIds('jobs');
    const id = await accept(body);
    const record = await callback.delivery(id);
    expect(record).toMatchObject({ type: 'webhook.ping', state: 'published', eventTime: timestamp });
    expect(record).not.toHaveProperty('jobId');
    expect(record).not.toHaveProperty('jobKind');
    expect(await callback.project.documentIds('jobs')).toEqual(jobs);
  });

  test('that is no event has its bytes and a reason, and no event, job, or state of being published', async () => {
    const id = newId();
    const body = `{"no":"type","${CANARY}":1}`;
    await callback.v1({ id, body });
    const { type: _type, eventTime: _eventTime, ...record } = contractual(await callback.delivery(id));
    expect(record).toEqual({
      webhookId: id,
      scheme: 'v1',
      state: 'quarantined',
      quarantineReason: 'NOT_AN_EVENT',
      rawBody: Buffer.from(body),
      bodySha256: sha256(body),
      firstReceivedAt: timestamp,
      lastReceivedAt: timestamp,
      publishedAt: timestamp,
      leaseUntil: timestamp,
      expireAt: timestamp,
      attempts: 1,
      messageId: expect.stringMatching(/^\d+$/),
    });
  });

  test('counts its copies and says when the last one came', async () => {
    const body = event('batch.succeeded', { id: newJob() });
    const id = await accept(body);
    const first = await callback.delivery(id);
    for (const _copy of [2, 3]) expect(verdict(await callback.v1({ id, body }))).toBe('200 duplicate');
    const last = await callback.delivery(id);
    expect(last).toMatchObject({ attempts: 3 });
    const { lastReceivedAt, attempts: _attempts, ...unchanged } = contractual(first);
    expect(contractual(last)).toMatchObject(unchanged);
    expect(last?.['lastReceivedAt'].toMillis()).toBeGreaterThan(Number(lastReceivedAt));
  });

  test('stays as it is when another body comes under its id, and the job of that one is not touched', async () => {
    const [first, second] = [newJob(), newJob()];
    const id = await accept(event('batch.succeeded', { id: first }));
    const before = [await callback.delivery(id), await callback.job(first)];
    const body = event('batch.failed', { id: second });
    expect(verdict(await callback.v1({ id, body }))).toBe('200 conflict');
    expect(verdict(await callback.v1({ id, body: event('batch.failed', { id: first }) }))).toBe('200 conflict');
    const changing = { attempts: expect.any(Number), lastReceivedAt: timestamp };
    expect({ ...(await callback.delivery(id)), ...changing }).toEqual({ ...before[0], ...changing });
    expect(await callback.job(first)).toEqual(before[1]);
    expect(await callback.job(second)).toBeUndefined();
  });
});

describe('a delivery that is signed but stale', () => {
  test.each([-400, 400])('by %d s is kept, and published when it comes again in time', async (offset) => {
    const [id, job] = [newId(), newJob()];
    const body = event('batch.succeeded', { id: job });
    const stale = { id, body, timestampSeconds: nowSeconds() + offset };
    for (const _copy of [1, 2]) {
      expect(verdict(await callback.v1(stale))).toBe('401 TIMESTAMP_OUT_OF_TOLERANCE');
    }
    const record = await callback.delivery(id);
    expect(contractual(record)).toMatchObject({
      webhookId: id,
      type: 'batch.succeeded',
      jobId: job,
      state: 'quarantined',
      quarantineReason: 'TIMESTAMP_OUT_OF_TOLERANCE',
      event: JSON.parse(body),
      bodySha256: sha256(body),
      expireAt: timestamp,
      attempts: 1,
    });
    expect(record).not.toHaveProperty('publishedAt');
    expect(record).not.toHaveProperty('messageId');
    expect(await callback.job(job)).toBeUndefined();
    expect(await callback.messages('gemini-events', id)).toEqual([]);
    expect(await callback.messages('gemini-dead-letter', id)).toEqual([]);

    expect(verdict(await callback.v1({ id, body }))).toBe('200 published');
    const published = await callback.delivery(id);
    expect(published).toMatchObject({ state: 'published', messageId: expect.any(String), publishedAt: timestamp });
    expect(published?.['firstReceivedAt']).toEqual(record?.['firstReceivedAt']);
    expect(published).not.toHaveProperty('quarantineReason');
    expect(await callback.job(job)).toMatchObject({ state: 'succeeded', timeline: [{ webhookId: id }] });
    await callback.message(id);
  });

  test('and has come by another webhook when it comes in time has nothing of the first', async () => {
    const id = newId();
    const body = event('webhook.ping');
    await callback.v1a({ id, body, timestampSeconds: nowSeconds() - 900 });
    expect(await callback.delivery(id)).toMatchObject({ scheme: 'v1a', route: 'nightly', state: 'quarantined' });
    expect(verdict(await callback.v1({ id, body }))).toBe('200 published');
    expect(await callback.delivery(id)).not.toHaveProperty('route');
    expect(await callback.delivery(id)).toMatchObject({ scheme: 'v1', state: 'published' });
  });

  test('changes nothing where its id is known', async () => {
    const body = event('batch.succeeded', { id: newJob() });
    const id = await accept(body);
    const before = await callback.delivery(id);
    const timestampSeconds = nowSeconds() - 4_000;
    for (const sent of [body, event('batch.failed', { id: newJob() }), 'no event']) {
      expect(verdict(await callback.v1({ id, body: sent, timestampSeconds }))).toBe('401 TIMESTAMP_OUT_OF_TOLERANCE');
    }
    expect(await callback.delivery(id)).toEqual(before);
    expect(await callback.messages('gemini-dead-letter', id)).toEqual([]);
  });

  test('is kept also where it is no event, and handled as usual when it comes in time', async () => {
    const id = newId();
    const timestampSeconds = nowSeconds() - 4_000;
    expect(verdict(await callback.v1({ id, body: '[]', timestampSeconds }))).toBe('401 TIMESTAMP_OUT_OF_TOLERANCE');
    expect(await callback.delivery(id)).toMatchObject({
      state: 'quarantined',
      quarantineReason: 'TIMESTAMP_OUT_OF_TOLERANCE',
      rawBody: Buffer.from('[]'),
    });
    expect(verdict(await callback.v1({ id, body: '[]' }))).toBe('200 quarantined');
    expect((await callback.deadLetter(id)).attributes).toMatchObject({ reason: 'NOT_AN_EVENT' });
  });
});

describe('the TTL of a record', () => {
  test('is a timestamp in the future also where the event is of a distant past', async () => {
    const id = await accept(event('batch.succeeded', { id: newJob() }, { timestamp: '1999-01-01T00:00:00Z' }));
    const record = await callback.delivery(id);
    expect(record?.['expireAt'].toMillis()).toBeGreaterThan(Date.now() + 29 * 86_400_000);
    expect(record?.['eventTime']).toEqual(at('1999-01-01T00:00:00Z'));
  });
});

test('nothing secret and no payload stands in the output', () => {
  expect(callback.leaks()).toEqual([]);
});
