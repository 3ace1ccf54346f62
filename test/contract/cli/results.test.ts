import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DocumentData } from '@google-cloud/firestore';
import { describe, expect, test } from 'vitest';
import { jobDocumentId } from '../../../functions/model/jobName.ts';
import { cli } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/opened.ts';
import { startInteraction, startVideo } from '../pipeline.ts';
import { Stage } from '../results/harness.ts';
import { errorOf, misused, resultOf } from './harness.ts';

/** Records a job as geminiCallback does. */
async function record(stage: Stage, jobId: string, fields: DocumentData = {}): Promise<string> {
  const kind = jobId.startsWith('batches/') ? 'batch' : jobId.startsWith('interactions/') ? 'interaction' : 'video';
  const base = { jobId, kind, state: 'succeeded', updatedAt: new Date() };
  await stage.project.firestore.doc(`jobs/${jobDocumentId(jobId)}`).set({ ...base, ...fields });
  return jobId;
}

async function finishedBatch(stage: Stage, prompts: readonly string[]): Promise<string> {
  const name = await stage.batch(prompts);
  await stage.simulator.finish(name);
  return await record(stage, name);
}

const linesIn = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('jobs results', () => {
  test('prints a table of index, key, status and the first text, or with --json a line for each result', async () => {
    const stage = await Stage.open();
    const name = await finishedBatch(stage, ['one', 'two', 'three']);
    const [head, ...rows] = (await cli(['jobs', 'results', name], stage.env)).stdout.trimEnd().split('\n');
    expect(head).toMatch(/^INDEX +KEY +STATUS +TEXT$/);
    expect(rows).toEqual(['r0', 'r1', 'r2'].map((key, n) => expect.stringMatching(`^${n} +${key} +ok +\\S`)));
    const { stdout, exitCode } = await cli(['jobs', 'results', name, '--json'], stage.env);
    expect(exitCode).toBe(0);
    expect(linesIn(stdout)).toEqual(
      ['r0', 'r1', 'r2'].map((key, index) => expect.objectContaining({ index, key, response: expect.any(Object) })),
    );
  });

  test('keeps the digits of numbers beyond 2^53', async () => {
    const stage = await Stage.open();
    const name = await finishedBatch(stage, ['one']);
    const entry = '{"response":{"candidates":[{"content":{"parts":[{"text":"x"}]},"id":1234567890123456789}]}}';
    const body = `{"name":"${name}","metadata":{"state":"BATCH_STATE_SUCCEEDED","output":{"inlinedResponses":{"inlinedResponses":[${entry}]}}},"done":true}`;
    stage.simulator.settings.patch({ api: { faults: [{ method: 'batches.get', body }] } });
    const { stdout } = await cli(['jobs', 'results', name, '--json'], stage.env);
    expect(stdout).toContain('1234567890123456789');
  });

  test('--output writes JSON Lines to a file, and says how many', async () => {
    const stage = await Stage.open();
    const name = await finishedBatch(stage, ['one', 'two']);
    const output = join(temporaryFolder(), 'results.jsonl');
    expect(await resultOf(['jobs', 'results', name, `--output=${output}`], stage.env)).toEqual({ output, results: 2 });
    expect(linesIn(readFileSync(output, 'utf8')).map(({ index }) => index)).toEqual([0, 1]);
    const failed = await cli(['jobs', 'results', name, '--output=/nonexistent/results.jsonl', '--json'], stage.env);
    expect([failed.exitCode, errorOf(failed).code]).toEqual([1, 'NOT_WRITTEN']);
  });

  test('--output with a folder saves videos beside the lines', async () => {
    const stage = await Stage.open();
    const video = await startVideo(stage.simulator, 'a cat', { sampleCount: 2 });
    await stage.simulator.finish(video);
    await record(stage, video, { lastEvent: { type: 'video.generated', webhookId: 'm', time: new Date() } });
    const folder = temporaryFolder();
    const run = await cli(['jobs', 'results', video, `--output=${folder}/`], stage.env);
    expect(run.exitCode).toBe(0);
    expect(readdirSync(folder).toSorted()).toEqual(['0.mp4', '1.mp4', 'results.jsonl']);
    expect(statSync(join(folder, '1.mp4')).size).toBe(65_536);
    expect(linesIn(readFileSync(join(folder, 'results.jsonl'), 'utf8'))).toEqual(
      [0, 1].map((index) => expect.objectContaining({ index, uri: join(folder, `${index}.mp4`), bytes: 65_536 })),
    );
  });

  test('an interaction is one result with its text', async () => {
    const stage = await Stage.open();
    const id = await startInteraction(stage);
    await stage.simulator.finish(id);
    const job = await record(stage, `interactions/${id}`);
    const { output_text: text = '' } = await stage.ai.interactions.get(id);
    expect((await cli(['jobs', 'results', job], stage.env)).stdout).toContain(text.slice(0, 20));
  });
});

describe('jobs cancel', () => {
  test('asks first, cancels a batch at Gemini, and says its state there', async () => {
    const stage = await Stage.open();
    const name = await record(stage, await stage.batch(), { state: 'running' });
    expect(await cli(['jobs', 'cancel', name], stage.env)).toMatchObject(misused(`cancel ${name} at Gemini`));
    expect(stage.simulator.jobs()[0]?.state).not.toBe('cancelled');
    const cancelled = await resultOf(['jobs', 'cancel', name, '--yes'], stage.env);
    expect(cancelled).toEqual({ jobId: name, state: 'cancelled' });
    expect(stage.simulator.jobs()[0]?.state).toBe('cancelled');
    expect(await stage.record(name)).toMatchObject({ state: 'running' });
  });

  test('cancels an interaction', async () => {
    const stage = await Stage.open();
    const job = await record(stage, `interactions/${await startInteraction(stage)}`, { state: 'running' });
    const { stdout } = await cli(['jobs', 'cancel', job, '--yes'], stage.env);
    expect(stdout).toContain('which is cancelled now');
  });
});

test.for<[string, string, DocumentData, string]>([
  ['results', 'batches/running', { state: 'running' }, 'JOB_NOT_ENDED'],
  ['results', 'batches/nowhere', {}, 'GEMINI_NOT_FOUND'],
  ['cancel', 'batches/a', { state: 'succeeded' }, 'JOB_ENDED'],
  ['cancel', 'models/veo/operations/a', { state: 'running' }, 'NOT_CANCELLABLE'],
  ['cancel', 'batches/nowhere', { state: 'running' }, 'GEMINI_NOT_FOUND'],
])('%s of %s with %j fails with %s', async ([command, jobId, fields, code]) => {
  const stage = await Stage.open();
  await record(stage, jobId, fields);
  const failed = await cli(['jobs', command, jobId, ...(command === 'cancel' ? ['--yes'] : []), '--json'], stage.env);
  expect([failed.exitCode, errorOf(failed).code]).toEqual([1, code]);
});
