import { existsSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { PubSub } from '@google-cloud/pubsub';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { readLocal } from '../../../cli/installation/local.ts';
import { eventually, freePort, startTied, type TiedProcess } from '../../../local/process.ts';
import { cli } from '../../support/cli.ts';
import { hasPython } from '../../support/requirements.ts';

const ROOT = join(import.meta.dirname, '../../..');
const FILE = '.gemini-callbacks.local.json';
const READY = 'Events as they arrive.';
const { PATH } = process.env;

/** A program that runs, and its output so far. */
interface Running extends TiedProcess {
  readonly output: () => string;
}

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'start-')));
const processes: TiedProcess[] = [];

afterAll(async () => {
  await Promise.all(processes.map(async (started) => await started.end('SIGKILL')));
  rmSync(folder, { recursive: true });
});

/** Runs a script of `local/` in the tests' folder, on embedded backends unless `env` names others. */
async function start(script: string, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const { PATH: path = PATH, ...others } = { LOCAL_BACKENDS: 'embedded', ...env };
  const args = ['-c', `cd "$0" && PATH='${path}' exec "$@"`, folder, process.execPath, join(ROOT, 'local', script)];
  return observe(await startTied('/bin/sh', args, { PATH, HOME: folder, ...others }));
}

function observe(started: TiedProcess): Running {
  let output = '';
  started.stdout.on('data', (chunk) => (output += String(chunk)));
  processes.push(started);
  return { ...started, output: () => output };
}

/** Starts `npm start` and returns what it prints as `export` lines. */
async function startAll(): Promise<{ readonly running: Running; readonly exported: NodeJS.ProcessEnv }> {
  const running = await start('start.ts', { PORT: String(await freePort()) });
  await eventually('the list', 30_000, async () => running.output().includes(READY) || undefined);
  const lines = [...running.output().matchAll(/^export (\w+)=(.+)$/gm)];
  return { running, exported: Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value])) };
}

/** Runs an example as a person does: with the exported variables, and no others. */
async function example(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Running> {
  return observe(await startTied(command, args, { PATH, HOME: folder, ...env }));
}

async function submit(...more: readonly string[]): Promise<string> {
  const words = ['submit', 'interaction', '--route=demo', '--model=gemini-3.8-flash', '--input=Tell me a joke'];
  const { exitCode, stdout } = await cli(['--local', '--json', ...words, ...more], {}, { cwd: folder });
  expect(exitCode).toBe(0);
  return (JSON.parse(stdout) as { jobId: string }).jobId;
}

const outputOf = async ({ output }: Running, part: string) => {
  await eventually(part, 20_000, async () => output().includes(part) || undefined);
};

describe('npm start', () => {
  let running: Running;
  let exported: NodeJS.ProcessEnv;

  beforeAll(async () => {
    ({ running, exported } = await startAll());
  });

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
    await outputOf(running, 'job.results.completed');
    expect(running.output()).toMatch(new RegExp(`event +interaction.completed +${short}… +published +route=demo`));
    expect(running.output()).toMatch(new RegExp(`results +job.results.completed +${short}… +1 result: 1 ok, 0 failed`));

    await patchSettings({ faults: { wrongSignature: 1 } });
    await submit();
    await outputOf(running, '401 SIGNATURE_INVALID');
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
    await outputOf(consumer, `stored ${jobId}/0`);
    const agent = await example(process.execPath, [join(ROOT, 'examples/typescript/agent.ts')], exported);
    await outputOf(agent, '"celsius":21');
    expect(agent.output()).toMatch(/^interactions\/\S+ \S/);
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
    await outputOf(endpoint, `${jobId}/job.results.completed`);
    await outputOf(endpoint, `${jobId}/0`);
    const lines = endpoint.output().trim().split('\n');
    const received = lines.map((line) => JSON.parse(line) as object);
    expect(received).toContainEqual({
      id: `${jobId}/0`,
      type: 'job.result',
      data: expect.objectContaining({ jobId, index: 0 }),
    });
  });
});

describe('npm start ends', () => {
  test.for(['SIGINT', 'SIGKILL'] as const)('leaves nothing running after %s', async (signal) => {
    const { running, exported } = await startAll();
    const { CALLBACK_URL = '', SUBMIT_URL = '' } = readLocal(folder).variables;
    const urls = [CALLBACK_URL, SUBMIT_URL, exported['GOOGLE_GEMINI_BASE_URL'] ?? ''];
    for (const url of urls) expect((await fetch(url)).status).toBeLessThan(500);
    expect(await running.end(signal)).toBe(signal === 'SIGINT' ? 130 : 137);
    // What a killed process leaves behind, the command line ignores by its process id.
    expect(existsSync(join(folder, FILE))).toBe(signal === 'SIGKILL');
    for (const url of urls) await expect.poll(async () => await fetch(url).catch(() => 'ended')).toBe('ended');
  });

  test('names the port that is taken and the variable that chooses another one', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const started = await start('start.ts', { PORT: String(port) });
    const [code, stderr] = await Promise.all([started.exited, text(started.stderr)]);
    expect([code, stderr]).toEqual([
      1,
      `error: Port ${port} is in use by another program. Choose another one: PORT=${Number(port) + 1} npm start\n`,
    ]);
  });
});

describe('the demo', () => {
  test('plays every scene as expected, says why these backends run, and prints no colours into a pipe', async () => {
    const demo = await start('demo/main.ts');
    expect([await demo.exited, demo.output()]).toEqual([0, expect.any(String)]);
    const lines = demo.output().split('\n');
    expect(lines[0]).toMatch(/^Backends: .*\(LOCAL_BACKENDS=embedded\)\.$/);
    expect(lines).toContain('8 deliveries sent: 4 published, 1 duplicate, 3 refused.');
    expect(lines.filter((line) => line.startsWith('✓'))).toHaveLength(10);
    expect(demo.output()).not.toContain('✗');
    expect(stripVTControlCharacters(demo.output())).toBe(demo.output());
    expect(lines.slice(lines.indexOf('Next:') + 1).filter(Boolean)).toHaveLength(3);
  });

  test('ends early with Ctrl-C', async () => {
    const demo = await start('demo/main.ts');
    await outputOf(demo, 'Callbacks from Gemini');
    expect(await demo.end('SIGINT')).toBe(130);
  });

  test('names what to install where the official emulators are required and Java is missing', async () => {
    const started = await start('demo/main.ts', { PATH: '/nonexistent', LOCAL_BACKENDS: 'official' });
    const [code, stderr] = await Promise.all([started.exited, text(started.stderr)]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: Java was not found\. Google's emulators need\n/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
