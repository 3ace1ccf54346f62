import { execFile, execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { Context } from '../../../cli/context.ts';
import { GROUPS } from '../../../cli/groups.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { cli } from '../../support/cli.ts';
import { parseAll } from '../../support/gcloud.ts';
import { hasGcloud } from '../../support/requirements.ts';
import { startReceiver } from '../../unit/simulator/harness.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const PAGES = globSync(['*.md', '.github/**/*.md', 'docs/**/*.md', 'examples/**/*.md', 'simulator/*.md'], {
  cwd: ROOT,
});
const FENCE = /^```(\w*)\n([^]*?)^```/gm;

/** The code blocks of all pages in one language. */
function blocks(...languages: readonly string[]): readonly { readonly page: string; readonly code: string }[] {
  return PAGES.flatMap((page) =>
    [...read(page).matchAll(FENCE)].flatMap(([, language = '', code = '']) =>
      languages.includes(language) ? [{ page, code }] : [],
    ),
  );
}

const shell = blocks('sh', 'bash').flatMap(({ code }) => code.trim().replaceAll('\\\n', ' ').split('\n'));
/** Code within sentences, and in the texts of alerts. */
const inline = [
  ...PAGES.map((page) => read(page).replaceAll(FENCE, '')),
  ...globSync('deploy/monitoring/alerts/*.json', { cwd: ROOT }).map(read),
].flatMap((text) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code.replace('@PREFIX@', '')));

describe('pages', () => {
  test('every page begins with its title and says who it is for, or what it is', () => {
    expect(PAGES.length).toBeGreaterThan(25);
    const untitled = PAGES.filter((page) => !page.startsWith('.github') && !/^# .+\n\n\S/.test(read(page)));
    expect(untitled).toEqual([]);
  });

  test('every link leads to a file or a heading that exists', () => {
    const broken = PAGES.flatMap((page) =>
      [
        ...read(page)
          .replaceAll(FENCE, '')
          .matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g),
      ].flatMap(([, link = '']) => {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : join(dirname(page), path);
        if (!existsSync(join(ROOT, target))) return [`${page}: ${link}`];
        return anchor === undefined || anchorsOf(target).has(anchor) ? [] : [`${page}: ${link}`];
      }),
    );
    expect(broken).toEqual([]);
  });

  test('every file that a sentence names exists', () => {
    const named = inline.filter((code) =>
      /^(functions|cli|deploy|simulator|local|schemas|examples|docs|test|build)\/[\w./-]+$/.test(code),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('every npm command exists', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const text = PAGES.map(read).join('\n');
    const named = [...text.matchAll(/npm run (?:-s )?([a-z:-]+)|npm (test|start)\b/g)].map(
      ([, run, alone]) => run ?? alone,
    );
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name = '') => scripts[name] === undefined)).toEqual([]);
  });
});

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): ReadonlySet<string> {
  const headings = read(page)
    .replaceAll(FENCE, '')
    .matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

describe('commands', () => {
  const ours = /(?:npx gemini-callbacks|npm run -s cli --) ([^|#;&]+)/;
  const lines = shell.flatMap((line) => ours.exec(line)?.[1]?.trim() ?? []);

  test('every command line of the product is understood', async () => {
    const program = await programOf();
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => !isUnderstood(program, wordsOf(line)))).toEqual([]);
    expect(isUnderstood(program, ['jobs', 'show', '--nonsense'])).toBe(false);
  });

  test('every command that is named in a sentence or an alert is understood', async () => {
    const program = await programOf();
    const groups = new Set(program.commands.map((command) => command.name()));
    const named = inline
      .map((code) => wordsOf(code.replace(/^(?:npx |npm run -s cli -- )?(?:gemini-callbacks )?/, '')))
      .filter(([group = '', verb]) => groups.has(group) && (verb !== undefined || group === 'doctor'));
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((words) => !isUnderstood(program, words)).map((words) => words.join(' '))).toEqual([]);
  });

  test('lists and the status of a local installation run as documented', async () => {
    const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
    const env = { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST, GOOGLE_CLOUD_PROJECT: 'demo-documents' };
    const reading = [...new Set(lines.filter((line) => /^(jobs|deliveries) list/.test(line)))];
    expect(reading.length).toBeGreaterThan(1);
    for (const line of reading) {
      const { exitCode, stderr } = await cli(wordsOf(line.replace(' --local', '')), env);
      expect([line, exitCode, stderr]).toEqual([line, 0, expect.any(String)]);
    }
  });

  test('the requests to the simulator bring a delivery to a receiver', async () => {
    const jobs = { pendingMillis: 0, runningMillis: 0 };
    const [simulator, receiver] = await Promise.all([startSimulator({ settings: { jobs } }), startReceiver()]);
    const env = { PATH: process.env['PATH'], GOOGLE_GEMINI_BASE_URL: simulator.url };
    const run = async (line: string) => {
      const request = line.replace('http://127.0.0.1:3000', receiver.url);
      return (await promisify(execFile)('sh', ['-c', `${request} --fail-with-body`], { env })).stdout;
    };
    const requests = shell.filter((line) => /^curl [^|]*\$GOOGLE_GEMINI_BASE_URL/.test(line));
    const [webhook = '', batch = ''] = [...new Set(requests)];
    expect(JSON.parse(await run(webhook))).toHaveProperty('new_signing_secret');
    await run(batch);
    await expect.poll(() => receiver.received.length).toBe(1);
    await expect.poll(() => simulator.ledger.deliveries.map(({ state }) => state)).toEqual(['delivered']);
    await Promise.all([simulator.close(), receiver.close()]);
  });

  test('deploy and destroy understand their lines', async () => {
    const named = [...new Set(shell.filter((line) => /npm run (deploy|destroy) -- --project/.test(line)))];
    expect(named.length).toBeGreaterThan(2);
    for (const line of named) {
      const [, words = ''] = /npm run ([^#]*)/.exec(line) ?? [];
      const running = promisify(execFile)('sh', ['-c', `npm run -s ${words} --dry-run </dev/null`], { cwd: ROOT });
      const output = await running.then(
        ({ stdout }) => stdout,
        ({ stderr }: { stderr: string }) => stderr,
      );
      // To destroy is to look first what is there, which takes an account.
      expect([line, output]).toEqual([line, expect.stringMatching(/^gcloud run deploy|gcloud auth login/m)]);
    }
  });

  // Signing in is for people. Blocks that set variables are executed by test/contract/deploy/documents.test.ts.
  test.skipIf(!hasGcloud)('gcloud understands every line', () => {
    const gcloud = [
      ...blocks('sh').flatMap(({ code }) => code.split('\n')),
      ...inline.filter((code) => /^gcloud \S+ \S+ .*--/.test(code)),
    ].flatMap((line) => /gcloud (?!auth )(?:'[^']*'|[^)|])*/.exec(line)?.[0].trim() ?? []);
    expect(gcloud.length).toBeGreaterThan(8);
    const parsed = parseAll(gcloud.map((line) => ({ args: wordsOf(line).slice(1), stdin: '' })));
    const refused = parsed.flatMap(({ stderr }, index) =>
      /active account/.test(stderr) ? [] : [{ line: gcloud[index], stderr }],
    );
    expect(refused).toEqual([]);
  });
});

async function programOf(): Promise<Command> {
  const program = new Command();
  for (const flag of [
    '--project <id>',
    '--region <region>',
    '--prefix <name>',
    '--local',
    '--json',
    '--yes',
    '--help',
    '--version',
  ])
    program.option(flag);
  for (const add of new Set(await Promise.all(Object.values(GROUPS).map(async ({ load }) => await load()))))
    add(program, () => new Context({}, {}));
  return program;
}

function isUnderstood(command: Command, [word, ...rest]: readonly string[]): boolean {
  if (word === undefined) return true;
  const [flag] = word.split('=');
  if (word.startsWith('--')) return optionsOf(command).includes(flag) && isUnderstood(command, rest);
  const verb = command.commands.find((each) => each.name() === word);
  return verb ? isUnderstood(verb, rest) : command.registeredArguments.length > 0 && isUnderstood(command, rest);
}

/** A command takes the program's own options as well. */
function optionsOf(command: Command): readonly (string | undefined)[] {
  const own = command.options.map(({ long }) => long);
  return command.parent ? [...own, ...optionsOf(command.parent)] : own;
}

/** Words as a shell splits them: at blanks outside quotes. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_all, double?: string, single?: string) => double ?? single ?? ''),
  );
}

describe('snippets', () => {
  test('every TypeScript snippet has correct types', { timeout: 60_000 }, async () => {
    const folder = join(ROOT, 'node_modules/.cache/documents');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const snippets = blocks('ts');
    expect(snippets.length).toBeGreaterThan(2);
    for (const [index, { code }] of snippets.entries())
      writeFileSync(join(folder, `snippet${index}.ts`), `${code}\nexport {};\n`);
    const paths = { 'gemini-callbacks/messages': ['../../../schemas/parse.ts'] };
    const compilerOptions = { paths, noPropertyAccessFromIndexSignature: false };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../../tsconfig.json', compilerOptions, include: ['*.ts'] }),
    );
    const compiled = promisify(execFile)(process.execPath, [
      join(ROOT, 'node_modules/typescript/bin/tsc'),
      '-p',
      folder,
    ]);
    await expect(
      compiled.then(
        () => '',
        ({ stdout }: { stdout: string }) => stdout,
      ),
    ).resolves.toBe('');
  });

  test('every Python snippet and example compiles', () => {
    const files = globSync('examples/**/*.py', { cwd: ROOT }).map(read);
    const sources = [...blocks('python').map(({ code }) => code), ...files];
    expect(sources.length).toBeGreaterThan(4);
    for (const source of sources)
      execFileSync('python3', ['-c', 'import sys; compile(sys.stdin.read(), "snippet", "exec")'], { input: source });
  });
});
