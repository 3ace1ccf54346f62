import { FieldValue } from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import { newSecret } from '../../../simulator/signing.ts';
import { cli, type CliRun } from '../../support/cli.ts';
import { eventsOf, secondsAgo, sendEvent } from '../reconcile/support.ts';
import { deliver, Stage } from '../results/harness.ts';

const retry = async (stage: Stage, ...args: readonly string[]) => await cli(['jobs', 'retry', ...args], stage.env);
const jobsIn = ({ stdout }: CliRun) => (JSON.parse(stdout) as { jobs: { jobId: string; status: string }[] }).jobs;
const typesOf = async (stage: Stage) => (await stage.results()).map(({ attributes }) => attributes['ce-type']);

/** A batch whose event has been received, and the event's message as Pub/Sub pushes it. */
async function announced(stage: Stage) {
  const secret = newSecret();
  const callback = await stage.start({ WEBHOOK_SIGNING_SECRET: secret }, 'geminiCallback');
  const next = async () => {
    const [{ data, attributes } = { data: '', attributes: {} }, ...others] = await eventsOf(stage);
    expect(others).toEqual([]);
    return { data: data.toString('base64'), attributes };
  };
  const batch = async (webhookId: string) => {
    const job = await stage.batch();
    await stage.simulator.finish(job);
    expect(await sendEvent(callback, secret, webhookId, job)).toBe(200);
    return { job, message: await next() };
  };
  return { batch, next };
}

test('results that have failed for good are read again, and only then', async () => {
  const stage = await Stage.open();
  const { batch, next } = await announced(stage);
  const { job, message } = await batch('msg_1');
  const fetching = await stage.start();
  stage.simulator.settings.patch({ api: { faults: [{ method: 'batches.get', status: 404 }] } });
  expect(await deliver(fetching, message)).toBe(204);
  expect(await typesOf(stage)).toEqual(['job.results.failed']);
  stage.simulator.settings.patch({ api: { faults: [] } });
  expect(await deliver(fetching, message)).toBe(204);
  expect(await stage.results()).toEqual([]);

  const refused = await retry(stage, job);
  expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--yes') });
  expect(await eventsOf(stage)).toEqual([]);

  const run = await retry(stage, job.replace('/', '~'), '--yes', '--json');
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(jobsIn(run)).toEqual([expect.objectContaining({ jobId: job, status: 'started' })]);
  const { results } = (await stage.record(job)) ?? {};
  expect(results).toMatchObject({ state: 'pending', event: 'batch.succeeded' });
  expect(results).not.toHaveProperty('error');
  const trigger = await next();
  expect(trigger.attributes).toMatchObject({ webhook_id: 'msg_1', replay: 'results' });
  expect(await deliver(fetching, trigger)).toBe(204);
  expect(await typesOf(stage)).toEqual(['job.result', 'job.results.completed']);

  const complete = await retry(stage, job, '--yes', '--json');
  expect(complete.exitCode).toBe(1);
  expect(jobsIn(complete)).toEqual([expect.objectContaining({ jobId: job, status: 'complete' })]);
});

test('--failed takes the jobs that have failed and those that have stalled, and no others', async () => {
  const stage = await Stage.open();
  const { batch } = await announced(stage);
  const states = {
    failed: { 'results.state': 'failed', 'results.error': { code: 'NOT_FOUND', message: 'Gone.' } },
    deadLettered: { 'results.updatedAt': secondsAgo(9 * 86_400), 'results.restarts': 170 },
    young: {},
    complete: { 'results.state': 'complete', 'results.updatedAt': secondsAgo(86_400) },
  };
  const names: Record<string, string> = {};
  for (const [state, fields] of Object.entries(states)) {
    const { job } = await batch(`msg_${state}`);
    names[state] = job;
    if (Object.keys(fields).length > 0)
      await stage.project.firestore.doc(`jobs/${job.replace('/', '~')}`).update(fields);
  }
  const run = await retry(stage, '--failed', '--yes', '--json');
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  const started = jobsIn(run).map(({ jobId, status }) => `${jobId} ${status}`);
  expect(started.toSorted()).toEqual([`${names['failed']} started`, `${names['deadLettered']} started`].toSorted());
  const published = (await eventsOf(stage)).map(({ attributes }) => String(attributes['webhook_id']));
  expect(published.toSorted()).toEqual(['msg_deadLettered', 'msg_failed']);
  const again = await retry(stage, '--failed', '--yes');
  expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('No results have failed') });
});

test('says why a job cannot be retried', async () => {
  const stage = await Stage.open();
  const { batch } = await announced(stage);
  const { job } = await batch('msg_1');
  const document = stage.project.firestore.doc(`jobs/${job.replace('/', '~')}`);
  const statusAfter = async (fields: object) => {
    await document.update(fields);
    const run = await retry(stage, job, '--yes', '--json');
    expect(run.exitCode).toBe(1);
    return jobsIn(run)[0]?.status;
  };
  expect(await statusAfter({ 'results.leaseUntil': secondsAgo(-60) })).toBe('in_progress');
  await stage.project.firestore.doc('deliveries/msg_1').delete();
  expect(await statusAfter({ 'results.leaseUntil': secondsAgo(60) })).toBe('delivery_expired');
  expect(await statusAfter({ results: FieldValue.delete() })).toBe('no_results');
  expect(await retry(stage, 'batches/none', '--yes', '--json')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('JOB_NOT_FOUND'),
  });
  for (const args of [[], [job, '--failed']])
    expect(await retry(stage, ...args, '--yes')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--failed'),
    });
});
