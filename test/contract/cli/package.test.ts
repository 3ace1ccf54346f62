import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import packageFile from '../../../package.json' with { type: 'json' };
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';
import { LocalProject } from '../../../local/project.ts';

const ROOT = join(import.meta.dirname, '../../..');
const { version } = packageFile;
const execute = promisify(execFile);

let folder: string;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'package-')));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** With this Node.js first, and without the variables of the test's own npm. */
function env(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const PATH = `${dirname(process.execPath)}:${process.env['PATH']}`;
  return { PATH, HOME: folder, METADATA_SERVER_DETECTION: 'none', npm_config_offline: 'true', ...more };
}

describe('in a clone', () => {
  test('npx gemini-callbacks runs the sources', async () => {
    const { stdout } = await execute('npx', ['gemini-callbacks', '--version'], { cwd: ROOT, env: env() });
    expect(stdout).toBe(`${version}\n`);
  });

  test('npm link puts gemini-callbacks on the path, and it runs in any folder', async () => {
    await execute('npm', ['link', '--ignore-scripts', '--no-audit'], {
      cwd: ROOT,
      env: env({ npm_config_prefix: folder }),
    });
    const linked = await execute(join(folder, 'bin/gemini-callbacks'), ['--version'], { cwd: folder, env: env() });
    expect(linked.stdout).toBe(`${version}\n`);
  });
});

describe('packed and installed elsewhere, without any other package', () => {
  let command: string;
  let simulator: Simulator;
  let project: LocalProject;

  beforeAll(async () => {
    [simulator, project] = await Promise.all([startSimulator(), LocalProject.create()]);
    await execute('npm', ['pack', `--pack-destination=${folder}`], { cwd: ROOT, env: env(), maxBuffer: 2 ** 24 });
    const modules = join(folder, 'elsewhere/node_modules');
    mkdirSync(join(modules, '.bin'), { recursive: true });
    await execute('tar', ['xzf', join(folder, `gemini-callbacks-${version}.tgz`), '-C', modules]);
    symlinkSync('package', join(modules, 'gemini-callbacks'));
    command = join(modules, '.bin/gemini-callbacks');
    symlinkSync('../gemini-callbacks/bin/gemini-callbacks.js', command);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([simulator.close(), project.close()]);
  });

  /** One command for each library that the bundle holds. */
  test.for([
    ['--version'],
    ['--help'],
    ['completion', 'bash'],
    ['config'],
    ['jobs', 'list'],
    ['deliveries', 'list', '--type=batch.succeeded'],
    ['deliveries', 'replay', '--all'],
    ['webhooks', 'list'],
    ['jobs', 'reconcile', '--yes'],
    ['status'],
    [
      'events',
      'trigger',
      'batch.succeeded',
      '--to=http://127.0.0.1:9/',
      '--secret=whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=',
      '--dry-run',
    ],
  ])('%s %s works', { timeout: 60_000 }, async (...[args]) => {
    const settings = { GEMINI_API_KEY: 'any-key', GOOGLE_GEMINI_BASE_URL: simulator.url };
    const options = { cwd: join(folder, 'elsewhere'), env: env({ ...project.env, ...settings }) };
    const { stdout, stderr } = await execute(command, args, options);
    expect(stdout).not.toBe('');
    expect(stderr).not.toMatch(/^error:/m);
  });

  test('doctor finds its index file in the package', { timeout: 60_000 }, async () => {
    const settings = {
      GEMINI_API_KEY: 'k',
      GOOGLE_GEMINI_BASE_URL: simulator.url,
      CALLBACK_URL: 'http://127.0.0.1:9/',
    };
    const options = { cwd: folder, env: env({ ...project.env, ...settings }) };
    const failed = await execute(command, ['doctor'], options).catch((error: unknown) => error as { stdout: string });
    expect(failed.stdout).toMatch(/^– +indexes +the emulator needs none$/m);
  });

  test('gemini-callbacks/messages runs, and its types narrow by ce-type', { timeout: 60_000 }, async () => {
    const elsewhere = join(folder, 'elsewhere');
    // Its one dependency that the types name, and Node.js' own types.
    for (const name of ['zod', '@types'])
      symlinkSync(join(ROOT, 'node_modules', name), join(elsewhere, 'node_modules', name));
    const code = `import { parse } from 'gemini-callbacks/messages';
      const data = Buffer.from('{"jobId":"batches/a","index":7}');
      const message = parse({ attributes: { 'ce-type': 'job.result', 'ce-id': 'batches/a/7' }, data });
      if (message.type === 'job.result') { const index: number = message.data.index; console.log(index); }
      // @ts-expect-error A count is not a text.
      if (message.type === 'job.results.completed') { const total: string = message.data.total; console.log(total); }`;
    writeFileSync(join(elsewhere, 'consumer.mts'), code);
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
    const options = { cwd: elsewhere, env: env() };
    await execute(process.execPath, [tsc, ...flags, 'consumer.mts'], options);
    expect((await execute(process.execPath, ['consumer.mts'], options)).stdout).toBe('7\n');
  });
});
