import { createHash } from 'node:crypto';
import { Timestamp } from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import { newSecret } from '../../../simulator/signing.ts';
import { isCounted } from '../../support/logFilter.ts';
import { deliver, Stage } from '../results/harness.ts';
import { AT_ONCE, eventsOf, NOTHING, openReconciler, register, secondsAgo, sendEvent } from './support.ts';

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** Records results that stopped a minute ago, and the delivery that announced them. */
async function stall(stage: Stage, id: string, results: object): Promise<void> {
  const event = 'batch.succeeded';
  const time = secondsAgo(MINUTE);
  const timeline = [{ webhookId: `msg_${id}`, type: event, time }];
  const stalled = { state: 'running', published: 5, failed: 0, updatedAt: time, event, ...results };
  await register(stage, `batches/${id}`, 'batch', { state: 'succeeded', timeline, results: stalled });
  const digest = createHash('sha256').update(id).digest('hex');
  const delivery = { webhookId: `msg_${id}`, state: 'published', scheme: 'v1', bodySha256: digest, publishedAt: time };
  const body = { type: event, data: { id: `batches/${id}` } };
  await stage.project.firestore.doc(`deliveries/msg_${id}`).set({ ...delivery, event: body });
}

test('stalled results are restarted at growing distances of at most an hour, for 7 days', async () => {
  const { stage, run } = await openReconciler({ ...AT_ONCE, RECONCILE_PENDING_SECONDS: '20' });
  const since = (seconds: number, stalledSince = seconds) => ({
    updatedAt: secondsAgo(seconds),
    stalledSince: secondsAgo(stalledSince),
  });
  await stall(stage, 'first', { leaseUntil: secondsAgo(MINUTE) });
  await stall(stage, 'leased', { leaseUntil: secondsAgo(-MINUTE) });
  await stall(stage, 'second-early', { restarts: 1, ...since(70) });
  await stall(stage, 'second-due', { restarts: 1, ...since(90) });
  await stall(stage, 'hundredth-early', { restarts: 100, ...since(HOUR - MINUTE, 6 * DAY) });
  await stall(stage, 'hundredth-due', { restarts: 100, ...since(HOUR + MINUTE, 6 * DAY) });
  await stall(stage, 'given-up', { restarts: 170, ...since(HOUR + MINUTE, 7 * DAY + MINUTE) });
  expect(await run()).toEqual({ ...NOTHING, resumed: 3 });
  const restarted = (await eventsOf(stage)).map(
    ({ attributes }) => `${attributes['webhook_id']} ${attributes['replay']}`,
  );
  expect(restarted.toSorted()).toEqual(['msg_first results', 'msg_hundredth-due results', 'msg_second-due results']);
  expect(await stage.record('batches/first')).toMatchObject({ results: { restarts: 1 } });
  expect(await run()).toEqual(NOTHING);
});

test('results that have been stalled for an hour are logged as an error that an alert reads', async () => {
  const { stage, reconciler, run } = await openReconciler({ ...AT_ONCE, RECONCILE_PENDING_SECONDS: '20' });
  await stall(stage, 'young', { stalledSince: secondsAgo(HOUR - MINUTE) });
  await run();
  expect(reconciler.log.filter(({ event }) => event === 'results_stalled')).toEqual([]);
  // fetchResults tries again and again, so that the record has changed a minute ago.
  await stall(stage, 'old', { stalledSince: secondsAgo(HOUR + MINUTE) });
  await stall(stage, 'given-up', { stalledSince: secondsAgo(7 * DAY + MINUTE) });
  await run();
  const line = reconciler.log.find(({ event }) => event === 'results_stalled') ?? {};
  expect(line).toMatchObject({ severity: 'ERROR', message: expect.stringContaining('jobs retry') });
  expect((line['jobIds'] as string[]).toSorted()).toEqual(['batches/given-up', 'batches/old']);
  expect(isCounted('results-stalled', 'reconcile-jobs', line)).toBe(true);
});

test('an event that was lost before its results were begun is published again until they are read', async () => {
  const { stage, run } = await openReconciler({ ...AT_ONCE, RECONCILE_PENDING_SECONDS: '0' });
  const secret = newSecret();
  const callback = await stage.start({ WEBHOOK_SIGNING_SECRET: secret }, 'geminiCallback');
  const job = await stage.batch();
  await stage.simulator.finish(job);
  await sendEvent(callback, secret, 'msg_lost', job);
  const [lost] = await eventsOf(stage);
  expect(await stage.record(job)).toMatchObject({ results: { state: 'pending', event: 'batch.succeeded' } });
  const announcedAt = (await stage.record(job))?.['results']['updatedAt'] as Timestamp;
  for (let restarts = 1; restarts <= 6; restarts += 1) {
    const { resumed } = await run();
    const published = await eventsOf(stage);
    expect([resumed, published.length]).toEqual([1, 1]);
    expect(published[0]).toEqual({ ...lost, attributes: { ...lost?.attributes, replay: 'results' } });
    expect(await stage.record(job)).toMatchObject({
      results: { state: 'pending', restarts, stalledSince: announcedAt },
    });
  }
  const { data = '', attributes = {} } = lost ?? {};
  const message = { data: data.toString('base64'), attributes: { ...attributes, replay: 'results' } };
  expect(await deliver(await stage.start(), message)).toBe(204);
  const { results } = (await stage.record(job)) ?? {};
  expect(results).toMatchObject({ state: 'complete', total: 1, updatedAt: expect.any(Timestamp) });
  for (const name of ['restarts', 'stalledSince', 'lastError']) expect(results).not.toHaveProperty(name);
  expect(await run()).toEqual(NOTHING);
});

test('attempts without progress keep the time since which results have been stalled', async () => {
  const stage = await Stage.open({
    settings: { api: { faults: [{ method: 'batches.get', status: 403, reason: 'SERVICE_DISABLED' }] } },
  });
  const secret = newSecret();
  const [callback, fetching] = [
    await stage.start({ WEBHOOK_SIGNING_SECRET: secret }, 'geminiCallback'),
    await stage.start(),
  ];
  const job = await stage.batch();
  await stage.simulator.finish(job);
  await sendEvent(callback, secret, 'msg_refused', job);
  const [{ data, attributes } = { data: '', attributes: {} }] = await eventsOf(stage);
  const message = { data: data.toString('base64'), attributes };
  const stalledSince = async () => (await stage.record(job))?.['results']['stalledSince'] as Timestamp;
  expect(await deliver(fetching, message)).toBe(503);
  const first = await stalledSince();
  expect(first).toBeInstanceOf(Timestamp);
  expect(await deliver(fetching, message)).toBe(503);
  expect(await stalledSince()).toEqual(first);
});
