import { createHash } from 'node:crypto';
import { Timestamp } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Callback, newId, SECRET, verdict } from './support.ts';

let callback: Callback;

beforeAll(async () => {
  callback = await Callback.start({ WEBHOOK_SIGNING_SECRET: SECRET });
});

afterAll(async () => await callback.close());

const eventOf = (type: string, data: object, rest: object = {}) =>
  JSON.stringify({ type, version: 'v1', timestamp: '2026-05-28T20:26:40Z', data, ...rest });

describe('what an event leaves behind', () => {
  test('have every field of the contract', async () => {
    const id = newId();
    const data = { id: 'records', output_file_uri: 'files/batch-records' };
    const body = eventOf('batch.succeeded', data, { user_metadata: { team: 'search', deep: { n: 1 } } });
    await callback.v1({ id, body, headers: { 'x-cloud-trace-context': '0123456789abcdef0123456789abcdef/1;o=1' } });

    const eventTime = Timestamp.fromDate(new Date('2026-05-28T20:26:40Z'));
    const time = expect.any(Timestamp);
    const [message] = await callback.messages('gemini-events', id);
    expect(await callback.delivery(id)).toEqual({
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
    expect(await callback.job('batches/records')).toEqual({
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
    expect(callback.running.log).toContainEqual(
      expect.objectContaining({
        severity: 'INFO',
        outcome: 'published',
        webhookId: id,
        jobId: 'batches/records',
        latencyMillis: expect.any(Number),
        'logging.googleapis.com/trace': `projects/${callback.project.projectId}/traces/0123456789abcdef0123456789abcdef`,
      }),
    );
  });

  test('of a late event: the timeline is in order, the final state stays', async () => {
    const at = (timestamp: string) => ({ timestamp });
    const [late, last] = [newId(), newId()];
    await callback.v1({
      id: last,
      body: eventOf('interaction.completed', { id: 'v1_late' }, at('2026-05-28T20:00:02Z')),
    });
    await callback.v1({
      id: late,
      body: eventOf('interaction.requires_action', { id: 'v1_late' }, at('2026-05-28T20:00:01Z')),
    });
    const job = await callback.job('interactions/v1_late');
    expect(job).toMatchObject({ state: 'succeeded', lastEvent: { webhookId: last } });
    expect(job?.['timeline'].map((entry: { webhookId: string }) => entry.webhookId)).toEqual([late, last]);
  });

  test('of a repeated end: the second names the first, and so does its message', async () => {
    const [first, second] = [newId(), newId()];
    for (const id of [first, second])
      await callback.v1({ id, body: eventOf('batch.succeeded', { id: 'batches/repeated' }) });
    expect(await callback.delivery(second)).toMatchObject({ repeatOf: first });
    const [message] = await callback.messages('gemini-events', second);
    expect(message?.attributes).toMatchObject({ repeat_of: first });
  });

  test('of an error: code and message are texts', async () => {
    await callback.v1({ body: eventOf('batch.failed', { id: 'failed', error_code: 3, error_message: 'bad' }) });
    expect(await callback.job('batches/failed')).toMatchObject({
      state: 'failed',
      error: { code: '3', message: 'bad' },
    });
  });
});

describe('the same id again', () => {
  test('is a duplicate, counted, with one message', async () => {
    const id = newId();
    const outcomes = [];
    for (let n = 0; n < 3; n++) outcomes.push(verdict(await callback.v1({ id, body: '{"type":"a"}' })));
    expect(outcomes).toEqual(['200 published', '200 duplicate', '200 duplicate']);
    expect(await callback.messages('gemini-events', id)).toHaveLength(1);
    expect(await callback.delivery(id)).toMatchObject({ attempts: 3 });
  });

  test('with another body is a conflict: the first stays, the second goes to the dead letters', async () => {
    const id = newId();
    await callback.v1({ id, body: '{"type":"a"}' });
    expect(verdict(await callback.v1({ id, body: '{"type":"b"}' }))).toBe('200 conflict');
    expect(await callback.delivery(id)).toMatchObject({ type: 'a', state: 'published' });
    const { data, attributes } = await callback.deadLetter(id);
    expect([data.toString(), attributes['reason']]).toEqual(['{"type":"b"}', 'BODY_MISMATCH']);
  });

  test('a hundred times at once is published once', async () => {
    const id = newId();
    const body = eventOf('batch.succeeded', { id: 'race' });
    const answers = await Promise.all(Array.from({ length: 100 }, async () => await callback.v1({ id, body })));
    expect(answers.map(verdict).filter((one) => one === '200 published')).toHaveLength(1);
    for (const answer of answers) {
      expect(['200 published', '200 duplicate', '503 DELIVERY_IN_PROGRESS']).toContain(verdict(answer));
      expect(answer.headers['retry-after'] !== undefined).toBe(answer.status === 503);
    }
    expect(await callback.messages('gemini-events', id)).toHaveLength(1);
    expect(await callback.delivery(id)).toMatchObject({ state: 'published', attempts: 100 });
    expect((await callback.job('batches/race'))?.['timeline']).toHaveLength(1);
  });
});
