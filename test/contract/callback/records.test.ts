import { Timestamp } from '@google-cloud/firestore';
import { describe, expect, test } from 'vitest';
import { CANARY, event, newId, newJob, nowSeconds, sha256 } from './sender.ts';
import { callbackForFile, verdict } from './support.ts';

const callback = await callbackForFile();

const TIME = '2026-11-23T10:00:00.123Z';
const timestamp = expect.any(Timestamp) as Timestamp;
const messageId = expect.stringMatching(/^\d+$/) as string;
const at = (time: string): Timestamp => Timestamp.fromDate(new Date(time));

/** Returns the fields of a record that the contract names. */
function contractual({ payload: _, leaseOwner: __, ...record }: Readonly<Record<string, unknown>> = {}) {
  return record;
}

async function accept(body: string, id = newId()): Promise<string> {
  expect(verdict(await callback.v1({ id, body }))).toBe('200 published');
  return id;
}

describe('the record of a delivery', () => {
  test('has every field of the contract, each of its type, and no others', async () => {
    const before = Date.now();
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
      messageId,
    });
    const millis = (field: string): number => record?.[field].toMillis();
    const received = millis('firstReceivedAt');
    expect(received).toBeGreaterThanOrEqual(before - 1_000);
    expect(received).toBeLessThanOrEqual(Date.now() + 1_000);
    expect(millis('publishedAt')).toBeGreaterThanOrEqual(received - 1_000);
    expect((millis('expireAt') - received) / 86_400_000).toBeCloseTo(30, 2);
  });

  test('expires by the time of its arrival, also when the event is decades old', async () => {
    const id = await accept(event('batch.succeeded', { id: newJob() }, { timestamp: '1999-01-01T00:00:00Z' }));
    const record = await callback.delivery(id);
    expect(record?.['expireAt'].toMillis()).toBeGreaterThan(Date.now() + 29 * 86_400_000);
    expect(record?.['eventTime']).toEqual(at('1999-01-01T00:00:00Z'));
  });

  test.each([
    ['a ping without data', event('webhook.ping')],
    ['a ping whose data has no id', event('webhook.ping', { some: 'thing' })],
    ['an event with a type only', '{"type":"webhook.ping"}'],
  ])('names no job and creates none: %s', async (_name, body) => {
    const jobs = await callback.project.documentIds('jobs');
    const record = await callback.delivery(await accept(body));
    expect(record).toMatchObject({ type: 'webhook.ping', state: 'published', eventTime: timestamp });
    expect(record).not.toHaveProperty('jobId');
    expect(record).not.toHaveProperty('jobKind');
    expect(await callback.project.documentIds('jobs')).toEqual(jobs);
  });

  test('holds the bytes and a reason, and no job, where the body is not an event', async () => {
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
      messageId,
    });
  });

  test('counts its copies, with the time of the last one', async () => {
    const body = event('batch.succeeded', { id: newJob() });
    const id = await accept(body);
    const { lastReceivedAt, attempts: _attempts, ...unchanged } = contractual(await callback.delivery(id));
    for (const _copy of [2, 3]) expect(verdict(await callback.v1({ id, body }))).toBe('200 duplicate');
    const record = await callback.delivery(id);
    expect(contractual(record)).toMatchObject({ ...unchanged, attempts: 3 });
    expect(record?.['lastReceivedAt'].toMillis()).toBeGreaterThan(Number(lastReceivedAt));
  });

  test('keeps its content when another body arrives under its id, and so do the jobs of both', async () => {
    const [first, second] = [newJob(), newJob()];
    const id = await accept(event('batch.succeeded', { id: first }));
    const before = [await callback.delivery(id), await callback.job(first)];
    for (const job of [second, first]) {
      expect(verdict(await callback.v1({ id, body: event('batch.failed', { id: job }) }))).toBe('200 conflict');
    }
    const changing = { attempts: expect.any(Number), lastReceivedAt: timestamp };
    expect(await callback.delivery(id)).toEqual({ ...before[0], ...changing });
    expect(await callback.job(first)).toEqual(before[1]);
    expect(await callback.job(second)).toBeUndefined();
  });
});

describe('a genuine delivery that is out of tolerance', () => {
  const TOO_OLD = '401 TIMESTAMP_OUT_OF_TOLERANCE';

  test.each([-400, 400])('by %d s is quarantined, and published when a copy arrives in time', async (offset) => {
    const [id, job] = [newId(), newJob()];
    const body = event('batch.succeeded', { id: job });
    const stale = { id, body, timestampSeconds: nowSeconds() + offset };
    for (const _copy of [1, 2]) expect(verdict(await callback.v1(stale))).toBe(TOO_OLD);
    const record = await callback.delivery(id);
    expect(record).toMatchObject({
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
    for (const field of ['publishedAt', 'messageId']) expect(record).not.toHaveProperty(field);
    expect(await callback.job(job)).toBeUndefined();
    expect(await callback.messages('gemini-events', id)).toEqual([]);
    expect(await callback.messages('gemini-dead-letter', id)).toEqual([]);

    await accept(body, id);
    const published = await callback.delivery(id);
    const { firstReceivedAt } = record ?? {};
    expect(published).toMatchObject({ state: 'published', messageId, publishedAt: timestamp, firstReceivedAt });
    expect(published).not.toHaveProperty('quarantineReason');
    expect(await callback.job(job)).toMatchObject({ state: 'succeeded', timeline: [{ webhookId: id }] });
    await callback.message(id);
  });

  test('leaves no route behind when its copy arrives by a static webhook', async () => {
    const id = newId();
    const body = event('webhook.ping');
    await callback.v1a({ id, body, timestampSeconds: nowSeconds() - 900 });
    expect(await callback.delivery(id)).toMatchObject({ scheme: 'v1a', route: 'nightly', state: 'quarantined' });
    await accept(body, id);
    expect(await callback.delivery(id)).not.toHaveProperty('route');
    expect(await callback.delivery(id)).toMatchObject({ scheme: 'v1', state: 'published' });
  });

  test('changes nothing where its id is known', async () => {
    const body = event('batch.succeeded', { id: newJob() });
    const id = await accept(body);
    const before = await callback.delivery(id);
    const timestampSeconds = nowSeconds() - 4_000;
    for (const sent of [body, event('batch.failed', { id: newJob() }), 'no event']) {
      expect(verdict(await callback.v1({ id, body: sent, timestampSeconds }))).toBe(TOO_OLD);
    }
    expect(await callback.delivery(id)).toEqual(before);
    expect(await callback.messages('gemini-dead-letter', id)).toEqual([]);
  });

  test('is quarantined for its age first where it is not an event', async () => {
    const id = newId();
    expect(verdict(await callback.v1({ id, body: '[]', timestampSeconds: nowSeconds() - 4_000 }))).toBe(TOO_OLD);
    const quarantined = { state: 'quarantined', quarantineReason: 'TIMESTAMP_OUT_OF_TOLERANCE' };
    expect(await callback.delivery(id)).toMatchObject({ ...quarantined, rawBody: Buffer.from('[]') });
    expect(verdict(await callback.v1({ id, body: '[]' }))).toBe('200 quarantined');
    expect((await callback.deadLetter(id)).attributes).toMatchObject({ reason: 'NOT_AN_EVENT' });
  });
});
