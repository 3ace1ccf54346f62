import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import packageFile from '../../../package.json' with { type: 'json' };
import { LocalProject } from '../../../local/project.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { forFile } from '../../support/opened.ts';

const ROOT = join(import.meta.dirname, '../../..');
const { version } = packageFile;
const execute = promisify(execFile);

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'package-')));
afterAll(() => rmSync(folder, { recursive: true }));

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

describe('packed and installed elsewhere, without any other package', async () => {
  const elsewhere = join(folder, 'elsewhere');
  const command = join(elsewhere, 'node_modules/.bin/gemini-callbacks');
  const [simulator, project] = await Promise.all([forFile(startSimulator()), forFile(LocalProject.create())]);
  const gemini = { GEMINI_API_KEY: 'any-key', GOOGLE_GEMINI_BASE_URL: simulator.url };

  beforeAll(async () => {
    await execute('npm', ['pack', `--pack-destination=${folder}`], { cwd: ROOT, env: env(), maxBuffer: 2 ** 24 });
    const modules = join(elsewhere, 'node_modules');
    mkdirSync(join(modules, '.bin'), { recursive: true });
    await execute('tar', ['xzf', join(folder, `gemini-callbacks-${version}.tgz`), '-C', modules]);
    symlinkSync('package', join(modules, 'gemini-callbacks'));
    symlinkSync('../gemini-callbacks/bin/gemini-callbacks.js', command);
  }, 120_000);

  /** One command for each library that the bundle holds. */
  test.for([
    ['--version'],
    ['completion', 'bash'],
    ['jobs', 'list'],
    ['deliveries', 'replay', '--all'],
    ['webhooks', 'list'],
    ['jobs', 'reconcile', '--yes'],
    ['status'],
    ['events', 'trigger', 'ping', '--to=http://127.0.0.1:9/', `--secret=whsec_${'A'.repeat(43)}=`, '--dry-run'],
  ])('%s %s works', { timeout: 60_000 }, async (...[args]) => {
    const options = { cwd: elsewhere, env: env({ ...project.env, ...gemini }) };
    const { stdout, stderr } = await execute(command, args, options);
    expect(stdout).not.toBe('');
    expect(stderr).not.toMatch(/^error:/m);
  });

  test('doctor finds its index file in the package', { timeout: 60_000 }, async () => {
    const options = { cwd: folder, env: env({ ...project.env, ...gemini, CALLBACK_URL: 'http://127.0.0.1:9/' }) };
    const failed = await execute(command, ['doctor'], options).catch((error: unknown) => error as { stdout: string });
    expect(failed.stdout).toMatch(/^– +indexes +the emulator needs none$/m);
  });

  test('gemini-callbacks/messages runs, and its types narrow by ce-type', { timeout: 60_000 }, async () => {
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
