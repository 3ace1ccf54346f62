import { FieldValue } from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import { newSecret } from '../../../simulator/signing.ts';
import { cli, type CliRun } from '../../support/cli.ts';
import { eventsOf, secondsAgo, sendEvent } from '../reconcile/support.ts';
import { deliver, Stage } from '../results/harness.ts';
import { failed, misused } from './harness.ts';

const retry = async (stage: Stage, ...args: readonly string[]) => await cli(['jobs', 'retry', ...args], stage.env);
const statusesIn = ({ stdout }: CliRun) =>
  (JSON.parse(stdout) as { jobs: { jobId: string; status: string }[] }).jobs.map(
    ({ jobId, status }) => `${jobId} ${status}`,
  );
const recordOf = (stage: Stage, job: string) => stage.project.firestore.doc(`jobs/${job.replace('/', '~')}`);
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

  expect(await retry(stage, job)).toMatchObject(misused('--yes'));
  expect(await eventsOf(stage)).toEqual([]);

  const run = await retry(stage, job.replace('/', '~'), '--yes', '--json');
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(statusesIn(run)).toEqual([`${job} started`]);
  const { results } = (await stage.record(job)) ?? {};
  expect(results).toMatchObject({ state: 'pending', event: 'batch.succeeded' });
  expect(results).not.toHaveProperty('error');
  const trigger = await next();
  expect(trigger.attributes).toMatchObject({ webhook_id: 'msg_1', replay: 'results' });
  expect(await deliver(fetching, trigger)).toBe(204);
  expect(await typesOf(stage)).toEqual(['job.result', 'job.results.completed']);

  const complete = await retry(stage, job, '--yes', '--json');
  expect([complete.exitCode, statusesIn(complete)]).toEqual([1, [`${job} complete`]]);
});

test('--failed takes the jobs that have failed and those that have stalled, and no others', async () => {
  const stage = await Stage.open();
  const { batch } = await announced(stage);
  const states = {
    failed: { results: { state: 'failed', error: { code: 'NOT_FOUND', message: 'Gone.' } } },
    deadLettered: { results: { updatedAt: secondsAgo(9 * 86_400), restarts: 170 } },
    young: {},
    complete: { results: { state: 'complete', updatedAt: secondsAgo(86_400) } },
  };
  const names: Record<string, string> = {};
  for (const [state, fields] of Object.entries(states)) {
    const { job } = await batch(`msg_${state}`);
    names[state] = job;
    await recordOf(stage, job).set(fields, { merge: true });
  }
  const run = await retry(stage, '--failed', '--yes', '--json');
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(statusesIn(run).toSorted()).toEqual(
    [`${names['failed']} started`, `${names['deadLettered']} started`].toSorted(),
  );
  const published = (await eventsOf(stage)).map(({ attributes }) => String(attributes['webhook_id']));
  expect(published.toSorted()).toEqual(['msg_deadLettered', 'msg_failed']);
  const again = await retry(stage, '--failed', '--yes');
  expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('No results have failed') });
});

test('says why a job cannot be retried', async () => {
  const stage = await Stage.open();
  const { batch } = await announced(stage);
  const { job } = await batch('msg_1');
  const retryAfter = async (fields: object) => {
    await recordOf(stage, job).update(fields);
    const run = await retry(stage, job, '--yes', '--json');
    return [run.exitCode, ...statusesIn(run)];
  };
  expect(await retryAfter({ 'results.leaseUntil': secondsAgo(-60) })).toEqual([1, `${job} in_progress`]);
  await stage.project.firestore.doc('deliveries/msg_1').delete();
  expect(await retryAfter({ 'results.leaseUntil': secondsAgo(60) })).toEqual([1, `${job} delivery_expired`]);
  expect(await retryAfter({ results: FieldValue.delete() })).toEqual([1, `${job} no_results`]);
  expect(await retry(stage, 'batches/none', '--yes', '--json')).toMatchObject(failed('JOB_NOT_FOUND'));
  for (const args of [[], [job, '--failed']])
    expect(await retry(stage, ...args, '--yes')).toMatchObject(misused('--failed'));
});
