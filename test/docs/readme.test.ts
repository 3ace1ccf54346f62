import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { startSimulator } from '../simulator/simulator.ts';
import { cli } from '../support/cli.ts';
import { startSecretManager } from '../support/secretManager.ts';

const ROOT = join(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const SCRIPTS = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
  .scripts;

const commands = [...README.matchAll(/^```sh\n([^]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n'));
const gcloud = commands.flatMap((line) => /gcloud [^)]*/.exec(line)?.[0] ?? []);
const cliLines = commands.flatMap((line) => /npm run -s cli -- (.*)/.exec(line)?.[1] ?? []);

const configuration = mkdtempSync(join(tmpdir(), 'gcloud-'));
afterAll(() => rmSync(configuration, { recursive: true }));

test('every npm command in the README exists', () => {
  const named = [...README.matchAll(/npm (?:run )?(?:-s )?([a-z:]+)/g)].flatMap(([, name = '']) =>
    name === 'ci' ? [] : name,
  );
  expect(named.length).toBeGreaterThan(4);
  expect(named.filter((name) => SCRIPTS[name] === undefined)).toEqual([]);
});

test('every line for the command line works', async () => {
  const [simulator, secretManager] = await Promise.all([startSimulator(), startSecretManager()]);
  const { FIRESTORE_EMULATOR_HOST } = process.env;
  const env = {
    FIRESTORE_EMULATOR_HOST,
    GOOGLE_GEMINI_BASE_URL: simulator.url,
    GEMINI_API_KEY: 'any-key',
    GOOGLE_CLOUD_PROJECT: 'my-project',
    SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
    CALLBACK_URL: 'https://hooks.example.test/',
    DYNAMIC_ROUTE_KEY: 'k'.repeat(32),
  };
  expect(cliLines.length).toBeGreaterThan(1);
  for (const line of cliLines) {
    const { exitCode } = await cli(line.split(' '), env);
    // What is described here is not installed, and the doctor says so.
    expect([line, exitCode]).toEqual([line, line === 'doctor' ? 1 : 0]);
  }
  await Promise.all([simulator.close(), secretManager.close()]);
});

/** The real gcloud parses a command line before it asks for an account: 2 means that it does not understand it. */
describe.concurrent('gcloud understands', () => {
  test.for(gcloud)('%s', async (command) => {
    expect(await parse(command)).toMatch(/active account|^$/);
  });

  test('and would say so if it did not', async () => {
    expect(await parse('gcloud pubsub topics create a --nonsense')).toMatch(/unrecognized arguments/);
  });
});

async function parse(command: string): Promise<string> {
  const env = {
    ...process.env,
    CLOUDSDK_CONFIG: configuration,
    CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
    CLOUDSDK_CORE_PROJECT: 'demo',
  };
  try {
    await promisify(execFile)('sh', ['-c', `${command} </dev/null`], { env });
    return '';
  } catch (error) {
    return String((error as { stderr?: string }).stderr);
  }
}
