import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startBackends } from '../../../local/backends/index.ts';

const ROOT = join(import.meta.dirname, '../../..');

test('backends that the environment names are used as they are', async () => {
  const given = { FIRESTORE_EMULATOR_HOST: '127.0.0.1:1', PUBSUB_EMULATOR_HOST: '127.0.0.1:2' };
  expect(await startBackends(given)).toMatchObject({ kind: 'given', env: given });
});

test('LOCAL_BACKENDS decides, and the embedded backends start in less than 300 ms of processor time', async () => {
  const before = process.cpuUsage();
  const backends = await startBackends({ LOCAL_BACKENDS: 'embedded' });
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1_000).toBeLessThan(300);
  expect(backends).toMatchObject({ kind: 'embedded', summary: expect.stringContaining('LOCAL_BACKENDS=embedded') });
  await backends.stop();
  await expect(startBackends({ LOCAL_BACKENDS: 'both' })).rejects.toThrow('must be official or embedded');
});

test('without Java the embedded ones run, and the summary says why', async () => {
  const module = JSON.stringify(join(ROOT, 'local/backends/index.ts'));
  const script = `import { startBackends } from ${module};
    const backends = await startBackends(); console.log(backends.summary); await backends.stop();`;
  const env = { PATH: '/nowhere' };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', script], {
    env,
  });
  expect(stdout).toMatch(/embedded .*Java was not found/);
});

test('npm run backends prints two exports, and ends at a signal', async () => {
  const env = { ...process.env, LOCAL_BACKENDS: 'embedded', FIRESTORE_EMULATOR_HOST: '', PUBSUB_EMULATOR_HOST: '' };
  const running = spawn(process.execPath, [join(ROOT, 'local/backends/main.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: running.stdout })) if (lines.push(line) === 2) break;
  expect(lines).toEqual([
    expect.stringMatching(/^export FIRESTORE_EMULATOR_HOST=127\.0\.0\.1:\d+$/),
    expect.stringMatching(/^export PUBSUB_EMULATOR_HOST=127\.0\.0\.1:\d+$/),
  ]);
  running.kill('SIGTERM');
  expect(await once(running, 'exit')).toEqual([0, null]);
});
