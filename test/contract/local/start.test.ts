import { existsSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { PubSub } from '@google-cloud/pubsub';
import { afterAll, describe, expect, test } from 'vitest';
import { readLocal } from '../../../cli/installation/local.ts';
import { eventually, freePort, startTied } from '../../../local/process.ts';
import { cli } from '../../support/cli.ts';
import { collectOutput, observe, type Observed } from '../../support/observed.ts';
import { forFile, forTest } from '../../support/opened.ts';
import { hasPython } from '../../support/requirements.ts';
import { serveSilence } from '../../support/server.ts';

const ROOT = join(import.meta.dirname, '../../..');
const FILE = '.gemini-callbacks.local.json';
const READY = 'Events as they arrive.';
const { PATH } = process.env;

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'start-')));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a script of `local/` in the tests' folder, on embedded backends unless `env` names others. */
async function start(script: string, env: NodeJS.ProcessEnv = {}) {
  const { PATH: path = PATH, ...others } = { LOCAL_BACKENDS: 'embedded', ...env };
  const args = ['-c', `cd "$0" && PATH='${path}' exec "$@"`, folder, process.execPath, join(ROOT, 'local', script)];
  return await startTied('/bin/sh', args, { PATH, HOME: folder, ...others });
}

/** Starts `npm start`. */
async function startAll(): Promise<Observed> {
  const running = collectOutput(await start('start.ts', { PORT: String(await freePort()) }));
  await running.says(READY);
  return running;
}

/** Returns what `npm start` prints as `export` lines. */
function exportedBy({ stdout }: Observed): NodeJS.ProcessEnv {
  const lines = [...stdout().matchAll(/^export (\w+)=(.+)$/gm)];
  return Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value]));
}

/** Runs an example as a person does: with the exported variables, and no others. */
async function example(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Observed> {
  return await observe(startTied(command, args, { PATH, HOME: folder, ...env }));
}

async function submit(...more: readonly string[]): Promise<string> {
  const words = ['submit', 'interaction', '--route=demo', '--model=gemini-3.8-flash', '--input=Tell me a joke'];
  const { exitCode, stdout } = await cli(['--local', '--json', ...words, ...more], {}, { cwd: folder });
  expect(exitCode).toBe(0);
  return (JSON.parse(stdout) as { jobId: string }).jobId;
}

describe('npm start', async () => {
  const running = await startAll();
  await forFile({ close: async () => await running.end('SIGKILL') });
  const exported = exportedBy(running);

  test('writes a file for the command line that its owner alone can read', async () => {
    expect((statSync(join(folder, FILE)).mode & 0o777).toString(8)).toBe('600');
    const run = await cli(['webhooks', 'list', '--local'], {}, { cwd: folder });
    expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/ local +enabled /) });
    const jobs = await cli(['jobs', 'list', '--local'], {}, { cwd: folder });
    expect(jobs).toMatchObject({ exitCode: 0, stdout: 'No jobs.\n' });
  });

  test('lists events as they arrive: published, refused, and the results of a job', async () => {
    const jobId = await submit();
    const short = jobId.slice(0, 'interactions/v1_'.length + 8);
    await running.says(new RegExp(`results +job.results.completed +${short}… +1 result: 1 ok, 0 failed`));
    expect(running.stdout()).toMatch(new RegExp(`event +interaction.completed +${short}… +published +route=demo`));

    await patchSettings({ faults: { wrongSignature: 1 } });
    await submit();
    await running.says('401 SIGNATURE_INVALID');
    await patchSettings({ faults: { wrongSignature: 0 } });
  });

  async function patchSettings(patch: object): Promise<void> {
    const url = `${exported['GOOGLE_GEMINI_BASE_URL']}/admin/settings`;
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(url, { method: 'PATCH', headers, body: JSON.stringify(patch) })).status).toBe(200);
  }

  test('serves the examples in TypeScript with the variables that it exports', async () => {
    const consumer = await example(process.execPath, [join(ROOT, 'examples/typescript/consumer.ts')], exported);
    const jobId = await submit();
    await consumer.says(`stored ${jobId}/0`);
    const agent = await example(process.execPath, [join(ROOT, 'examples/typescript/agent.ts')], exported);
    await agent.says('"celsius":21');
    expect(agent.stdout()).toMatch(/^interactions\/\S+ \S/);
  });

  test.for([
    ['python/main.py', 'python3'],
    ['typescript/server.ts', process.execPath],
  ] as const)('pushes results to examples/cloud-run-push/%s', async ([script, command], { skip }) => {
    skip(command === 'python3' && !hasPython);
    const port = await freePort();
    const env = { ...exported, PORT: String(port), ALLOW_UNSIGNED: '1' };
    const endpoint = await example(command, [join(ROOT, 'examples/cloud-run-push', script)], env);
    const pushEndpoint = `http://127.0.0.1:${port}/`;
    await eventually('the endpoint', 10_000, async () => (await fetch(pushEndpoint, { method: 'POST' })).status);
    const pubsub = new PubSub({
      projectId: exported['GOOGLE_CLOUD_PROJECT'] ?? '',
      apiEndpoint: exported['PUBSUB_EMULATOR_HOST'] ?? '',
      emulatorMode: true,
    });
    await pubsub.createSubscription('gemini-results', `pushed-${port}`, { pushEndpoint });
    await pubsub.close();
    const jobId = await submit();
    await endpoint.says(`${jobId}/job.results.completed`);
    await endpoint.says(`${jobId}/0`);
    const lines = endpoint.stdout().trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual({
      id: `${jobId}/0`,
      type: 'job.result',
      data: expect.objectContaining({ jobId, index: 0 }),
    });
  });
});

describe('npm start ends', () => {
  test.for(['SIGINT', 'SIGKILL'] as const)('leaves nothing running after %s', async (signal) => {
    const running = await startAll();
    const { CALLBACK_URL = '', SUBMIT_URL = '' } = readLocal(folder).variables;
    const urls = [CALLBACK_URL, SUBMIT_URL, exportedBy(running)['GOOGLE_GEMINI_BASE_URL'] ?? ''];
    for (const url of urls) expect((await fetch(url)).status).toBeLessThan(500);
    expect(await running.end(signal)).toBe(signal === 'SIGINT' ? 130 : 137);
    // What a killed process leaves behind, the command line ignores by its process id.
    expect(existsSync(join(folder, FILE))).toBe(signal === 'SIGKILL');
    for (const url of urls) await expect.poll(async () => await fetch(url).catch(() => 'ended')).toBe('ended');
  });

  test('names the port that is taken and the variable that chooses another one', async () => {
    const { port } = await forTest(serveSilence());
    const started = await observe(start('start.ts', { PORT: String(port) }));
    const message = `error: Port ${port} is in use by another program. Choose another one: PORT=${port + 1} npm start\n`;
    expect([await started.exited, started.stderr()]).toEqual([1, message]);
  });
});

describe('the demo', () => {
  test('plays every scene as expected, says why these backends run, and prints no colours into a pipe', async () => {
    const demo = await observe(start('demo/main.ts'));
    expect([await demo.exited, demo.stdout()]).toEqual([0, expect.any(String)]);
    const lines = demo.stdout().split('\n');
    expect(lines[0]).toMatch(/^Backends: .*\(LOCAL_BACKENDS=embedded\)\.$/);
    expect(lines).toContain('8 deliveries sent: 4 published, 1 duplicate, 3 refused.');
    expect(lines.filter((line) => line.startsWith('✓'))).toHaveLength(10);
    expect(demo.stdout()).not.toContain('✗');
    expect(stripVTControlCharacters(demo.stdout())).toBe(demo.stdout());
    expect(lines.slice(lines.indexOf('Next:') + 1).filter(Boolean)).toHaveLength(3);
  });

  test('ends early with Ctrl-C', async () => {
    const demo = await observe(start('demo/main.ts'));
    await demo.says('Callbacks from Gemini');
    expect(await demo.end('SIGINT')).toBe(130);
  });

  test('names what to install where the official emulators are required and Java is missing', async () => {
    const started = await observe(start('demo/main.ts', { PATH: '/nonexistent', LOCAL_BACKENDS: 'official' }));
    expect(await started.exited).toBe(1);
    expect(started.stderr()).toMatch(/^error: Java was not found\. Google's emulators need\n/);
    expect(started.stderr()).not.toMatch(/\n\s+at /);
  });
});
