import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Timestamp } from '@google-cloud/firestore';
import { describe, expect, onTestFinished, test } from 'vitest';
import { geminiByKey } from '../../../functions/gemini/client.ts';
import { Publisher } from '../../../functions/messaging/publisher.ts';
import { jobDocumentId } from '../../../functions/model/jobName.ts';
import { Deadline } from '../../../functions/runtime/deadline.ts';
import { Log } from '../../../functions/observability/log.ts';
import { readReconcileConfig } from '../../../functions/reconcile/config.ts';
import { reconcile as reconcileOnce } from '../../../functions/reconcile/run.ts';
import { Deliveries } from '../../../functions/store/deliveries.ts';
import { Database } from '../../../functions/store/database.ts';
import { ReconcilableJobs } from '../../../functions/store/reconcilableJobs.ts';
import { startReceiver } from '../../unit/simulator/harness.ts';
import { newSecret } from '../../../simulator/signing.ts';
import { Stage } from '../results/harness.ts';
import { clockAhead, startFunction } from '../../../local/functions.ts';
import { eventually } from '../../../local/process.ts';
import { ProxiedProject } from '../../support/proxiedProject.ts';
import { AT_ONCE, eventsOf, NOTHING, reconcile, register, sendEvent } from './support.ts';

const HOUR_MILLIS = 3_600_000;
/** Starts a Gemini whose answers the simulator never gives. */
async function geminiThat(answer: (...args: Parameters<RequestListener>) => void | Promise<void>): Promise<string> {
  const server = createServer((request, response) => void answer(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answerJson(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

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
  const reconciler = await startFunction('reconcileJobs', { ...env, ...AT_ONCE, RECONCILE_PENDING_SECONDS: '5' });
  onTestFinished(async () => void (await reconciler.end()));
  expect(await reconcile(reconciler)).toMatchObject({ republished: 0 });
  await sleep(10_000);
  expect(await reconcile(reconciler)).toMatchObject({ republished: 1 });
  expect(await reconcile(reconciler)).toMatchObject({ republished: 0 });
  const messages = await proxied.project.messages('gemini-events');
  expect(messages.map(({ data }) => data.toString())).toEqual([callback.body]);
  const record = await proxied.delivery(callback);
  expect(record).toMatchObject({ state: 'published', attempts: 1, messageId: expect.any(String) });
  expect(record).not.toHaveProperty('rawBody');
}, 60_000);

describe('an end whose callback never arrived', () => {
  const batch = async (stage: Stage) => await stage.batch();
  const interaction = async ({ ai }: Stage) => {
    const { id } = await ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hi', background: true });
    return `interactions/${id}`;
  };
  const video = async ({ simulator }: Stage, prompt = 'a cat') => {
    const response = await fetch(`${simulator.url}/v1/models/veo-3.1:predictLongRunning`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-goog-api-key': 'any-key' },
      body: JSON.stringify({ instances: [{ prompt }] }),
    });
    return ((await response.json()) as { name: string }).name;
  };

  const blocked = async (stage: Stage) => await video(stage, 'a cat [blocked]');

  const START = { batch, interaction, video };

  test.for([
    ['batch', 'succeeded', 'batch.succeeded', 'succeeded'],
    ['batch', 'failed', 'batch.failed', 'failed'],
    ['batch', 'cancelled', 'batch.cancelled', 'cancelled'],
    ['batch', 'expired', 'batch.expired', 'expired'],
    ['batch', 'partially_succeeded', 'batch.succeeded', 'succeeded'],
    ['interaction', 'succeeded', 'interaction.completed', 'succeeded'],
    ['interaction', 'failed', 'interaction.failed', 'failed'],
    ['interaction', 'cancelled', 'interaction.cancelled', 'cancelled'],
    ['interaction', 'budget_exceeded', 'interaction.budget_exceeded', 'failed'],
    ['video', 'succeeded', 'video.generated', 'succeeded'],
    ['video', 'failed', 'video.failed', 'failed'],
  ] as const)('%s that is %s: %s', async ([kind, outcome, type, state]) => {
    const stage = await Stage.open();
    const reconciler = await stage.start(AT_ONCE, 'reconcileJobs');
    const job = await START[kind](stage);
    await register(stage, job, kind, { route: 'nightly', userMetadata: { team: 'red' } });
    await stage.simulator.finish(job.replace('interactions/', ''), { state: outcome });
    expect(await reconcile(reconciler)).toEqual({ ...NOTHING, recovered: 1 });
    expect(await reconcile(reconciler)).toEqual(NOTHING);
    const messages = await eventsOf(stage);
    expect(messages).toHaveLength(1);
    expect(messages[0]?.attributes).toMatchObject({
      'ce-type': type,
      job_id: job,
      job_kind: kind,
      route: 'nightly',
      meta_team: 'red',
      webhook_id: expect.stringMatching(/^reconciled_[0-9a-f]{32}$/),
    });
    expect(await stage.record(job)).toMatchObject({ state, timeline: [{ type }] });
    const delivery = await stage.project.document(`deliveries/${messages[0]?.attributes['webhook_id']}`);
    expect(delivery).toMatchObject({ state: 'published', scheme: 'reconciled', type });
  });

  test('a video that Gemini has blocked is a failed job, with the reason', async () => {
    const stage = await Stage.open();
    const reconciler = await stage.start(AT_ONCE, 'reconcileJobs');
    const job = await blocked(stage);
    await register(stage, job, 'video');
    await stage.simulator.finish(job);
    expect(await reconcile(reconciler)).toEqual({ ...NOTHING, recovered: 1 });
    const reason = expect.stringContaining('safety filters') as string;
    expect((await eventsOf(stage)).map(({ data }) => JSON.parse(String(data)) as unknown)).toEqual([
      expect.objectContaining({
        type: 'video.failed',
        data: { id: job, error_code: 'FILTERED', error_message: reason },
      }),
    ]);
    expect(await stage.record(job)).toMatchObject({ state: 'failed', error: { code: 'FILTERED', message: reason } });
    expect(await stage.record(job)).not.toHaveProperty('results');
  });

  test.for([
    ['failed', 'batch.failed', { state: 'failed', error: { code: '13', message: 'It broke.' } }],
    ['succeeded', 'batch.succeeded', { state: 'succeeded' }],
  ] as const)('"done" decides where the operation gives no state: %s', async ([state, type, record]) => {
    const stage = await Stage.open({ settings: { jobs: { stateInMetadata: false } } });
    const reconciler = await stage.start(AT_ONCE, 'reconcileJobs');
    const job = await batch(stage);
    await register(stage, job, 'batch');
    expect(await reconcile(reconciler)).toEqual(NOTHING);
    expect(await stage.record(job)).toMatchObject({ state: 'running' });
    const error = { code: 13, message: 'It broke.' };
    await stage.simulator.finish(job, { state, ...(state === 'failed' ? { error } : {}) });
    const due = { 'reconcile.nextAt': new Date(0), updatedAt: new Date(0) };
    await stage.project.firestore.doc(`jobs/${jobDocumentId(job)}`).update(due);
    expect(await reconcile(reconciler)).toEqual({ ...NOTHING, recovered: 1 });
    expect((await eventsOf(stage)).map(({ attributes }) => attributes['ce-type'])).toEqual([type]);
    expect(await stage.record(job)).toMatchObject(record);
  });

  test('an operation of a job of unknown kind is announced as a video', async () => {
    const stage = await Stage.open();
    const reconciler = await stage.start(AT_ONCE, 'reconcileJobs');
    const job = await video(stage);
    await register(stage, job, 'unknown');
    await stage.simulator.finish(job);
    expect(await reconcile(reconciler)).toEqual({ ...NOTHING, recovered: 1 });
    expect(await stage.record(job)).toMatchObject({ kind: 'video', state: 'succeeded' });
  });

  test('makes a late callback its repeat', async () => {
    const stage = await Stage.open();
    const secret = newSecret();
    const reconciler = await stage.start(AT_ONCE, 'reconcileJobs');
    const callback = await stage.start({ WEBHOOK_SIGNING_SECRET: secret }, 'geminiCallback');
    const job = await batch(stage);
    await register(stage, job, 'batch');
    await stage.simulator.finish(job);
    expect(await reconcile(reconciler)).toMatchObject({ recovered: 1 });
    expect(await sendEvent(callback, secret, 'msg_late', job)).toBe(200);
    const [found, late] = await eventsOf(stage);
    expect(late?.attributes['repeat_of']).toBe(found?.attributes['webhook_id']);
  });
});

test('a running job is queried at growing distances, and its record says so', async () => {
  const stage = await Stage.open();
  const reconciler = await stage.start({ ...AT_ONCE, RECONCILE_JOB_SECONDS: '60' }, 'reconcileJobs');
  const job = await stage.batch();
  await register(stage, job, 'batch', { ageMillis: 120_000 });
  const document = stage.project.firestore.doc(`jobs/${jobDocumentId(job)}`);
  const asked = () => stage.simulator.ledger.requests.filter(({ method }) => method === 'batches.get').length;
  const runs = async (changed?: object): Promise<number> => {
    if (changed) await document.update(changed);
    expect(await reconcile(reconciler)).toEqual(NOTHING);
    return asked();
  };
  const [past, silent] = [new Date(0), { updatedAt: new Date(0) }];
  expect(await runs()).toBe(1);
  expect(await stage.record(job)).toMatchObject({ state: 'running', reconcile: { queries: 1 } });
  expect(await runs()).toBe(1);
  expect(await runs(silent)).toBe(1);
  expect(await runs({ ...silent, 'reconcile.nextAt': past })).toBe(2);
  const record = await stage.record(job);
  expect(record).toMatchObject({ state: 'running', reconcile: { queries: 2 } });
  expect(record?.['reconcile']['nextAt'].toMillis() - record?.['updatedAt'].toMillis()).toBeGreaterThanOrEqual(120_000);
  expect(await eventsOf(stage)).toEqual([]);
});

test('a job that Gemini does not know is an error of that job, and does not stop the others', async () => {
  const stage = await Stage.open();
  const reconciler = await stage.start(AT_ONCE, 'reconcileJobs');
  await register(stage, 'batches/deleted', 'batch', { ageMillis: 1_000 });
  await register(stage, 'operation-without-a-name', 'video', { ageMillis: 1_000 });
  const job = await stage.batch();
  await register(stage, job, 'batch');
  await stage.simulator.finish(job);
  expect(await reconcile(reconciler)).toEqual({ ...NOTHING, recovered: 1, errors: 1 });
  expect(reconciler.log).toContainEqual(expect.objectContaining({ event: 'reconcile_failed', id: 'batches~deleted' }));
  expect(await stage.record('batches/deleted')).toMatchObject({
    state: 'unknown',
    reconcile: { queries: 1, unknown: true },
  });
  expect(await reconcile(reconciler)).toEqual(NOTHING);
  await stage.project.firestore.doc('jobs/batches~deleted').update({ 'reconcile.nextAt': new Date() });
  expect(await reconcile(reconciler)).toEqual(NOTHING);
  expect(await stage.record('batches/deleted')).toMatchObject({ reconcile: { queries: 2, unknown: true } });
});

test('a callback that arrives during a query decides', async () => {
  const stage = await Stage.open();
  const secret = newSecret();
  const callback = await stage.start({ WEBHOOK_SIGNING_SECRET: secret }, 'geminiCallback');
  const statuses: number[] = [];
  const gemini = await geminiThat(async ({ url = '' }, response) => {
    if (url.includes('/batches/')) statuses.push(await sendEvent(callback, secret, 'msg_quick', 'batches/quick'));
    answerJson(response, { name: 'batches/quick', metadata: { state: 'BATCH_STATE_RUNNING' } });
  });
  const reconciler = await stage.start({ ...AT_ONCE, GOOGLE_GEMINI_BASE_URL: gemini }, 'reconcileJobs');
  await register(stage, 'batches/quick', 'batch', { ageMillis: 25 * HOUR_MILLIS });
  expect(await reconcile(reconciler)).toEqual(NOTHING);
  expect(statuses).toEqual([200]);
  expect(await stage.record('batches/quick')).toMatchObject({
    state: 'succeeded',
    timeline: [{ type: 'batch.succeeded' }],
  });
});

test('an unknown status ends no job, and webhooks are read on all pages', async () => {
  const stage = await Stage.open();
  const gemini = await geminiThat(({ url = '' }, response) => {
    const disabled = { id: 'last', uri: 'https://a.example/', state: 'disabled_due_to_failed_deliveries' };
    if (url.includes('page_token=more')) answerJson(response, { webhooks: [null, 7, disabled] });
    else if (url.includes('/webhooks')) answerJson(response, { webhooks: [], next_page_token: 'more' });
    else answerJson(response, { name: 'batches/slow', metadata: { state: 'BATCH_STATE_THROTTLED' } });
  });
  const reconciler = await stage.start({ ...AT_ONCE, GOOGLE_GEMINI_BASE_URL: gemini }, 'reconcileJobs');
  await register(stage, 'batches/slow', 'batch');
  expect(await reconcile(reconciler)).toEqual(NOTHING);
  expect(await stage.record('batches/slow')).toMatchObject({ state: 'running' });
  expect(await eventsOf(stage)).toEqual([]);
  expect(reconciler.log).toContainEqual(expect.objectContaining({ event: 'webhook_disabled', webhook: 'last' }));
});

test("ages go by Firestore's clock: an instance that is a day ahead announces nothing early", async () => {
  const stage = await Stage.open();
  const ahead = await stage.start({ ...clockAhead(25 * HOUR_MILLIS), RECONCILE_JOB_SECONDS: '60' }, 'reconcileJobs');
  await register(stage, 'thing-new', 'unknown', { ageMillis: 1_000 });
  expect(await reconcile(ahead)).toEqual(NOTHING);
  await register(stage, 'thing-old', 'unknown', { ageMillis: 25 * HOUR_MILLIS });
  expect(await reconcile(ahead)).toEqual({ ...NOTHING, overdue: 1 });
  const updatedAt = (await stage.record('thing-old'))?.['updatedAt'] as Timestamp;
  expect(updatedAt.toMillis()).toBeLessThan(Date.now() + 60_000);
});

test('a Gemini that never answers does not prolong a run', async () => {
  const stage = await Stage.open();
  const GOOGLE_GEMINI_BASE_URL = await geminiThat(({ url = '' }, response) => {
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
  const jobs = [
    ['batches/whole', 'batch'],
    ['batches/half', 'batch'],
    ['interactions/v1_x', 'interaction'],
    ['models/veo/operations/x', 'video'],
  ] as const;
  for (const [job, kind] of jobs) await register(stage, job, kind);
  const startedAt = performance.now();
  expect(await reconcileOnce(dependencies, Deadline.inMillis(3_000.5))).toEqual({ ...NOTHING, errors: 5 });
  expect(performance.now() - startedAt).toBeLessThan(4_500);
});

test('jobs that cannot be queried do not block others: each is announced when overdue, and moves to the back of the queue', async () => {
  const stage = await Stage.open();
  const reconciler = await stage.start({ RECONCILE_JOB_SECONDS: '60' }, 'reconcileJobs');
  const ages = Array.from({ length: 60 }, (_, number) => (number < 55 ? 25 * HOUR_MILLIS : HOUR_MILLIS));
  await Promise.all(ages.map(async (ageMillis, n) => await register(stage, `thing-${n}`, 'unknown', { ageMillis })));
  const job = await stage.batch();
  await register(stage, job, 'batch', { ageMillis: 120_000 });
  await stage.simulator.finish(job);
  const startedAt = Date.now();
  expect(await reconcile(reconciler)).toEqual({ ...NOTHING, recovered: 1, overdue: 55 });
  const { docs } = await stage.project.firestore.collection('jobs').get();
  const before = docs.filter((record) => record.get('updatedAt').toMillis() < startedAt);
  expect(before.map(({ id }) => id)).toEqual([]);
  expect(await reconcile(reconciler)).toEqual(NOTHING);
});

test('a job with recent news can be overdue, and concurrent reconcilers announce it once', async () => {
  const stage = await Stage.open();
  const reconciler = await stage.start({ JOB_OVERDUE_SECONDS: '1' }, 'reconcileJobs');
  const names = Array.from({ length: 20 }, (_, number) => `batches/slow-${number}`);
  await Promise.all(names.map(async (name) => await register(stage, name, 'batch', { ageMillis: 2_000 })));
  const summaries = await Promise.all([1, 2, 3].map(async () => await reconcile(reconciler)));
  const overdue = summaries.map((summary) => (summary as { overdue: number }).overdue);
  expect(overdue.reduce((sum, count) => sum + count, 0)).toBe(20);
  const messages = await eventsOf(stage);
  expect(new Set(messages.map(({ attributes }) => attributes['job_id']))).toEqual(new Set(names));
  expect(messages).toHaveLength(names.length);
});

test('an overdue job is announced once, and its state stays', async () => {
  const stage = await Stage.open();
  const reconciler = await stage.start(
    { ...AT_ONCE, RECONCILE_PENDING_SECONDS: '0', RECONCILE_JOB_SECONDS: '999999' },
    'reconcileJobs',
  );
  await register(stage, 'batches/slow', 'batch', { ageMillis: 25 * HOUR_MILLIS, state: 'running' });
  await register(stage, 'batches/young', 'batch', { ageMillis: 23 * HOUR_MILLIS, state: 'running' });
  expect(await reconcile(reconciler)).toEqual({ ...NOTHING, overdue: 1 });
  expect(await reconcile(reconciler)).toEqual(NOTHING);
  const messages = await eventsOf(stage);
  expect(messages.map(({ attributes }) => attributes)).toEqual([
    expect.objectContaining({ 'ce-type': 'job.overdue', job_id: 'batches/slow', job_kind: 'batch' }),
  ]);
  expect(await stage.record('batches/slow')).toMatchObject({ state: 'running', timeline: [{ type: 'job.overdue' }] });
  const delivery = stage.project.firestore.doc(`deliveries/${messages[0]?.attributes['webhook_id']}`);
  await delivery.update({ state: 'pending', leaseUntil: new Date(0) });
  expect(await reconcile(reconciler)).toEqual({ ...NOTHING, republished: 1 });
  expect(await eventsOf(stage)).toEqual(messages);
});

test('a webhook that Gemini has disabled is logged as an error, and enabled again where that is configured', async () => {
  const stage = await Stage.open({ settings: { deliveries: { retryDelaysMillis: [0], disableAfterGivenUp: 1 } } });
  const receiver = await startReceiver();
  onTestFinished(async () => await receiver.close());
  receiver.answer = 500;
  const { id = '' } = await stage.ai.webhooks.create({ uri: receiver.url, subscribed_events: ['batch.succeeded'] });
  await stage.simulator.emit({ type: 'batch.succeeded', data: { id: 'batches/x' } });
  const stateOf = async () => (await stage.ai.webhooks.get(id)).state;
  await eventually('it is disabled', 5_000, async () => (await stateOf())?.startsWith('disabled_') || undefined);
  const [telling, mending] = [
    await stage.start(AT_ONCE, 'reconcileJobs'),
    await stage.start({ ...AT_ONCE, RECONCILE_ENABLE_WEBHOOKS: 'true', CALLBACK_URL: receiver.url }, 'reconcileJobs'),
  ];
  await reconcile(telling);
  expect(telling.log).toContainEqual(
    expect.objectContaining({ event: 'webhook_disabled', severity: 'ERROR', webhook: id }),
  );
  expect(await stateOf()).toBe('disabled_due_to_failed_deliveries');
  const CALLBACK_URL = 'http://127.0.0.1:1/geminiCallback';
  const others = await stage.start({ ...AT_ONCE, RECONCILE_ENABLE_WEBHOOKS: 'true', CALLBACK_URL }, 'reconcileJobs');
  await reconcile(others);
  expect(await stateOf()).toBe('disabled_due_to_failed_deliveries');
  await reconcile(mending);
  expect(await stateOf()).toBe('enabled');
});

test('two reconcilers at once do each thing once', async () => {
  const stage = await Stage.open();
  const reconcilers = await Promise.all([1, 2].map(async () => await stage.start(AT_ONCE, 'reconcileJobs')));
  const jobs = await Promise.all(Array.from({ length: 30 }, async () => await stage.batch()));
  for (const job of jobs) {
    await register(stage, job, 'batch', { ageMillis: 25 * HOUR_MILLIS });
    await stage.simulator.finish(job);
  }
  const summaries = await Promise.all([...reconcilers, ...reconcilers].map(async (one) => await reconcile(one)));
  const recovered = summaries.map((summary) => (summary as { recovered: number }).recovered);
  expect(recovered.reduce((sum, count) => sum + count, 0)).toBe(30);
  const messages = await eventsOf(stage);
  expect(messages).toHaveLength(30);
  expect(new Set(messages.map(({ attributes }) => attributes['job_id']))).toEqual(new Set(jobs));
});

test('with a tenth of the callbacks dropped for good, every job reaches its final state', async () => {
  const stage = await Stage.open({
    settings: { jobs: { failureRate: 0.3 }, faults: { drop: 0.1 } },
    seed: 'dropped',
  });
  const secret = newSecret();
  const callback = await stage.start({ WEBHOOK_SIGNING_SECRET: secret }, 'geminiCallback');
  const { id: _, new_signing_secret: signing = '' } = await stage.ai.webhooks.create({
    uri: callback.url,
    subscribed_events: ['batch.succeeded', 'batch.failed'],
  });
  await callback.end();
  const receiving = await startFunction(
    'geminiCallback',
    { ...stage.env, WEBHOOK_SIGNING_SECRET: signing },
    { port: Number(new URL(callback.url).port) },
  );
  onTestFinished(async () => void (await receiving.end()));
  const jobs = await Promise.all(Array.from({ length: 40 }, async () => await stage.batch()));
  await Promise.all(jobs.map(async (job) => await register(stage, job, 'batch')));
  await Promise.all(jobs.map(async (job) => await stage.simulator.finish(job)));
  const { deliveries } = stage.simulator.ledger;
  await eventually('every callback has come or was dropped', 30_000, async () => {
    const isOver = deliveries.every(({ state }) => state === 'delivered' || state === 'dropped');
    return (isOver && deliveries.length === jobs.length) || undefined;
  });
  const dropped = deliveries.filter(({ state }) => state === 'dropped').length;
  expect(dropped).toBeGreaterThan(0);
  const reconciler = await stage.start(AT_ONCE, 'reconcileJobs');
  expect(await reconcile(reconciler)).toEqual({ ...NOTHING, recovered: dropped });
  const ends = new Map(stage.simulator.jobs('batch').map(({ name, state }) => [name, state]));
  for (const job of jobs) expect((await stage.record(job))?.['state']).toBe(ends.get(job));
}, 60_000);
