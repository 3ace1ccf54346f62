import { expect, test } from 'vitest';
import type { JobKind } from '../../../functions/model/jobName.ts';
import { newSecret } from '../../../simulator/signing.ts';
import { startInteraction, startVideo } from '../pipeline.ts';
import type { Stage } from '../results/harness.ts';
import { AT_ONCE, documentOf, eventsOf, NOTHING, openReconciler, register, sendEvent } from './support.ts';

const START: Record<'batch' | 'interaction' | 'video', (stage: Stage) => Promise<string>> = {
  batch: async (stage) => await stage.batch(),
  interaction: async (stage) => `interactions/${await startInteraction(stage)}`,
  video: async ({ simulator }) => await startVideo(simulator),
};

/** Starts a job at Gemini whose callback never arrives, as a job that submitJob has recorded. */
async function startJob(stage: Stage, kind: keyof typeof START, recordedAs: JobKind = kind): Promise<string> {
  const job = await START[kind](stage);
  await register(stage, job, recordedAs, { route: 'nightly', userMetadata: { team: 'red' } });
  return job;
}

test('the end of every job whose callback never arrived is recorded and published once', async () => {
  const { stage, run } = await openReconciler();
  const ENDS = [
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
  ] as const;
  const jobs = await Promise.all(ENDS.map(async ([kind]) => await startJob(stage, kind)));
  for (const [index, [, state]] of ENDS.entries())
    await stage.simulator.finish(String(jobs[index]).replace('interactions/', ''), { state });
  expect(await run()).toEqual({ ...NOTHING, recovered: ENDS.length });
  expect(await run()).toEqual(NOTHING);

  const messages = await eventsOf(stage);
  expect(messages).toHaveLength(ENDS.length);
  for (const [index, [kind, , type, state]] of ENDS.entries()) {
    const job = String(jobs[index]);
    const { attributes = {} } = messages.find((message) => message.attributes['job_id'] === job) ?? {};
    expect(attributes).toMatchObject({
      'ce-type': type,
      job_kind: kind,
      route: 'nightly',
      meta_team: 'red',
      webhook_id: expect.stringMatching(/^reconciled_[0-9a-f]{32}$/),
    });
    expect(await stage.record(job)).toMatchObject({ state, timeline: [{ type }] });
    const delivery = await stage.project.document(`deliveries/${attributes['webhook_id']}`);
    expect(delivery).toMatchObject({ state: 'published', scheme: 'reconciled', type });
  }
});

test('a video that Gemini has blocked is a failed job, with the reason', async () => {
  const { stage, run } = await openReconciler();
  const job = await startVideo(stage.simulator, 'a cat [blocked]');
  await register(stage, job, 'video');
  await stage.simulator.finish(job);
  expect(await run()).toEqual({ ...NOTHING, recovered: 1 });
  const reason = expect.stringContaining('safety filters') as string;
  const data = { id: job, error_code: 'FILTERED', error_message: reason };
  const [message] = await eventsOf(stage);
  expect(JSON.parse(String(message?.data))).toMatchObject({ type: 'video.failed', data });
  const record = await stage.record(job);
  expect(record).toMatchObject({ state: 'failed', error: { code: 'FILTERED', message: reason } });
  expect(record).not.toHaveProperty('results');
});

test.for([
  ['failed', 'batch.failed', { state: 'failed', error: { code: '13', message: 'It broke.' } }],
  ['succeeded', 'batch.succeeded', { state: 'succeeded' }],
] as const)('"done" decides where the operation gives no state: %s', async ([state, type, record]) => {
  const { stage, run } = await openReconciler(AT_ONCE, { settings: { jobs: { stateInMetadata: false } } });
  const job = await startJob(stage, 'batch');
  expect(await run()).toEqual(NOTHING);
  expect(await stage.record(job)).toMatchObject({ state: 'running' });
  const error = { code: 13, message: 'It broke.' };
  await stage.simulator.finish(job, { state, ...(state === 'failed' ? { error } : {}) });
  await documentOf(stage, job).update({ 'reconcile.nextAt': new Date(0), updatedAt: new Date(0) });
  expect(await run()).toEqual({ ...NOTHING, recovered: 1 });
  expect((await eventsOf(stage)).map(({ attributes }) => attributes['ce-type'])).toEqual([type]);
  expect(await stage.record(job)).toMatchObject(record);
});

test('an operation of a job of unknown kind is announced as a video', async () => {
  const { stage, run } = await openReconciler();
  const job = await startJob(stage, 'video', 'unknown');
  await stage.simulator.finish(job);
  expect(await run()).toEqual({ ...NOTHING, recovered: 1 });
  expect(await stage.record(job)).toMatchObject({ kind: 'video', state: 'succeeded' });
});

test('a late callback is a repeat of the recovered one', async () => {
  const { stage, run } = await openReconciler();
  const secret = newSecret();
  const callback = await stage.start({ WEBHOOK_SIGNING_SECRET: secret }, 'geminiCallback');
  const job = await startJob(stage, 'batch');
  await stage.simulator.finish(job);
  expect(await run()).toMatchObject({ recovered: 1 });
  expect(await sendEvent(callback, secret, 'msg_late', job)).toBe(200);
  const [found, late] = await eventsOf(stage);
  expect(late?.attributes['repeat_of']).toBe(found?.attributes['webhook_id']);
});

test('an end that four runs of two instances find, and a job that is overdue, are published once', async () => {
  const { stage, run } = await openReconciler({ ...AT_ONCE, JOB_OVERDUE_SECONDS: '1' });
  const another = await openReconciler({ ...AT_ONCE, JOB_OVERDUE_SECONDS: '1' }, { stage });
  const started = await Promise.all(Array.from({ length: 40 }, async () => await stage.batch()));
  for (const job of started) await register(stage, job, 'batch', { ageMillis: 2_000 });
  for (const job of started.slice(20)) await stage.simulator.finish(job);
  const summaries = await Promise.all([run, another.run, run, another.run].map(async (each) => await each()));
  const sumOf = (name: 'recovered' | 'overdue') => summaries.reduce((sum, summary) => sum + summary[name], 0);
  expect([sumOf('recovered'), sumOf('overdue')]).toEqual([20, 20]);
  const messages = await eventsOf(stage);
  expect(messages).toHaveLength(started.length);
  expect(new Set(messages.map(({ attributes }) => attributes['job_id']))).toEqual(new Set(started));
});
