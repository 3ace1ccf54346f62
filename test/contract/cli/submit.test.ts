import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../../../local/process.ts';
import { cli } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/opened.ts';
import { ROUTE_KEY, startCallback, startPipeline } from '../pipeline.ts';
import { Stage } from '../results/harness.ts';
import { failed, misused, resultOf } from './harness.ts';

const MODEL = ['--model', 'gemini-3.8-flash', '--route', 'nightly'];
const INTERACTION = ['submit', 'interaction', ...MODEL, '--input', 'hello'];

/** The words that submit prompts with these keys from a file. */
function batchOf(...keys: readonly string[]): readonly string[] {
  const path = join(temporaryFolder(), 'prompts.jsonl');
  const prompts = keys.map((key) => JSON.stringify({ key, request: { contents: [{ parts: [{ text: key }] }] } }));
  writeFileSync(path, prompts.join('\n'));
  return ['submit', 'batch', ...MODEL, '--file', path];
}

const settings = (stage: Stage, callbackUrl = 'http://127.0.0.1:9') => ({
  ...stage.env,
  CALLBACK_URL: callbackUrl,
  DYNAMIC_ROUTE_KEY: ROUTE_KEY,
});

/** Opens a stage on which jobs run for a moment and their results are read. */
async function openPipeline() {
  const stage = await Stage.open({ settings: { jobs: { runningMillis: 300 } } });
  return { stage, env: settings(stage, await startPipeline(stage)) };
}

const callsOf = ({ simulator }: Stage, name: string) =>
  simulator.ledger.requests.filter(({ method }) => method === name).length;

test('submit batch uploads the prompts, and --wait follows the job and ends with its output, read once', async () => {
  const { stage, env } = await openPipeline();
  const args = [...batchOf('a', 'b'), '--metadata', '{"team":"red"}', '--wait'];
  expect(await resultOf(args, env)).toMatchObject({
    state: 'succeeded',
    route: 'nightly',
    submissionId: expect.any(String),
    userMetadata: { team: 'red' },
    results: { state: 'complete', published: 2 },
    output: ['a', 'b'].map((key, index) => ({ index, key, response: { candidates: expect.any(Array) } })),
  });
  const [event] = await stage.project.messages('gemini-events');
  const meta_submission_id = expect.any(String) as string;
  expect(event?.attributes).toMatchObject({ route: 'nightly', meta_team: 'red', meta_submission_id });
  // Once by fetchResults, and once here.
  expect(callsOf(stage, 'batches.get')).toBe(2);
});

test('submit batch tries other types of upload where Gemini refuses the first, and accepts --mime-type', async () => {
  const stage = await Stage.open({ settings: { files: { refusedTypes: ['application/jsonl', 'jsonl'] } } });
  const args = batchOf('a');
  const run = await cli(args, settings(stage));
  expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('trying application/json.') });
  const uploaded = await stage.ai.files.list();
  expect(uploaded.page.map(({ mimeType }) => mimeType)).toEqual(['application/json']);
  expect(await cli([...args, '--mime-type', 'text/plain'], settings(stage))).toMatchObject({ exitCode: 0 });
  const refused = await cli([...args, '--mime-type', 'jsonl'], settings(stage));
  expect(refused).toMatchObject(failed('Unsupported MIME type: jsonl'));
});

test.for([['batch'], ['interaction']])('%s under one key starts one job, however often it is run', async ([kind]) => {
  const stage = await Stage.open();
  const args = [...(kind === 'batch' ? batchOf('a') : INTERACTION), '--idempotency-key', 'k'];
  const first = await resultOf(args, settings(stage));
  const uploads = callsOf(stage, 'files.upload');
  expect(await resultOf(args, settings(stage))).toEqual(first);
  expect([stage.simulator.jobs().length, callsOf(stage, 'files.upload')]).toEqual([1, uploads]);
  expect(uploads > 0).toBe(kind === 'batch');
});

test('--wait prints all text of an interaction in order, and numbers with their digits', async () => {
  const { stage, env } = await openPipeline();
  const text = (words: string) => `{"type":"model_output","content":[{"type":"text","text":"${words}"}]}`;
  const search = '{"type":"google_search_call","arguments":{"user_id":1234567890123456789}}';
  const body = `{"id":"v1_a","status":"completed","steps":[${text('First.')},${search},${text('Second.')}]}`;
  stage.simulator.settings.patch({ api: { faults: [{ method: 'interactions.get', body }] } });
  expect((await cli([...INTERACTION, '--wait'], env)).stdout).toContain('\n0: First.\nSecond.');
  const forPrograms = await cli([...INTERACTION, '--wait', '--json'], env);
  expect(forPrograms.stdout).toContain('"user_id": 1234567890123456789');
});

test('--wait ends with the failure of the job', async () => {
  const stage = await Stage.open();
  const running = cli([...INTERACTION, '--wait'], settings(stage, await startCallback(stage)));
  const job = await eventually('it is started', 30_000, async () => stage.simulator.jobs()[0]);
  await stage.simulator.finish(job.name, { state: 'failed' });
  expect(await running).toMatchObject(failed('Started interactions/'));
});

test.for([
  ['a file that does not exist', ['batch', ...MODEL, '--file', '/no/such/file'], '/no/such/file'],
  ['an empty file', ['batch', ...MODEL, '--file', '/dev/null'], '/dev/null'],
  [
    'a route that cannot be one',
    ['batch', '--model=m', '--route=a/b', '--file', import.meta.filename],
    'route: must be',
  ],
  ['metadata that is no object', ['interaction', ...MODEL, '--input=x', '--metadata=[1]'], '--metadata'],
  ['metadata that is no JSON', ['interaction', ...MODEL, '--input=x', '--metadata={'], '--metadata'],
  ['an empty key', ['interaction', ...MODEL, '--input=x', '--idempotency-key='], '--idempotency-key'],
  ['a missing setting', ['interaction', ...MODEL, '--input=x'], 'CALLBACK_URL'],
] as const)('%s is reported, and nothing is sent', async ([what, args, message]) => {
  const stage = await Stage.open();
  const env = settings(stage, what === 'a missing setting' ? '' : undefined);
  expect(await cli(['submit', ...args], env)).toMatchObject(misused(message));
  expect(stage.simulator.ledger.requests).toEqual([]);
});
