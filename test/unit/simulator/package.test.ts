import { execFile, spawn } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GoogleGenAI } from '@google/genai';
import { expect, onTestFinished, test } from 'vitest';
import { prompt } from './harness.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PACKAGE = join(ROOT, 'simulator');

interface Manifest {
  readonly bin: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gemini-simulator-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Starts a command that runs the simulator, and returns the address that it prints. */
async function start(command: string, args: readonly string[], cwd: string): Promise<string> {
  // A new process group, because npx starts the simulator as a grandchild.
  const child = spawn(command, args, {
    cwd,
    detached: true,
    env: { ...process.env, PORT: '0', npm_config_offline: 'true' },
  });
  onTestFinished(() => void process.kill(-(child.pid ?? 0), 'SIGKILL'));
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  const pattern = /export GOOGLE_GEMINI_BASE_URL=(\S+)/;
  await expect.poll(() => output, { timeout: 20_000 }).toMatch(pattern);
  return pattern.exec(output)?.[1] ?? '';
}

/** Starts a job, and requests the page and every file that it names; returns the statuses. */
async function use(url: string): Promise<{ job: string | undefined; page: number[] }> {
  const ai = new GoogleGenAI({ apiKey: 'any-key', httpOptions: { baseUrl: url } });
  const { state } = await ai.batches.create({ model: 'm', src: [prompt('hello')] });
  const page = await (await fetch(url)).text();
  const files = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path);
  const statuses = await Promise.all(files.map(async (path) => (await fetch(url + path)).status));
  return { job: state, page: [...new Set(statuses)] };
}

const WORKING = { job: 'JOB_STATE_PENDING', page: [200] };

test('the package imports only its own files, its dependencies and Node.js', () => {
  const { dependencies } = manifest(PACKAGE);
  const names = Object.keys(dependencies);
  for (const file of globSync('**/*.{ts,js}', { cwd: PACKAGE, exclude: ['dist/**', 'rolldown.config.ts'] })) {
    const text = readFileSync(join(PACKAGE, file), 'utf8');
    for (const [, specifier = ''] of text.matchAll(/\bfrom '([^']+)'/g)) {
      const isOwn = specifier.startsWith('.') && join(PACKAGE, dirname(file), specifier).startsWith(`${PACKAGE}/`);
      const isDependency = names.some((name) => specifier === name || specifier.startsWith(`${name}/`));
      expect(isOwn || isDependency || specifier.startsWith('node:'), `${file} imports ${specifier}`).toBe(true);
    }
  }
});

test('the package and the repository pin the same versions', () => {
  const { devDependencies, dependencies } = manifest(ROOT);
  expect({ ...devDependencies, ...dependencies }).toMatchObject(manifest(PACKAGE).dependencies);
});

test('npx ./simulator runs in a clone', async () => {
  expect(await use(await start('npx', ['./simulator'], ROOT))).toEqual(WORKING);
});

test('a clone without its dependencies says how to install them', async () => {
  const folder = temporaryFolder();
  for (const file of ['bin.js', 'main.ts', 'package.json']) cpSync(join(PACKAGE, file), join(folder, file));
  const run = promisify(execFile)(process.execPath, [join(folder, 'bin.js')]);
  await expect(run).rejects.toMatchObject({ code: 1, stderr: 'The dependencies are not installed. Run: npm ci\n' });
});

test('the packed package runs in another folder with its dependencies alone', async () => {
  const folder = temporaryFolder();
  const { stdout } = await promisify(execFile)('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: PACKAGE,
  });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [{ filename: string }];
  const installed = join(folder, 'node_modules/gemini-simulator');
  mkdirSync(installed, { recursive: true });
  await promisify(execFile)('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', installed]);
  expect(readFileSync(join(installed, 'LICENSE'), 'utf8')).toBe(readFileSync(join(ROOT, 'LICENSE'), 'utf8'));
  for (const name of Object.keys(manifest(installed).dependencies)) {
    cpSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true });
  }
  const url = await start(process.execPath, [join(installed, manifest(installed).bin)], folder);
  expect(await use(url)).toEqual(WORKING);
});
