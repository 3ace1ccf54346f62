import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { addDeliveryCommands } from '../../../cli/deliveries/commands.ts';
import { addDoctorCommand } from '../../../cli/doctor/commands.ts';
import { addJobCommands } from '../../../cli/jobs/commands.ts';
import { addSubmitCommands } from '../../../cli/submit/commands.ts';
import { Context } from '../../../cli/context.ts';
import { addWebhookCommands } from '../../../cli/webhooks/commands.ts';
import { startReceiver } from '../../unit/simulator/harness.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { cli } from '../../support/cli.ts';
import { parseAll } from '../../support/gcloud.ts';
import { startSecretManager } from '../../support/secretManager.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');
const PAGES = ['README.md', 'SECURITY.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)];
const TEXTS = PAGES.filter((name) => name.endsWith('.md'));
const TEXT = TEXTS.map(read).join('\n');
const ALERTS = readdirSync(join(ROOT, 'deploy/monitoring/alerts')).map((name) =>
  read(`deploy/monitoring/alerts/${name}`),
);
const { scripts: SCRIPTS } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

const commands = [...TEXT.matchAll(/^```sh\n([^]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n'));
/** What stands within a sentence, there and in the texts of alerts. */
const inline = [TEXT.replaceAll(/^```[^]*?^```/gm, ''), ...ALERTS]
  .flatMap((text) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code))
  .map((code) => code.replace('@PREFIX@', ''));
const cliLines = commands.flatMap((line) => /npm run -s cli -- (.*)/.exec(line)?.[1] ?? []);

test('every npm command in the documents exists', () => {
  const named = [...TEXT.matchAll(/npm (?:run )?(?:-s )?([a-z:]+)/g)].flatMap(([, name = '']) =>
    name === 'ci' ? [] : name,
  );
  expect(named.length).toBeGreaterThan(4);
  expect(named.filter((name) => SCRIPTS[name] === undefined)).toEqual([]);
});

test('every file that the documents name is there', () => {
  const linked = TEXTS.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!http|#)([^)#\s]+\.\w+)/g)].map(([, path = '']) => join(dirname(page), path)),
  );
  const paths = [...read('SECURITY.md').matchAll(/`((?:functions|cli|deploy|test|docs)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  );
  expect(linked.length).toBeGreaterThan(3);
  expect(linked.filter((path) => !exists(path))).toEqual([]);
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !exists(path))).toEqual([]);
});

function exists(path: string): boolean {
  try {
    return statSync(join(ROOT, path)) !== undefined;
  } catch {
    return false;
  }
}

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
  const made = await cli(
    ['--json', 'webhooks', 'create', '--uri=http://127.0.0.1:9/', '--events=batch.succeeded', '--print-secret'],
    env,
  );
  const { id } = JSON.parse(made.stdout) as { id: string };
  expect(cliLines.length).toBeGreaterThan(4);
  for (const line of cliLines) {
    const waiting = line.startsWith('webhooks rotate') ? ['--wait=1', '--yes'] : ['--yes'];
    const { exitCode } = await cli([...line.replace(' ID ', ` ${id} `).split(' '), ...waiting], env);
    expect([line, exitCode]).toEqual([line, expectedOf(line)]);
  }
  await Promise.all([simulator.close(), secretManager.close()]);
});

test('every command of the command line that is named in a sentence is there', () => {
  const program = new Command();
  const adding = [addWebhookCommands, addJobCommands, addDeliveryCommands, addSubmitCommands, addDoctorCommand];
  for (const add of adding) add(program, () => new Context({}, {}));
  const groups = new Set(program.commands.map((command) => command.name()));
  const named = inline
    .map((code) => code.replace(/^npm run -s cli -- /, '').split(' '))
    .filter(([group = '', verb]) => groups.has(group) && (verb !== undefined || group === 'doctor'));
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((words) => !isUnderstood(program, words)).map((words) => words.join(' '))).toEqual([]);
  expect(isUnderstood(program, ['jobs', 'show', '--nonsense'])).toBe(false);
});

function isUnderstood(command: Command, [word, ...rest]: readonly string[]): boolean {
  if (word === undefined) return true;
  const [flag] = word.split('=');
  if (word.startsWith('--')) return command.options.some(({ long }) => long === flag) && isUnderstood(command, rest);
  const verb = command.commands.find((each) => each.name() === word);
  return verb ? isUnderstood(verb, rest) : command.registeredArguments.length > 0 && isUnderstood(command, rest);
}

/** What is described is not installed here: the doctor says so, and no function proves that it has a new secret. */
function expectedOf(line: string): number {
  if (line.startsWith('webhooks rotate')) return 3;
  return line === 'doctor' ? 1 : 0;
}

test('the requests to the simulator bring a delivery to a receiver', async () => {
  const jobs = { pendingMillis: 0, runningMillis: 0 };
  const [simulator, receiver] = await Promise.all([startSimulator({ settings: { jobs } }), startReceiver()]);
  const env = { PATH: process.env['PATH'], GOOGLE_GEMINI_BASE_URL: simulator.url };
  const run = async (line: string) => {
    const request = line.replace('http://127.0.0.1:3000', receiver.url);
    return (await promisify(execFile)('sh', ['-c', `${request} --fail-with-body`], { env })).stdout;
  };
  const lines = commands.filter((line) => line.startsWith('curl '));
  expect(lines).toHaveLength(3);
  const [webhook, batch, look] = lines as [string, string, string];
  expect(JSON.parse(await run(webhook))).toHaveProperty('new_signing_secret');
  await run(batch);
  await expect.poll(() => receiver.received.length).toBe(1);
  await expect.poll(async () => await run(look)).toContain('"state":"delivered"');
  await Promise.all([simulator.close(), receiver.close()]);
});

test('the lines that deploy and take away are understood', async () => {
  const lines = commands.filter((line) => /npm run (deploy|destroy)/.test(line));
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    const [, words = ''] = /npm run (.*)/.exec(line) ?? [];
    const running = promisify(execFile)('sh', ['-c', `npm run -s ${words} </dev/null`], { cwd: ROOT });
    const said = await running.then(
      ({ stdout }) => stdout,
      (error: unknown) => String((error as { stderr?: string }).stderr),
    );
    expect(said).toMatch(line.includes('--dry-run') ? /^gcloud run deploy gemini-callback/m : /Nothing was removed/);
  }
});

/** Signing in is for people; everything else is parsed by the real gcloud. */
test('gcloud understands every line', () => {
  const lines = [...commands, ...inline.filter((code) => /^gcloud \w+ /.test(code))].flatMap(
    (line) => /gcloud (?!auth )(?:'[^']*'|[^)|])*/.exec(line)?.[0].trim() ?? [],
  );
  expect(lines.length).toBeGreaterThan(8);
  const parsed = parseAll(lines.map((line) => ({ args: wordsOf(line).slice(1), stdin: '' })));
  const refused = parsed
    .map(({ stderr }, index) => ({ line: lines[index], stderr }))
    .filter(({ stderr }) => !/active account/.test(stderr));
  expect(refused).toEqual([]);
});

/** As a shell splits them: by blanks, where no quotes are around. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_all, double?: string, single?: string) => double ?? single ?? ''),
  );
}
