import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { eventually, startTied } from '../../../local/process.ts';

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('the exit code of a program, and of the signal that ended it', async () => {
  expect(await (await startTied('sh', ['-c', 'exit 7'])).exited).toBe(7);
  expect(await (await startTied('sleep', ['60'])).end('SIGKILL')).toBe(128 + 9);
});

test('a program ends with the one that started it, even when that is killed', async () => {
  const script = `import { startTied } from ${JSON.stringify(join(import.meta.dirname, '../../../local/process.ts'))};
    console.log((await startTied('sleep', ['60'])).pid);
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = (await once(starter.stdout, 'data')) as [Buffer];
  const pid = Number(String(chunk));
  expect(isAlive(pid)).toBe(true);
  starter.kill('SIGKILL');
  await eventually('the program ends', 5_000, async () => !isAlive(pid) || undefined);
});

test('the official backends without Java are an error that says what to install', async () => {
  const backends = JSON.stringify(join(import.meta.dirname, '../../../local/backends/index.ts'));
  const script = `import { startBackends } from ${backends}; await startBackends();`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', script], {
    env: { PATH: '/nowhere', LOCAL_BACKENDS: 'official' },
  });
  await expect(run).rejects.toMatchObject({ stderr: expect.stringMatching(/Java was not found[^]*apt-get install/) });
});
