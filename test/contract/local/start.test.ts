import { existsSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { eventually, freePort, startTied, type TiedProcess } from '../../../local/process.ts';
import { cli } from '../../support/cli.ts';

const LOCAL = join(import.meta.dirname, '../../../local');
const FILE = '.gemini-callbacks.local.json';

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'start-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

async function start(script: string, env: NodeJS.ProcessEnv): Promise<TiedProcess> {
  const { PATH, ...others } = env;
  const inFolder = ['-c', `cd "$0" && PATH='${PATH}' exec "$@"`, folder, process.execPath, join(LOCAL, script)];
  return await startTied('/bin/sh', inFolder, { PATH: process.env['PATH'], HOME: folder, ...others });
}

test('npm start tells the command line what it runs, in a file for its owner alone, until it ends', async () => {
  const started = await start('start.ts', { ...process.env, PORT: String(await freePort()) });
  const path = join(folder, FILE);
  const mode = await eventually('the file', 30_000, async () => statSync(path).mode);
  expect((mode & 0o777).toString(8)).toBe('600');
  const run = await cli(['webhooks', 'list', '--local'], {}, { cwd: folder });
  expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/ demo +enabled /) });
  expect(await cli(['jobs', 'list', '--local'], {}, { cwd: folder })).toMatchObject({
    exitCode: 0,
    stdout: 'No jobs.\n',
  });
  expect(await started.end('SIGTERM')).toBe(143);
  expect(existsSync(path)).toBe(false);
});

test('npm start on a port that is taken names the port and the variable', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const started = await start('start.ts', { ...process.env, PORT: String(port) });
  const [code, stderr] = await Promise.all([started.exited, text(started.stderr)]);
  expect([code, stderr]).toEqual([
    1,
    `error: Port ${port} is in use by another program. Choose another one: PORT=${Number(port) + 1} npm start\n`,
  ]);
});

test('the demo on the official emulators without Java says what to install', async () => {
  const started = await start('demo/main.ts', { PATH: '/nonexistent', LOCAL_BACKENDS: 'official' });
  const [code, stderr] = await Promise.all([started.exited, text(started.stderr)]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: Java was not found\.\n/);
  expect(stderr).not.toMatch(/\n\s+at /);
});
