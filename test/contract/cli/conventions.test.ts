import { expect, test } from 'vitest';
import { Command } from 'commander';
import { GROUPS } from '../../../cli/groups.ts';
import { Context } from '../../../cli/context.ts';
import { cli } from '../../support/cli.ts';
import { errorOf, misused } from './harness.ts';

const HELP_MILLIS = 300;

async function allCommands(): Promise<readonly Command[]> {
  const program = new Command();
  for (const { load } of Object.values(GROUPS)) (await load())(program, () => new Context({}, {}));
  const leaves = (command: Command): readonly Command[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
  return program.commands.flatMap(leaves);
}

test('every command has a description that opens with a verb in lower case', async () => {
  const commands = await allCommands();
  expect(commands.length).toBeGreaterThan(20);
  for (const command of commands) {
    expect([command.name(), command.description()]).toEqual([command.name(), expect.stringMatching(/^[a-z]+ /)]);
    for (const { flags, description } of command.options)
      expect([flags, description]).toEqual([flags, expect.stringMatching(/^\S.{5,}/)]);
  }
});

test('one thing is shown by show, never by get', async () => {
  const names = (await allCommands()).map((command) => command.name());
  expect(names).toContain('show');
  expect(names).not.toContain('get');
});

test('help answers at once', { timeout: 60_000 }, async () => {
  // Other tests run beside this one, so that one run says little.
  await expect
    .poll(
      async () => {
        const startedAt = performance.now();
        expect((await cli(['--help'], {})).exitCode).toBe(0);
        return performance.now() - startedAt;
      },
      { timeout: 30_000 },
    )
    .toBeLessThan(HELP_MILLIS);
});

test.for([['--help'], ['jobs', 'list', '--help'], ['status', '--help']])('%s has no colours', async (...[args]) => {
  const { exitCode, stdout } = await cli(args, { FORCE_COLOR: '0', NO_COLOR: '1' });
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain('\u{1B}');
  expect(stdout).toContain('--json');
  expect(stdout).toContain('--project');
});

test('--version prints the version of the package', async () => {
  expect((await cli(['--version'], {})).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.for(['bash', 'zsh', 'fish'])('completion %s prints a script that asks the program', async (shell) => {
  const { exitCode, stdout } = await cli(['completion', shell], {});
  expect(exitCode).toBe(0);
  expect(stdout).toContain('gemini-callbacks');
  expect(stdout).toContain('complete --');
});

test.for<[readonly string[], string]>([
  [['jo'], 'jobs'],
  [['jobs', 'wa'], 'watch'],
  [['deliveries', 'list', '--st'], '--state'],
  [['deliveries', 'list', '--state', ''], 'quarantined'],
  [['events', 'trigger', ''], 'batch.succeeded'],
])('completion of %j offers %s', async ([words, expected]) => {
  const { stdout } = await cli(['complete', '--', ...words], {});
  expect(stdout.split('\n').map((line) => line.split('\t')[0])).toContain(expected);
});

test.for<[string, readonly string[], string]>([
  ['an unknown command', ['nope'], "unknown command 'nope'"],
  ['an unknown command of a group', ['jobs', 'nope'], "unknown command 'nope'"],
  ['an unknown flag', ['jobs', 'list', '--nope'], "unknown option '--nope'"],
  ['a missing argument', ['jobs', 'show'], "missing required argument 'id'"],
  ['an empty argument', ['webhooks', 'delete', ''], 'Empty: <id>'],
  ['a missing option', ['webhooks', 'create'], "required option '--uri <url>' not specified"],
  ['a state that does not exist', ['jobs', 'list', '--state=done'], 'Allowed choices'],
  ['a time that cannot be read', ['jobs', 'list', '--since=yesterday'], '--since yesterday must be an age'],
  ['a route that cannot be one', ['deliveries', 'list', '--route=a/b'], '--route a/b must be'],
  ['a limit that is no number', ['jobs', 'list', '--limit=all'], '--limit all must be'],
  ['an id beside --all', ['deliveries', 'replay', 'msg_1', '--all'], 'either the id of one delivery, or --all'],
  ['neither id nor --all', ['deliveries', 'release'], 'Give the id of a delivery, or --all'],
  ['neither model nor agent', ['submit', 'interaction', '--route=r', '--input=x'], '--model and --agent'],
  ['both', ['submit', 'interaction', '--route=r', '--input=x', '--model=m', '--agent=a'], '--model and --agent'],
])('%s is wrong usage: exit code 2, and one object with --json', async ([, args, message]) => {
  const [forPeople, forPrograms] = await Promise.all([cli(args, {}), cli([...args, '--json'], {})]);
  expect(forPeople).toMatchObject({ ...misused(message), stdout: '' });
  expect([forPrograms.exitCode, forPrograms.stdout]).toEqual([2, '']);
  expect(errorOf(forPrograms)).toEqual({ code: 'USAGE', message: expect.stringContaining(message) });
});

test('a group without a command shows its commands', async () => {
  expect(await cli(['webhooks'], {})).toMatchObject(misused('route-url'));
  expect(errorOf(await cli(['webhooks', '--json'], {})).message).toMatch(/^A command is missing/);
});

test.for([
  ['webhooks', 'delete', 'hook'],
  ['webhooks', 'update', 'hook', '--disable'],
  ['webhooks', 'rotate', 'hook', '--print-secret'],
])('%s %s asks first, and without a terminal changes nothing', async (...[args]) => {
  const env = { GEMINI_API_KEY: 'k', GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:9' };
  expect(await cli(args, env)).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/Nothing was changed\. Confirm it with --yes\.\n$/),
  });
});
