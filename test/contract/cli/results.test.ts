import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DocumentData } from '@google-cloud/firestore';
import { describe, expect, onTestFinished, test } from 'vitest';
import { jobDocumentId } from '../../../functions/model/jobName.ts';
import { cli, type CliRun } from '../../support/cli.ts';
import { Stage } from '../results/harness.ts';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'results-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Records a job as geminiCallback does. */
async function record(stage: Stage, jobId: string, fields: DocumentData): Promise<void> {
  const kind = jobId.startsWith('batches/') ? 'batch' : jobId.startsWith('interactions/') ? 'interaction' : 'video';
  const base = { jobId, kind, state: 'succeeded', updatedAt: new Date() };
  await stage.project.firestore.doc(`jobs/${jobDocumentId(jobId)}`).set({ ...base, ...fields });
}

async function finishedBatch(stage: Stage, prompts: readonly string[]): Promise<string> {
  const name = await stage.batch(prompts);
  await stage.simulator.finish(name);
  await record(stage, name, { lastEvent: { type: 'batch.succeeded', webhookId: 'msg_1', time: new Date() } });
  return name;
}

const errorOf = ({ stderr }: CliRun) => (JSON.parse(stderr) as { error: { code: string; message: string } }).error;
const linesIn = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('jobs results', () => {
  test('prints a table of index, key, status and the first text, or with --json a line for each result', async () => {
    const stage = await Stage.open();
    const name = await finishedBatch(stage, ['one', 'two', 'three']);
    const forPeople = await cli(['jobs', 'results', name], stage.env);
    expect(forPeople.exitCode).toBe(0);
    const rows = forPeople.stdout.trimEnd().split('\n');
    expect(rows[0]).toMatch(/^INDEX +KEY +STATUS +TEXT$/);
    expect(rows.slice(1)).toEqual(['r0', 'r1', 'r2'].map((key, n) => expect.stringMatching(`^${n} +${key} +ok +\\S`)));

    const { stdout, exitCode } = await cli(['jobs', 'results', name, '--json'], stage.env);
    expect(exitCode).toBe(0);
    expect(linesIn(stdout)).toEqual(
      ['r0', 'r1', 'r2'].map((key, index) => expect.objectContaining({ index, key, response: expect.any(Object) })),
    );
  });

  test('keeps the digits of numbers beyond 2^53', async () => {
    const stage = await Stage.open();
    const name = await stage.batch(['one']);
    await stage.simulator.finish(name);
    await record(stage, name, {});
    const entry = '{"response":{"candidates":[{"content":{"parts":[{"text":"x"}]},"id":1234567890123456789}]}}';
    const body = `{"name":"${name}","metadata":{"state":"BATCH_STATE_SUCCEEDED","output":{"inlinedResponses":{"inlinedResponses":[${entry}]}}},"done":true}`;
    stage.simulator.settings.patch({ api: { faults: [{ method: 'batches.get', body }] } });
    const { stdout } = await cli(['jobs', 'results', name, '--json'], stage.env);
    expect(stdout).toContain('1234567890123456789');
  });

  test('--output writes JSON Lines to a file, and says how many', async () => {
    const stage = await Stage.open();
    const name = await finishedBatch(stage, ['one', 'two']);
    const path = join(temporaryFolder(), 'results.jsonl');
    const run = await cli(['jobs', 'results', name, `--output=${path}`, '--json'], stage.env);
    expect([run.exitCode, JSON.parse(run.stdout)]).toEqual([0, { output: path, results: 2 }]);
    expect(linesIn(readFileSync(path, 'utf8')).map(({ index }) => index)).toEqual([0, 1]);
    const failed = await cli(['jobs', 'results', name, '--output=/nonexistent/results.jsonl', '--json'], stage.env);
    expect([failed.exitCode, errorOf(failed).code]).toEqual([1, 'NOT_WRITTEN']);
  });

  test('--output with a folder saves videos beside the lines', async () => {
    const stage = await Stage.open();
    const response = await fetch(`${stage.simulator.url}/v1/models/veo-3.1:predictLongRunning`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-goog-api-key': 'any-key' },
      body: JSON.stringify({ instances: [{ prompt: 'a cat' }], parameters: { sampleCount: 2 } }),
    });
    const { name } = (await response.json()) as { name: string };
    await stage.simulator.finish(name);
    await record(stage, name, {
      kind: 'video',
      lastEvent: { type: 'video.generated', webhookId: 'm', time: new Date() },
    });
    const folder = temporaryFolder();
    const run = await cli(['jobs', 'results', name, `--output=${folder}/`], stage.env);
    expect(run.exitCode).toBe(0);
    expect(readdirSync(folder).toSorted()).toEqual(['0.mp4', '1.mp4', 'results.jsonl']);
    expect(statSync(join(folder, '1.mp4')).size).toBe(65_536);
    expect(linesIn(readFileSync(join(folder, 'results.jsonl'), 'utf8'))).toEqual([
      expect.objectContaining({ index: 0, uri: join(folder, '0.mp4'), bytes: 65_536 }),
      expect.objectContaining({ index: 1, uri: join(folder, '1.mp4'), bytes: 65_536 }),
    ]);
  });

  test('an interaction is one result with its text', async () => {
    const stage = await Stage.open();
    const { id } = await stage.ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hello', background: true });
    await stage.simulator.finish(id);
    await record(stage, `interactions/${id}`, {});
    const { output_text: text = '' } = await stage.ai.interactions.get(id);
    const { stdout } = await cli(['jobs', 'results', `interactions/${id}`], stage.env);
    expect(stdout).toContain(text.slice(0, 20));
  });

  test.for<[string, (stage: Stage) => Promise<string>, string, string]>([
    [
      'a job that runs',
      async (stage) => {
        const name = await stage.batch();
        await record(stage, name, { state: 'running' });
        return name;
      },
      'JOB_NOT_ENDED',
      'jobs watch',
    ],
    ['a job without a record', async () => 'batches/nowhere', 'JOB_NOT_FOUND', 'jobs list'],
    [
      'a job that Gemini does not know',
      async (stage) => {
        await record(stage, 'batches/nowhere', {});
        return 'batches/nowhere';
      },
      'GEMINI_NOT_FOUND',
      'not found',
    ],
  ])('%s is said', async ([, prepare, code, message]) => {
    const stage = await Stage.open();
    const failed = await cli(['jobs', 'results', await prepare(stage), '--json'], stage.env);
    expect(failed.exitCode).toBe(1);
    expect(errorOf(failed)).toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

describe('jobs cancel', () => {
  test('asks first, cancels a batch at Gemini, and says its state there', async () => {
    const stage = await Stage.open();
    const name = await stage.batch();
    await record(stage, name, { state: 'running' });
    const unsure = await cli(['jobs', 'cancel', name], stage.env);
    expect(unsure).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`cancel ${name} at Gemini`) });
    expect(stage.simulator.jobs()[0]?.state).not.toBe('cancelled');
    const { exitCode, stdout } = await cli(['jobs', 'cancel', name, '--yes', '--json'], stage.env);
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, { jobId: name, state: 'cancelled' }]);
    expect(stage.simulator.jobs()[0]?.state).toBe('cancelled');
    expect(await stage.record(name)).toMatchObject({ state: 'running' });
  });

  test('cancels an interaction', async () => {
    const stage = await Stage.open();
    const { id } = await stage.ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hello', background: true });
    await record(stage, `interactions/${id}`, { state: 'running' });
    const { stdout } = await cli(['jobs', 'cancel', `interactions/${id}`, '--yes'], stage.env);
    expect(stdout).toContain('which is cancelled now');
  });

  test.for<[string, string, DocumentData, string]>([
    ['a job that has ended', 'batches/a', { state: 'succeeded' }, 'JOB_ENDED'],
    ['a video', 'models/veo/operations/a', { state: 'running' }, 'NOT_CANCELLABLE'],
    ['a job that Gemini does not know', 'batches/nowhere', { state: 'running' }, 'GEMINI_NOT_FOUND'],
  ])('%s is said', async ([, jobId, fields, code]) => {
    const stage = await Stage.open();
    await record(stage, jobId, fields);
    const failed = await cli(['jobs', 'cancel', jobId, '--yes', '--json'], stage.env);
    expect([failed.exitCode, errorOf(failed).code]).toEqual([1, code]);
  });
});
