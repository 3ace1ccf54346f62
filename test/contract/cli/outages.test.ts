import { expect, test } from 'vitest';
import { freePort } from '../../../local/process.ts';
import { LocalProject } from '../../../local/project.ts';
import { cli } from '../../support/cli.ts';
import { forFile, forTest } from '../../support/opened.ts';
import { Proxy } from '../../support/proxy.ts';
import { errorOf, STORE_COMMANDS } from './harness.ts';

const project = await forFile(LocalProject.create());
const gemini = { GEMINI_API_KEY: 'any-key', GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:1' };

test('without Firestore every command ends in time, and names the address to check', { timeout: 60_000 }, async () => {
  const silent = await Proxy.start(project.env['FIRESTORE_EMULATOR_HOST'] ?? '');
  await forTest({ close: () => silent.refuse() });
  silent.stall();
  const refusing = `127.0.0.1:${await freePort()}`;
  const startedAt = performance.now();
  const commands = [
    ...STORE_COMMANDS.map((args) => ({ args, host: refusing })),
    { args: ['jobs', 'show', 'x'], host: silent.host },
    { args: ['jobs', 'watch', 'x'], host: silent.host },
  ];
  await Promise.all(
    commands.map(async ({ args, host }) => {
      const run = await cli([...args, '--json'], { ...project.env, ...gemini, FIRESTORE_EMULATOR_HOST: host });
      expect([args, run.exitCode, run.stdout]).toEqual([args, 1, '']);
      const message = expect.stringContaining(host) as string;
      expect([args, errorOf(run)]).toEqual([args, { code: 'STORE_UNAVAILABLE', message }]);
    }),
  );
  expect(performance.now() - startedAt).toBeLessThan(25_000);
});

test('without a project the setting is named', async () => {
  const run = await cli(['jobs', 'list'], { FIRESTORE_EMULATOR_HOST: '127.0.0.1:1' });
  expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('GOOGLE_CLOUD_PROJECT must be set') });
});
