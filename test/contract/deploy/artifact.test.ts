import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { heapOptions, nodeOptions } from '../../../functions/runtime/nodeOptions.ts';
import { newSecret } from '../../../simulator/signing.ts';
import { eventually, freePort, startTied } from '../../../local/process.ts';

const ROOT = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'artifact-'));
let files: readonly string[];

/** Builds the uploaded files as the Node.js buildpack does (docs/platform.md 6.2). */
beforeAll(async () => {
  files = execFileSync('gcloud', ['meta', 'list-files-for-upload', ROOT], { encoding: 'utf8' }).trim().split('\n');
  for (const file of files) cpSync(join(ROOT, file), join(folder, file), { recursive: true });
  await npm('development', 'ci', '--prefer-offline', '--no-audit', '--no-fund');
  await npm('development', 'run', 'gcp-build');
  await npm('development', 'prune', '--omit=dev', '--no-audit', '--no-fund');
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs npm without this project's commands on the path, so that the platform's Node.js runs it. */
async function npm(nodeEnv: string, ...args: readonly string[]): Promise<void> {
  const { HOME, PATH = '' } = process.env;
  const path = [dirname(process.execPath), ...PATH.split(':').filter((entry) => !entry.startsWith(ROOT))].join(':');
  const env = { ...npmSettings(), HOME, PATH: path, NODE_ENV: nodeEnv, NPM_CONFIG_IGNORE_SCRIPTS: 'true' };
  await promisify(execFile)('npm', args, { cwd: folder, env, maxBuffer: 16 * 1_024 * 1_024 });
}

/** The settings of this machine's registry and cache. */
function npmSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^npm_config_(registry|cache|userconfig|globalconfig)$/i.test(name)),
  );
}

test('uploads only what is built or run', () => {
  const tools = '(pruneDefinitions|replaceModules|trainCodeCache)';
  const needed = new RegExp(`^(functions/.*\\.ts|tools/${tools}\\.ts|package(-lock)?\\.json|rolldown\\.config\\.ts)$`);
  expect(files.filter((file) => !needed.test(file))).toEqual([]);
  expect(files.length).toBeGreaterThan(50);
});

test('runs without development dependencies', () => {
  const installed = new Set(readdirSync(join(folder, 'node_modules')));
  for (const name of ['vitest', 'typescript', 'playwright-core', 'prettier', 'rolldown', 'oxlint', 'node'])
    expect([name, installed.has(name)]).toEqual([name, false]);
  expect(installed.has('@google-cloud')).toBe(true);
});

/** Serves a function from that folder as the platform does, and returns its answer to a request and its output. */
async function serve(target: string, settings: NodeJS.ProcessEnv, request: RequestInit = {}) {
  const port = await freePort();
  const { PATH } = process.env;
  const platform = { PATH, PORT: String(port), FUNCTION_TARGET: target, GOOGLE_CLOUD_PROJECT: 'demo-artifact' };
  const framework = join(folder, 'node_modules/.bin/functions-framework');
  const args = [framework, `--source=${folder}`];
  const running = await startTied(process.execPath, args, { ...platform, ...settings });
  const output = text(running.stdout);
  const url = `http://127.0.0.1:${port}/`;
  const { status } = await eventually(`${target} answers`, 15_000, async () => await fetch(url, request));
  await running.end();
  return { status, output: await output };
}

const GEMINI = { GEMINI_API_KEY: 'any-key', GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:1/' };

test.each([
  ['geminiCallback', { WEBHOOK_SIGNING_SECRET: newSecret() }, 400],
  ['fetchResults', GEMINI, 400],
  ['reconcileJobs', GEMINI, 200],
  ['submitJob', { ...GEMINI, CALLBACK_URL: 'https://a.test/', DYNAMIC_ROUTE_KEY: 'k'.repeat(32) }, 400],
])('%s is served from that folder', async (target, settings, status) => {
  const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
  const platform = { NODE_ENV: 'production', METADATA_SERVER_DETECTION: 'none' };
  const env = { ...platform, FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST, ...settings };
  expect(await serve(target, env, { method: 'POST', body: '{}' })).toMatchObject({ status });
});

describe('the code cache', () => {
  const cache = join(folder, 'dist/functions.cjs.cache');
  const load = () => {
    const env = { PATH: process.env['PATH'] };
    return spawnSync(process.execPath, [join(folder, 'dist/index.cjs')], { env, encoding: 'utf8' });
  };

  test('is built, and used by the deployed entry', () => {
    expect(load()).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/"event":"code_cache","message":"Code cache of \S+functions\.cjs: used"/),
    });
  });

  test('of another version of V8 is not used', () => {
    const bytes = readFileSync(cache);
    writeFileSync(cache, bytes.fill(0, 4, 8));
    expect(load()).toMatchObject({ status: 0, stdout: expect.stringContaining('functions.cjs: unused') });
  });

  test('is not needed', () => {
    rmSync(cache);
    expect(load()).toMatchObject({ status: 0, stdout: '' });
  });
});

test('the deployed instance does not load the application of the Functions Framework', async () => {
  const probe = join(folder, 'probe.cjs');
  writeFileSync(probe, "process.on('exit', () => console.log(Object.keys(require.cache).join('\\n')));");
  const loadedWith = async (options: string) => {
    const NODE_OPTIONS = `${options} --require="${probe}"`;
    return (await serve('geminiCallback', { WEBHOOK_SIGNING_SECRET: newSecret(), NODE_OPTIONS })).output;
  };
  expect(await loadedWith(nodeOptions(512, folder))).not.toContain('/node_modules/express/');
  expect(await loadedWith(heapOptions(512))).toContain('/node_modules/express/');
});
