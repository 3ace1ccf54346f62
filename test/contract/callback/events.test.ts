import { Timestamp } from '@google-cloud/firestore';
import { beforeAll, describe, expect, test } from 'vitest';
import { event, newId, newJob } from './sender.ts';
import { callbackForFile, verdict } from './support.ts';

const callback = await callbackForFile();

const TIME = '2026-11-23T10:00:00Z';
const eventTime = Timestamp.fromDate(new Date(TIME));
const time = expect.any(Timestamp) as Timestamp;

describe('an event of a job leaves', () => {
  const userMetadata = { team: 'search', n: 1.5, dry: false, deep: { n: 1 } };
  const [id, job] = [newId(), newJob()];
  const bareName = job.replace('batches/', '');
  const body = event('batch.succeeded', { id: bareName, output_file_uri: 'files/x' }, { user_metadata: userMetadata });
  const traceId = '0123456789abcdef0123456789abcdef';
  const traceparent = `00-${traceId}-0000000000000001-01`;
  beforeAll(async () => {
    await callback.v1a({ id, body, headers: { 'x-cloud-trace-context': `${traceId}/1;o=1`, traceparent } });
  });

  test('the record of the job, with every field of the contract', async () => {
    const entry = { webhookId: id, type: 'batch.succeeded', time: eventTime };
    expect(await callback.job(job)).toStrictEqual({
      jobId: job,
      kind: 'batch',
      state: 'succeeded',
      outputFileUri: 'files/x',
      userMetadata,
      lastEvent: entry,
      timeline: [entry],
      ends: { succeeded: { webhookId: id, time: eventTime } },
      results: { state: 'pending', event: 'batch.succeeded', updatedAt: time },
      finishedAt: eventTime,
      createdAt: time,
      updatedAt: time,
    });
  });

  test('a message with every attribute of the contract, ordered by the job', async () => {
    const { data, attributes, orderingKey } = await callback.message(id);
    expect(data.toString()).toBe(body);
    expect(orderingKey).toBe(job);
    expect(attributes).toStrictEqual({
      'ce-specversion': '1.0',
      'ce-id': id,
      'ce-type': 'batch.succeeded',
      'ce-source': `//generativelanguage.googleapis.com/${job}`,
      'ce-time': TIME,
      'content-type': 'application/json',
      webhook_id: id,
      event_type: 'batch.succeeded',
      job_id: job,
      job_kind: 'batch',
      route: 'nightly',
      meta_team: 'search',
      meta_n: '1.5',
      meta_dry: 'false',
      'ce-traceparent': traceparent,
    });
  });

  test('a line in the log, with the trace of the request', async () => {
    const line = {
      severity: 'INFO',
      outcome: 'published',
      webhookId: id,
      jobId: job,
      latencyMillis: expect.any(Number),
      'logging.googleapis.com/trace': `projects/${callback.project.projectId}/traces/${traceId}`,
    };
    await expect.poll(() => callback.running.log).toContainEqual(expect.objectContaining(line));
  });
});

test('an event without a job has neither job attributes nor an ordering key', async () => {
  const id = newId();
  await callback.v1({ id, body: event('webhook.ping') });
  const { attributes, orderingKey } = await callback.message(id);
  expect(orderingKey).toBe('');
  expect(attributes).toStrictEqual({
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-type': 'webhook.ping',
    'ce-source': '//generativelanguage.googleapis.com/',
    'ce-time': TIME,
    'content-type': 'application/json',
    webhook_id: id,
    event_type: 'webhook.ping',
  });
});

test.each([
  ['of an unknown kind', 'odd', 'tuning.odd', {}, { kind: 'unknown', state: 'unknown' }],
  [
    'that failed',
    'batches',
    'batch.failed',
    { error_code: 3, error_message: 'bad' },
    { error: { code: '3', message: 'bad' } },
  ],
])('a job %s is recorded', async (_name, kind, type, data, expected) => {
  const job = newJob(kind);
  expect(verdict(await callback.v1({ body: event(type, { id: job, ...data }) }))).toBe('200 published');
  expect(await callback.job(job)).toMatchObject({ jobId: job, ...expected });
});

test('a late event joins the timeline in the order of time, and leaves the final state', async () => {
  const [late, last, job] = [newId(), newId(), newJob('interactions')];
  const send = async (id: string, type: string, timestamp: string) =>
    await callback.v1({ id, body: event(type, { id: job }, { timestamp }) });
  await send(last, 'interaction.completed', '2026-11-23T10:00:02Z');
  await send(late, 'interaction.requires_action', '2026-11-23T10:00:01Z');
  expect(await callback.job(job)).toMatchObject({
    state: 'succeeded',
    lastEvent: { webhookId: last },
    timeline: [{ webhookId: late }, { webhookId: last }],
  });
});

test('a second event of the same end names the first, and so does its message', async () => {
  const [first, second] = [newId(), newId()];
  const body = event('batch.succeeded', { id: newJob() });
  for (const id of [first, second]) expect(verdict(await callback.v1({ id, body }))).toBe('200 published');
  expect(await callback.delivery(second)).toMatchObject({ repeatOf: first });
  expect((await callback.message(second)).attributes).toMatchObject({ repeat_of: first });
  expect(await callback.delivery(first)).not.toHaveProperty('repeatOf');
  expect((await callback.message(first)).attributes).not.toHaveProperty('repeat_of');
});

test('a hundred simultaneous copies are published once', async () => {
  const [id, job] = [newId(), newJob()];
  const body = event('batch.succeeded', { id: job });
  const answers = await Promise.all(Array.from({ length: 100 }, async () => await callback.v1({ id, body })));
  expect(answers.map(verdict).filter((one) => one === '200 published')).toHaveLength(1);
  for (const answer of answers) {
    expect(['200 published', '200 duplicate', '503 DELIVERY_IN_PROGRESS']).toContain(verdict(answer));
    expect(answer.headers['retry-after'] !== undefined).toBe(answer.status === 503);
  }
  await callback.message(id);
  expect(await callback.delivery(id)).toMatchObject({ state: 'published', attempts: 100 });
  expect((await callback.job(job))?.['timeline']).toHaveLength(1);
});
