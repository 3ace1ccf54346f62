import type { Timestamp } from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import { geminiByKey } from '../../../functions/gemini/client.ts';
import { Publisher } from '../../../functions/messaging/publisher.ts';
import { Log } from '../../../functions/observability/log.ts';
import { readReconcileConfig } from '../../../functions/reconcile/config.ts';
import { reconcile as reconcileOnce } from '../../../functions/reconcile/run.ts';
import { Deadline } from '../../../functions/runtime/deadline.ts';
import { Deliveries } from '../../../functions/store/deliveries.ts';
import { Database } from '../../../functions/store/database.ts';
import { ReconcilableJobs } from '../../../functions/store/reconcilableJobs.ts';
import { startFunction } from '../../../local/functions.ts';
import { clockAhead } from '../../support/clockAhead.ts';
import { eventually } from '../../../local/process.ts';
import { newSecret } from '../../../simulator/signing.ts';
import { forTest } from '../../support/opened.ts';
import { ProxiedProject } from '../../support/proxiedProject.ts';
import { sendJson, serveHttpInTest } from '../../support/server.ts';
import { startReceiver } from '../../unit/simulator/harness.ts';
import { Stage } from '../results/harness.ts';
import {
  AT_ONCE,
  documentOf,
  eventsOf,
  NOTHING,
  openReconciler,
  reconcile,
  register,
  secondsAgo,
  sendEvent,
} from './support.ts';

const HOUR_MILLIS = 3_600_000;

test('a delivery that a killed instance left pending is published once, byte for byte', async () => {
  await using proxied = await ProxiedProject.create();
  const callback = { id: 'msg_stuck', body: '{"type":"batch.succeeded",  "data":{"id":"batches/stuck"},"a":1}' };
  const callbackFunction = await proxied.start();
  proxied.pubsub.stall('up');
  const sent = proxied.send(callbackFunction, callback);
  await proxied.recorded(callback, 'pending');
  await callbackFunction.end('SIGKILL');
  await sent;
  await proxied.pubsub.forward();

  const env = { ...proxied.project.env, GEMINI_API_KEY: 'k', GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:9' };
  const reconciler = await startFunction('reconcileJobs', { ...env, ...AT_ONCE, RECONCILE_PENDING_SECONDS: '60' });
  await forTest({ close: async () => await reconciler.end() });
  expect(await reconcile(reconciler)).toMatchObject({ republished: 0 });
  const aged = { firstReceivedAt: secondsAgo(120), leaseUntil: secondsAgo(60) };
  await proxied.project.firestore.doc(`deliveries/${callback.id}`).update(aged);
  expect(await reconcile(reconciler)).toMatchObject({ republished: 1 });
  expect(await reconcile(reconciler)).toMatchObject({ republished: 0 });
  const messages = await proxied.project.messages('gemini-events');
  expect(messages.map(({ data }) => data.toString())).toEqual([callback.body]);
  const record = await proxied.delivery(callback);
  expect(record).toMatchObject({ state: 'published', attempts: 1, messageId: expect.any(String) });
  expect(record).not.toHaveProperty('rawBody');
});

test('a running job is queried at growing distances, and its record says so', async () => {
  const { stage, run } = await openReconciler({ ...AT_ONCE, RECONCILE_JOB_SECONDS: '60' });
  const job = await stage.batch();
  await register(stage, job, 'batch', { ageMillis: 120_000 });
  const queriesAfter = async (changed?: object): Promise<number> => {
    if (changed) await documentOf(stage, job).update(changed);
    expect(await run()).toEqual(NOTHING);
    return stage.simulator.ledger.requests.filter(({ method }) => method === 'batches.get').length;
  };
  const [past, silent] = [new Date(0), { updatedAt: new Date(0) }];
  expect(await queriesAfter()).toBe(1);
  expect(await stage.record(job)).toMatchObject({ state: 'running', reconcile: { queries: 1 } });
  expect(await queriesAfter()).toBe(1);
  expect(await queriesAfter(silent)).toBe(1);
  expect(await queriesAfter({ ...silent, 'reconcile.nextAt': past })).toBe(2);
  const record = await stage.record(job);
  expect(record).toMatchObject({ state: 'running', reconcile: { queries: 2 } });
  expect(record?.['reconcile']['nextAt'].toMillis() - record?.['updatedAt'].toMillis()).toBeGreaterThanOrEqual(120_000);
  expect(await eventsOf(stage)).toEqual([]);
});

test('a job that Gemini does not know is an error of that job, and does not stop the others', async () => {
  const { stage, reconciler, run } = await openReconciler();
  await register(stage, 'batches/deleted', 'batch', { ageMillis: 1_000 });
  await register(stage, 'operation-without-a-name', 'video', { ageMillis: 1_000 });
  const job = await stage.batch();
  await register(stage, job, 'batch');
  await stage.simulator.finish(job);
  expect(await run()).toEqual({ ...NOTHING, recovered: 1, errors: 1 });
  expect(reconciler.log).toContainEqual(expect.objectContaining({ event: 'reconcile_failed', id: 'batches~deleted' }));
  const unknown = (queries: number) => ({ state: 'unknown', reconcile: { queries, unknown: true } });
  expect(await stage.record('batches/deleted')).toMatchObject(unknown(1));
  expect(await run()).toEqual(NOTHING);
  await documentOf(stage, 'batches/deleted').update({ 'reconcile.nextAt': new Date() });
  expect(await run()).toEqual(NOTHING);
  expect(await stage.record('batches/deleted')).toMatchObject(unknown(2));
});

test('a callback that arrives during a query decides', async () => {
  const stage = await Stage.open();
  const secret = newSecret();
  const callback = await stage.start({ WEBHOOK_SIGNING_SECRET: secret }, 'geminiCallback');
  const statuses: number[] = [];
  const { url: GOOGLE_GEMINI_BASE_URL } = await serveHttpInTest(async ({ url = '' }, response) => {
    if (url.includes('/batches/')) statuses.push(await sendEvent(callback, secret, 'msg_quick', 'batches/quick'));
    sendJson(response, 200, { name: 'batches/quick', metadata: { state: 'BATCH_STATE_RUNNING' } });
  });
  const { run } = await openReconciler({ ...AT_ONCE, GOOGLE_GEMINI_BASE_URL }, { stage });
  await register(stage, 'batches/quick', 'batch', { ageMillis: 25 * HOUR_MILLIS });
  expect(await run()).toEqual(NOTHING);
  expect(statuses).toEqual([200]);
  const decided = { state: 'succeeded', timeline: [{ type: 'batch.succeeded' }] };
  expect(await stage.record('batches/quick')).toMatchObject(decided);
});

test('an unknown status ends no job, and webhooks are read on all pages', async () => {
  const { url: GOOGLE_GEMINI_BASE_URL } = await serveHttpInTest(({ url = '' }, response) => {
    const disabled = { id: 'last', uri: 'https://a.example/', state: 'disabled_due_to_failed_deliveries' };
    if (url.includes('page_token=more')) sendJson(response, 200, { webhooks: [null, 7, disabled] });
    else if (url.includes('/webhooks')) sendJson(response, 200, { webhooks: [], next_page_token: 'more' });
    else sendJson(response, 200, { name: 'batches/slow', metadata: { state: 'BATCH_STATE_THROTTLED' } });
  });
  const { stage, reconciler, run } = await openReconciler({ ...AT_ONCE, GOOGLE_GEMINI_BASE_URL });
  await register(stage, 'batches/slow', 'batch');
  expect(await run()).toEqual(NOTHING);
  expect(await stage.record('batches/slow')).toMatchObject({ state: 'running' });
  expect(await eventsOf(stage)).toEqual([]);
  expect(reconciler.log).toContainEqual(expect.objectContaining({ event: 'webhook_disabled', webhook: 'last' }));
});

test("ages go by Firestore's clock: an instance that is a day ahead announces nothing early", async () => {
  const { stage, run } = await openReconciler({ ...clockAhead(25 * HOUR_MILLIS), RECONCILE_JOB_SECONDS: '60' });
  await register(stage, 'thing-new', 'unknown', { ageMillis: 1_000 });
  expect(await run()).toEqual(NOTHING);
  await register(stage, 'thing-old', 'unknown', { ageMillis: 25 * HOUR_MILLIS });
  expect(await run()).toEqual({ ...NOTHING, overdue: 1 });
  const updatedAt = (await stage.record('thing-old'))?.['updatedAt'] as Timestamp;
  expect(updatedAt.toMillis()).toBeLessThan(Date.now() + 60_000);
});

test('a Gemini that never answers does not prolong a run', async () => {
  const stage = await Stage.open();
  const { url: GOOGLE_GEMINI_BASE_URL } = await serveHttpInTest(({ url = '' }, response) => {
    if (url.includes('/webhooks') || url.includes('/batches/half')) response.writeHead(200).write('{');
  });
  const config = readReconcileConfig({ ...stage.env, ...AT_ONCE, GOOGLE_GEMINI_BASE_URL });
  const log = new Log(undefined, () => {});
  const dependencies = {
    config,
    deliveries: new Deliveries(new Database(config), { ttlDays: 30 }),
    jobs: new ReconcilableJobs(stage.project.firestore),
    publisher: new Publisher(config),
    log,
    now: () => new Date(),
    ...(await geminiByKey(config.gemini, log)()),
  };
  await register(stage, 'batches/whole', 'batch');
  await register(stage, 'batches/half', 'batch');
  await register(stage, 'interactions/v1_x', 'interaction');
  await register(stage, 'models/veo/operations/x', 'video');
  const startedAt = performance.now();
  expect(await reconcileOnce(dependencies, Deadline.inMillis(3_000.5))).toEqual({ ...NOTHING, errors: 5 });
  expect(performance.now() - startedAt).toBeLessThan(4_500);
});

test('jobs that cannot be queried do not block others: each is announced when overdue, and moves to the back of the queue', async () => {
  const { stage, run } = await openReconciler({ RECONCILE_JOB_SECONDS: '60' });
  const ages = Array.from({ length: 60 }, (_, number) => (number < 55 ? 25 * HOUR_MILLIS : HOUR_MILLIS));
  await Promise.all(ages.map(async (ageMillis, n) => await register(stage, `thing-${n}`, 'unknown', { ageMillis })));
  const job = await stage.batch();
  await register(stage, job, 'batch', { ageMillis: 120_000 });
  await stage.simulator.finish(job);
  const startedAt = Date.now();
  expect(await run()).toEqual({ ...NOTHING, recovered: 1, overdue: 55 });
  const { docs } = await stage.project.firestore.collection('jobs').get();
  const before = docs.filter((record) => record.get('updatedAt').toMillis() < startedAt);
  expect(before.map(({ id }) => id)).toEqual([]);
  expect(await run()).toEqual(NOTHING);
});

test('an overdue job is announced once, and its state stays', async () => {
  const seconds = { RECONCILE_PENDING_SECONDS: '0', RECONCILE_JOB_SECONDS: '999999' };
  const { stage, run } = await openReconciler({ ...AT_ONCE, ...seconds });
  await register(stage, 'batches/slow', 'batch', { ageMillis: 25 * HOUR_MILLIS, state: 'running' });
  await register(stage, 'batches/young', 'batch', { ageMillis: 23 * HOUR_MILLIS, state: 'running' });
  expect(await run()).toEqual({ ...NOTHING, overdue: 1 });
  expect(await run()).toEqual(NOTHING);
  const messages = await eventsOf(stage);
  expect(messages.map(({ attributes }) => attributes)).toEqual([
    expect.objectContaining({ 'ce-type': 'job.overdue', job_id: 'batches/slow', job_kind: 'batch' }),
  ]);
  expect(await stage.record('batches/slow')).toMatchObject({ state: 'running', timeline: [{ type: 'job.overdue' }] });
  const delivery = stage.project.firestore.doc(`deliveries/${messages[0]?.attributes['webhook_id']}`);
  await delivery.update({ state: 'pending', leaseUntil: new Date(0) });
  expect(await run()).toEqual({ ...NOTHING, republished: 1 });
  expect(await eventsOf(stage)).toEqual(messages);
});

test('a webhook that Gemini has disabled is logged as an error, and enabled again where that is configured', async () => {
  const stage = await Stage.open({ settings: { deliveries: { retryDelaysMillis: [0], disableAfterGivenUp: 1 } } });
  const receiver = await forTest(startReceiver());
  receiver.answer = 500;
  const { id = '' } = await stage.ai.webhooks.create({ uri: receiver.url, subscribed_events: ['batch.succeeded'] });
  await stage.simulator.emit({ type: 'batch.succeeded', data: { id: 'batches/x' } });
  const stateOf = async () => (await stage.ai.webhooks.get(id)).state;
  await eventually('it is disabled', 5_000, async () => (await stateOf())?.startsWith('disabled_') || undefined);

  const stateAfter = async (settings: NodeJS.ProcessEnv) => {
    const { reconciler, run } = await openReconciler({ ...AT_ONCE, ...settings }, { stage });
    await run();
    return { state: await stateOf(), log: reconciler.log };
  };
  const { state, log } = await stateAfter({});
  expect(state).toBe('disabled_due_to_failed_deliveries');
  const line = { event: 'webhook_disabled', severity: 'ERROR', webhook: id };
  expect(log).toContainEqual(expect.objectContaining(line));
  const enabling = { RECONCILE_ENABLE_WEBHOOKS: 'true' };
  const elsewhere = await stateAfter({ ...enabling, CALLBACK_URL: 'http://127.0.0.1:1/geminiCallback' });
  expect(elsewhere.state).toBe('disabled_due_to_failed_deliveries');
  expect((await stateAfter({ ...enabling, CALLBACK_URL: receiver.url })).state).toBe('enabled');
});
