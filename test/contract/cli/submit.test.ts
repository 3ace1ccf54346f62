import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Stage } from '../results/harness.ts';
import { cli } from '../../support/cli.ts';
import { eventually } from '../../../local/process.ts';

const ROUTE_KEY = 'route-key-of-a-test-with-32-characters';
const MODEL = ['--model', 'gemini-3.8-flash', '--route', 'nightly'];

function promptsFile(lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'submit-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'prompts.jsonl');
  writeFileSync(path, lines.join('\n'));
  return path;
}

const prompt = (key: string) => JSON.stringify({ key, request: { contents: [{ parts: [{ text: key }] }] } });
const settings = (stage: Stage, callbackUrl = 'http://127.0.0.1:9') => ({
  ...stage.env,
  CALLBACK_URL: callbackUrl,
  DYNAMIC_ROUTE_KEY: ROUTE_KEY,
});

test('submit batch uploads the prompts, and --wait follows the job and ends with its output, read once', async () => {
  const stage = await Stage.open({ settings: { jobs: { runningMillis: 500 } } });
  const jwks = { GEMINI_JWKS_URL: `${stage.simulator.url}/.well-known/jwks.json` };
  const callback = await stage.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, ...jwks }, 'geminiCallback');
  await stage.project.push('gemini-events', (await stage.start()).url);
  const file = promptsFile([prompt('a'), prompt('b')]);
  const args = ['submit', 'batch', ...MODEL, '--file', file, '--metadata', '{"team":"red"}', '--wait', '--json'];
  const run = await cli(args, settings(stage, callback.url));
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(JSON.parse(run.stdout)).toMatchObject({
    state: 'succeeded',
    route: 'nightly',
    userMetadata: { team: 'red' },
    results: { state: 'complete', published: 2 },
    output: [
      { index: 0, key: 'a', response: { candidates: expect.any(Array) } },
      { index: 1, key: 'b', response: { candidates: expect.any(Array) } },
    ],
  });
  const asked = stage.simulator.ledger.requests.filter(({ method }) => method === 'batches.get').length;
  // Once by fetchResults, and once here.
  expect(asked).toBe(2);
});

test('submit batch tries other types of upload where Gemini refuses the first, and takes --mime-type', async () => {
  const refusedTypes = ['application/jsonl', 'jsonl'];
  const stage = await Stage.open({ settings: { files: { refusedTypes } } });
  const args = ['submit', 'batch', ...MODEL, '--file', promptsFile([prompt('a')])];
  const run = await cli(args, settings(stage));
  expect(run.exitCode).toBe(0);
  expect(run.stderr).toContain('Gemini refuses the type jsonl; trying application/json.');
  const uploaded = await stage.ai.files.list();
  expect(uploaded.page.map(({ mimeType }) => mimeType)).toEqual(['application/json']);

  const given = await cli([...args, '--mime-type', 'text/plain'], settings(stage));
  expect(given.exitCode).toBe(0);
  const refused = await cli([...args, '--mime-type', 'jsonl', '--json'], settings(stage));
  expect(refused.exitCode).toBe(1);
  expect(JSON.parse(refused.stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
    error: { message: expect.stringContaining('Unsupported MIME type: jsonl') },
  });
});

test('submit batch under one key uploads once and starts one job, however often it is run', async () => {
  const stage = await Stage.open();
  const args = ['submit', 'batch', ...MODEL, '--file', promptsFile([prompt('a')]), '--idempotency-key', 'k', '--json'];
  const uploads = () => stage.simulator.ledger.requests.filter(({ method }) => method === 'files.upload').length;
  const first = await cli(args, settings(stage));
  const uploaded = uploads();
  const second = await cli(args, settings(stage));
  expect(first.exitCode).toBe(0);
  expect(JSON.parse(second.stdout)).toEqual(JSON.parse(first.stdout));
  expect(uploaded).toBeGreaterThan(0);
  expect(uploads()).toBe(uploaded);
  expect(stage.simulator.jobs()).toHaveLength(1);
});

test('--wait shows people what an interaction has said', async () => {
  const stage = await Stage.open({ settings: { jobs: { runningMillis: 300 } } });
  const jwks = { GEMINI_JWKS_URL: `${stage.simulator.url}/.well-known/jwks.json` };
  const callback = await stage.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, ...jwks }, 'geminiCallback');
  await stage.project.push('gemini-events', (await stage.start()).url);
  const args = ['submit', 'interaction', ...MODEL, '--input', 'hello', '--wait'];
  const run = await cli(args, settings(stage, callback.url));
  expect(run.exitCode).toBe(0);
  const [id = ''] = stage.simulator.jobs().map(({ name }) => name);
  expect(run.stdout).toContain(`\n0: ${(await stage.ai.interactions.get(id)).output_text}`);
});

test('--wait prints all text of an interaction in order, and numbers with their digits', async () => {
  const stage = await Stage.open({ settings: { jobs: { runningMillis: 300 } } });
  const jwks = { GEMINI_JWKS_URL: `${stage.simulator.url}/.well-known/jwks.json` };
  const callback = await stage.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, ...jwks }, 'geminiCallback');
  await stage.project.push('gemini-events', (await stage.start()).url);
  const text = (words: string) => `{"type":"model_output","content":[{"type":"text","text":"${words}"}]}`;
  const search = '{"type":"google_search_call","arguments":{"user_id":1234567890123456789}}';
  const body = `{"id":"v1_a","status":"completed","steps":[${text('First.')},${search},${text('Second.')}]}`;
  stage.simulator.settings.patch({ api: { faults: [{ method: 'interactions.get', body }] } });
  const args = ['submit', 'interaction', ...MODEL, '--input', 'hello', '--wait'];
  const forPeople = await cli(args, settings(stage, callback.url));
  expect(forPeople.stdout).toContain('\n0: First.\nSecond.');
  const forPrograms = await cli([...args, '--json'], settings(stage, callback.url));
  expect(forPrograms.stdout).toContain('"user_id": 1234567890123456789');
});

test('submit interaction answers at once, and the same key starts nothing more', async () => {
  const stage = await Stage.open();
  const args = ['submit', 'interaction', ...MODEL, '--input', 'hello', '--idempotency-key', 'k', '--json'];
  const [first, second] = [await cli(args, settings(stage)), await cli(args, settings(stage))];
  expect(first.exitCode).toBe(0);
  expect(JSON.parse(second.stdout)).toEqual(JSON.parse(first.stdout));
  expect(stage.simulator.jobs()).toHaveLength(1);
});

test('--wait ends with the failure of the job', async () => {
  const stage = await Stage.open();
  const jwks = { GEMINI_JWKS_URL: `${stage.simulator.url}/.well-known/jwks.json` };
  const callback = await stage.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, ...jwks }, 'geminiCallback');
  const args = ['submit', 'interaction', ...MODEL, '--input', 'hello', '--wait'];
  const running = cli(args, settings(stage, callback.url));
  const job = await eventually('it is started', 30_000, async () => stage.simulator.jobs()[0]);
  await stage.simulator.finish(job.name, { state: 'failed' });
  expect(await running).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Started interactions/') });
});

test.for([
  ['a file that is not there', ['batch', ...MODEL, '--file', '/no/such/file']],
  ['an empty file', ['batch', ...MODEL, '--file', '/dev/null']],
  ['a route that cannot be one', ['batch', '--model', 'm', '--route', 'a/b', '--file', import.meta.filename]],
  ['metadata that is no object', ['batch', ...MODEL, '--file', import.meta.filename, '--metadata', '[1]']],
  ['metadata that is no JSON', ['interaction', ...MODEL, '--input', 'x', '--metadata', '{']],
  ['an empty key', ['batch', ...MODEL, '--file', import.meta.filename, '--idempotency-key', '']],
  ['neither model nor agent', ['interaction', '--route', 'r', '--input', 'x']],
] as const)('%s is reported, and nothing is sent', async ([, args]) => {
  const stage = await Stage.open();
  expect(await cli(['submit', ...args], settings(stage))).toMatchObject({ exitCode: 2 });
  expect(stage.simulator.ledger.requests).toEqual([]);
});

test('a missing setting is reported before any upload', async () => {
  const stage = await Stage.open();
  const args = ['submit', 'batch', ...MODEL, '--file', promptsFile([prompt('a')])];
  const run = await cli(args, { ...settings(stage), CALLBACK_URL: '' });
  expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('CALLBACK_URL') });
  expect(stage.simulator.ledger.requests).toEqual([]);
});
