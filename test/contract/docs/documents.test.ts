import { execFile, execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Command, CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { Context } from '../../../cli/context.ts';
import { GROUPS, hasOwnFlags, isGroup } from '../../../cli/groups.ts';
import { addInstallationFlags, createParser } from '../../../cli/parser.ts';
import { parseFilter } from '../../../local/backends/pubsub/filter.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { parseAll } from '../../support/gcloud.ts';
import { forTest } from '../../support/opened.ts';
import { hasGcloud } from '../../support/requirements.ts';
import { Stage } from '../results/harness.ts';
import { startReceiver } from '../../unit/simulator/harness.ts';

const execute = promisify(execFile);
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
  test('every page begins with its title, and a page of docs says who it is for', () => {
    expect(PAGES.length).toBeGreaterThan(25);
    const beginning = (page: string) => (/^docs\/[^/]+$/.test(page) ? /^# .+\n\nFor \w/ : /^# .+\n\n\S/);
    expect(PAGES.filter((page) => !page.startsWith('.github') && !beginning(page).test(read(page)))).toEqual([]);
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

  test('every picture exists, for light and dark, and says in words what it shows', () => {
    const pictures = PAGES.flatMap((page) =>
      [...read(page).matchAll(/<picture>[^]*?<\/picture>/g)].map(([html]) => ({ page, html })),
    );
    expect(pictures.length).toBeGreaterThan(2);
    for (const { page, html } of pictures) {
      const [dark, light] = [...html.matchAll(/src(?:set)?="([^"]+)"/g)].map(([, path = '']) =>
        join(dirname(page), path),
      );
      expect(html).toMatch(/prefers-color-scheme: dark[^]*alt="[^"]{20,}"/);
      expect([dark, light].map((path = '') => existsSync(join(ROOT, path)))).toEqual([true, true]);
    }
  });

  test('every file that a sentence names exists', () => {
    const named = inline.filter((code) =>
      /^(functions|cli|deploy|simulator|local|schemas|examples|docs|test|tools)\/[\w./-]+$/.test(code),
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
  const ours = /(?:npx gemini-callbacks|npm run -s cli --|npm run(?= (?:deploy|destroy)\b)) ([^|#;&]+)/;
  const lines = shell.flatMap(
    (line) =>
      ours
        .exec(line)?.[1]
        ?.replace(/^(deploy|destroy) -- /, '$1 ')
        .trim() ?? [],
  );

  test('every command line of the product parses, with all that it requires', async () => {
    expect(lines.length).toBeGreaterThan(20);
    const refused = await Promise.all(lines.map(async (line) => [line, await refusal(wordsOf(line))]));
    expect(refused.filter(([, reason]) => reason !== undefined)).toEqual([]);
  });

  test.for([
    ['jobs show', 'missing required argument'],
    ['jobs show batches/a --nonsense', 'unknown option'],
    ['submit interaction --route=demo', 'required option'],
    ['jobs list --state=done', 'is invalid'],
    ['jobs shw', 'unknown command'],
    ['deploy --dry-runs', 'unknown option'],
  ] as const)('%s is refused', async ([line, reason]) => {
    expect(await refusal(wordsOf(line))).toContain(reason);
  });

  test('every command that is named in a sentence or an alert exists, and takes the options beside it', async () => {
    const named = inline
      .map((code) => wordsOf(code.replace(/^(?:npx |npm run -s cli -- )?(?:gemini-callbacks )?/, '')))
      .filter(([group = '', verb]) => isGroup(group) && (verb !== undefined || group === 'doctor'));
    expect(named.length).toBeGreaterThan(15);
    const refused = await Promise.all(named.map(async (words) => [words.join(' '), await refusal(words)]));
    // A sentence may leave out what a command line requires.
    expect(refused.filter(([, reason]) => reason !== undefined && !/missing|required/.test(reason))).toEqual([]);
  });

  /** Runs a request of a page, and returns the answer. */
  async function curl(line: string, env: NodeJS.ProcessEnv): Promise<unknown> {
    const script = ['-c', `${line} --fail-with-body`];
    return JSON.parse((await execute('sh', script, { env: { PATH: process.env['PATH'], ...env } })).stdout);
  }

  test('the requests to the simulator cause a delivery to a receiver', async () => {
    const jobs = { pendingMillis: 0, runningMillis: 0 };
    const simulator = await forTest(startSimulator({ settings: { jobs } }));
    const receiver = await forTest(startReceiver());
    const requests = shell.filter((line) => /^curl [^|]*\$GOOGLE_GEMINI_BASE_URL/.test(line));
    const [webhook = '', batch = ''] = [...new Set(requests)];
    const env = { GOOGLE_GEMINI_BASE_URL: simulator.url };
    const registration = webhook.replace('http://127.0.0.1:3000', receiver.url);
    expect(await curl(registration, env)).toHaveProperty('new_signing_secret');
    await curl(batch, env);
    await expect.poll(() => receiver.received.length).toBe(1);
    await expect.poll(() => simulator.ledger.deliveries.map(({ state }) => state)).toEqual(['delivered']);
  });

  test('the request to submitJob starts a job', async () => {
    const request = shell.find((line) => line.startsWith('curl $SUBMIT_URL')) ?? '';
    const stage = await Stage.open();
    const settings = { DYNAMIC_ROUTE_KEY: 'r'.repeat(32), CALLBACK_URL: 'https://callback.example.test/' };
    const { url: SUBMIT_URL } = await stage.start(settings, 'submitJob');
    const job = { kind: 'interaction', route: 'jokes' };
    expect(await curl(request, { SUBMIT_URL, ID_TOKEN: 'any' })).toMatchObject(job);
    expect(stage.simulator.jobs()).toHaveLength(1);
  });

  test('every filter of a subscription is valid', () => {
    const named = [...shell.flatMap((line) => /--message-filter='([^']+)'/.exec(line)?.[1] ?? []), ...inline];
    const filters = named.filter((code) => /^(NOT )?attributes[.:]/.test(code));
    expect(filters.length).toBeGreaterThan(5);
    for (const filter of filters) expect([filter, parseFilter(filter)]).toEqual([filter, expect.any(Function)]);
    expect(() => parseFilter('attributes.route == "nightly"')).toThrow(/./);
  });

  // Signing in is for people. Blocks that set variables are executed by test/contract/deploy/documents.test.ts.
  test.skipIf(!hasGcloud)('gcloud understands every line', async () => {
    const gcloud = [
      ...blocks('sh').flatMap(({ code }) => code.split('\n')),
      ...inline.filter((code) => /^gcloud \S+ \S+ .*--/.test(code)),
    ].flatMap((line) => /gcloud (?!auth )(?:'[^']*'|[^)|])*/.exec(line)?.[0].trim() ?? []);
    expect(gcloud.length).toBeGreaterThan(8);
    const parsed = await parseAll(gcloud.map((line) => ({ args: wordsOf(line).slice(1), stdin: '' })));
    const refused = parsed.flatMap(({ stderr }, index) =>
      /active account/.test(stderr) ? [] : [{ line: gcloud[index], stderr }],
    );
    expect(refused).toEqual([]);
  });
});

/** Parses a command line as the program does, and runs nothing. Returns why the program refuses it. */
async function refusal(words: readonly string[]): Promise<string | undefined> {
  const program = createParser().configureOutput({ writeErr: () => {}, writeOut: () => {} });
  const group = words.find(isGroup);
  if (group === undefined || !hasOwnFlags(group)) addInstallationFlags(program);
  if (group !== undefined) (await GROUPS[group].load())(program, () => new Context({}, {}));
  for (const leaf of leavesOf(program)) leaf.action(() => {});
  try {
    await program.parseAsync(words, { from: 'user' });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError && error.code === 'commander.helpDisplayed') return undefined;
    return error instanceof Error ? error.message : String(error);
  }
}

function leavesOf(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
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
    const tsc = execute(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder]);
    expect(await tsc.catch(({ stdout }: { stdout: string }) => ({ stdout }))).toMatchObject({ stdout: '' });
  });

  test('every Python snippet and example compiles', () => {
    const files = globSync('examples/**/*.py', { cwd: ROOT }).map(read);
    const sources = [...blocks('python').map(({ code }) => code), ...files];
    expect(sources.length).toBeGreaterThan(4);
    const program = 'import json, sys\nfor source in json.load(sys.stdin): compile(source, "snippet", "exec")';
    execFileSync('python3', ['-c', program], { input: JSON.stringify(sources) });
  });
});
