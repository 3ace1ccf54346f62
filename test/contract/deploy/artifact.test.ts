import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
  expect(
    files.filter(
      (file) =>
        !/^(functions\/.*\.ts|tools\/(pruneDefinitions|replaceModules)\.ts|package(-lock)?\.json|rolldown\.config\.ts)$/.test(
          file,
        ),
    ),
  ).toEqual([]);
  expect(files.length).toBeGreaterThan(50);
});

test('runs without development dependencies', () => {
  const installed = new Set(readdirSync(join(folder, 'node_modules')));
  for (const name of ['vitest', 'typescript', 'playwright-core', 'prettier', 'rolldown', 'oxlint', 'node'])
    expect([name, installed.has(name)]).toEqual([name, false]);
  expect(installed.has('@google-cloud')).toBe(true);
});

describe('from that folder', () => {
  const key = 'a-route-key-of-at-least-32-characters';
  const gemini = { GEMINI_API_KEY: 'any-key', GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:1/' };
  test.each([
    ['geminiCallback', { WEBHOOK_SIGNING_SECRET: newSecret() }, 400],
    ['fetchResults', gemini, 400],
    ['reconcileJobs', gemini, 200],
    ['submitJob', { ...gemini, CALLBACK_URL: 'https://hooks.example.test/', DYNAMIC_ROUTE_KEY: key }, 400],
  ])('%s is served', async (target, settings, status) => {
    const port = await freePort();
    const { PATH, FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
    const emulators = { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST, GOOGLE_CLOUD_PROJECT: 'demo-artifact' };
    const platform = { PATH, PORT: String(port), FUNCTION_TARGET: target, NODE_ENV: 'production' };
    const env = { ...platform, ...emulators, METADATA_SERVER_DETECTION: 'none', ...settings };
    const framework = join(folder, 'node_modules/.bin/functions-framework');
    const running = await startTied(process.execPath, [framework, `--source=${folder}`], env);
    const answer = await eventually(
      `${target} answers`,
      15_000,
      async () => await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' }),
    );
    expect(answer.status).toBe(status);
    await running.end();
  });
});

describe('the compile cache', () => {
  const cache = join(folder, 'dist/compile-cache');
  const load = () => {
    const env = { PATH: process.env['PATH'], NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
    return spawnSync(process.execPath, [join(folder, 'dist/index.cjs')], { env, encoding: 'utf8' });
  };
  const isUsed = ({ stderr }: { stderr: string }) =>
    /V8 code cache for CommonJS \S+\/dist\/functions\.cjs was accepted/.test(stderr);

  test('is built, and used by the deployed entry', () => {
    expect(load().stdout).toMatch(/"event":"compile_cache","message":"Compile cache: \S+compile-cache/);
    expect(isUsed(load())).toBe(true);
  });

  test('is used under the name of another processor and user', () => {
    const [built = ''] = readdirSync(cache);
    renameSync(join(cache, built), join(cache, built.replace(/-[0-9a-f]{8}-\d+$/, '-00000000-4711')));
    expect(isUsed(load())).toBe(true);
  });

  test('is not needed', () => {
    rmSync(cache, { recursive: true });
    expect(load()).toMatchObject({ status: 0, stdout: '' });
  });
});
