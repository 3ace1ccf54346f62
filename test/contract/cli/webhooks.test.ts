import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { CliError } from '../../../cli/errors.ts';
import { FileStore, keepSecret } from '../../../cli/webhooks/secretStores.ts';
import { verifyRoute } from '../../../functions/model/route.ts';
import { HOUR_MILLIS, type Receiver, startReceiver } from '../../unit/simulator/harness.ts';
import { DEFAULT_SETTINGS, type SettingsPatch } from '../../../simulator/settings.ts';
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';
import { cli, type CliRun } from '../../support/cli.ts';
import { startFunction } from '../../../local/functions.ts';
import { LocalProject } from '../../../local/project.ts';
import { type SecretManager, startSecretManager } from '../../support/secretManager.ts';

const EVENTS = 'batch.succeeded,batch.failed';
const SECRET = /whsec_[A-Za-z0-9+/]{40,}=*/;
const SECRET_PATH = 'projects/demo/secrets/signing';

interface Result {
  readonly id?: string;
  readonly new_signing_secret?: string;
  readonly webhooks?: readonly { readonly id: string }[];
}

let simulator: Simulator;
let receiver: Receiver;
let secretManager: SecretManager;
let folder: string;

beforeAll(async () => {
  [simulator, receiver, secretManager] = await Promise.all([startSimulator(), startReceiver(), startSecretManager()]);
});

afterAll(async () => {
  await Promise.all([simulator.close(), receiver.close(), secretManager.close()]);
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
  secretManager.secrets.clear();
  secretManager.refusesVersions = false;
  receiver.answer = 200;
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const settings = () => ({
  GOOGLE_GEMINI_BASE_URL: simulator.url,
  GEMINI_API_KEY: 'any-key',
  GOOGLE_CLOUD_PROJECT: 'demo',
  SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
});

/** `webhooks …` against the simulator, in a folder of the test's own. */
async function webhooks(...args: readonly string[]): Promise<CliRun> {
  return await cli(['webhooks', ...args, '--yes'], settings(), { cwd: folder });
}

/** Its failure with `--json`, where standard error holds that and nothing else. */
const errorOf = ({ stderr }: CliRun) => (JSON.parse(stderr) as { error: Record<string, string> }).error;

function failing(...faults: NonNullable<NonNullable<SettingsPatch['api']>['faults']>): void {
  simulator.settings.patch({ api: { faults } });
  onTestFinished(() => void simulator.settings.patch({ api: { faults: [] } }));
}

/** The same with `--json`: its result, and a failed test where there is none. */
async function result(...args: readonly string[]): Promise<Result> {
  const run = await webhooks(...args, '--json');
  expect(run).toMatchObject({ exitCode: 0 });
  return JSON.parse(run.stdout) as Result;
}

const creation = () => ['create', '--uri', receiver.url, '--events', EVENTS];

async function create(...args: readonly string[]): Promise<string> {
  return String((await result(...creation(), ...args)).id);
}

async function ids(): Promise<readonly string[]> {
  return ((await result('list')).webhooks ?? []).map(({ id }) => id);
}

const secretFile = () => join(folder, 'signing');
const kept = () => readFileSync(secretFile(), 'utf8').trim().split('\n');
const leftovers = () => readdirSync(folder).filter((name) => name.endsWith('.secret'));

/** True where a delivery of the simulator is signed with this secret. */
const isSignedWith = (secret: string, { body, headers }: Receiver['received'][number]) => {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
};

describe('create', () => {
  test('registers, keeps the secret in a private file, shows it nowhere, and pings', async () => {
    const before = receiver.received.length;
    const run = await webhooks(...creation(), '--name', 'N', '--secret-file', secretFile());
    expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(receiver.url) });
    expect(run.stdout + run.stderr).not.toMatch(SECRET);
    expect(statSync(secretFile()).mode & 0o777).toBe(0o600);
    expect(leftovers()).toEqual([]);
    await expect.poll(() => receiver.received.length).toBe(before + 1);
    const [secret = ''] = kept();
    expect(receiver.received.slice(before).map((ping) => isSignedWith(secret, ping))).toEqual([true]);
  });

  test('keeps the secret in Secret Manager, as a new version beside those that are there', async () => {
    await create('--secret', 'signing');
    await create('--secret', 'signing');
    const versions = secretManager.secrets.get(SECRET_PATH) ?? [];
    expect(versions).toHaveLength(2);
    expect(versions[0]).toMatch(SECRET);
    expect(versions[1]?.split('\n')).toHaveLength(2);
    expect(versions[1]).toContain(versions[0]);
  });

  test('shows the secret with --print-secret', async () => {
    expect((await result(...creation(), '--print-secret')).new_signing_secret).toMatch(SECRET);
  });

  test('keeps a copy where the store fails after Gemini has answered, and says how to store it', async () => {
    secretManager.refusesVersions = true;
    const run = await webhooks(...creation(), '--secret', 'signing', '--json');
    expect(run.exitCode).toBe(1);
    const { code, message, id = '', copy = '' } = errorOf(run);
    expect(code).toBe('SECRET_NOT_STORED');
    expect(id).toBe((await ids()).at(-1));
    expect(copy).toBe(join(folder, ...leftovers()));
    expect(message).toContain(`The webhook ${id} is registered`);
    expect(message).toContain(`gcloud secrets versions add signing --project=demo --data-file=${copy}`);
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    const secret = readFileSync(copy, 'utf8');
    const before = receiver.received.length;
    await result('ping', id);
    await expect.poll(() => receiver.received.length).toBe(before + 1);
    expect(isSignedWith(secret, receiver.received.at(-1) as Receiver['received'][number])).toBe(true);
  });

  test('keeps the copy elsewhere where this folder takes none, and shows the secret in no case', async () => {
    secretManager.refusesVersions = true;
    const args = ['webhooks', ...creation(), '--secret', 'signing', '--json'];
    const run = async (TMPDIR: string) => await cli(args, { ...settings(), TMPDIR }, { cwd: '/proc' });
    const { copy } = errorOf(await run(folder));
    expect(copy).toBe(join(folder, ...leftovers()));
    const { message, id } = errorOf(await run('/proc'));
    expect(message).toContain(`Make another: gemini-callbacks webhooks rotate ${id}`);
    expect(message).not.toMatch(SECRET);
  });

  test('a file that cannot be replaced leaves nothing but the copy, and a line for the shell that works', async () => {
    const path = join(folder, "a secret's file");
    const store = new FileStore(path);
    expect(await store.prepare()).toEqual([]);
    mkdirSync(path);
    const error = await keepSecret(store, ['new', 'old'], { id: 'x', done: 'Done' }).catch((thrown: unknown) => thrown);
    const { message, details } = error as CliError;
    const { copy = '' } = details;
    onTestFinished(() => rmSync(copy));
    expect(readFileSync(copy, 'utf8')).toBe('new\nold');
    expect(readdirSync(folder)).toEqual(["a secret's file"]);
    rmSync(path, { recursive: true });
    execFileSync('sh', ['-c', message.split('\n').find((line) => line.includes('install')) ?? '']);
    expect(readFileSync(path, 'utf8')).toBe('new\nold');
  });

  test.for([
    ['in a folder that is not there', 'no/such/folder'],
    ['in the place of a folder', '.'],
    ['among what is no signing secret', 'settings'],
  ] as const)('asks Gemini for nothing where the secret would be kept %s', async ([, path]) => {
    writeFileSync(join(folder, 'settings'), 'GEMINI_API_KEY=any-key');
    const requests = simulator.ledger.requests.length;
    const run = await webhooks(...creation(), '--secret-file', path);
    expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Nothing was done at Gemini') });
    expect(simulator.ledger.requests).toHaveLength(requests);
    expect(readdirSync(folder)).toEqual(['settings']);
  });

  test.for([
    ['no place for the secret', [], '--print-secret'],
    ['two places', ['--secret', 'a', '--secret-file', 'b'], 'cannot be used with'],
    ['http', ['--uri', 'http://hooks.example.test/', '--print-secret'], 'must begin with https'],
    ['no URL', ['--uri', 'hooks.example.test', '--print-secret'], 'is not a URL'],
    ['an unknown event', ['--events', 'batch.done', '--print-secret'], 'refuses a subscription to batch.done'],
    ['an event that Gemini refuses', ['--events', 'batch.cancelled', '--print-secret'], 'to batch.cancelled'],
    ['no event', ['--events', ' , ', '--print-secret'], 'names no event type'],
    ['what is empty', ['--name', '', '--secret-file', ''], 'Empty: --name <label>, --secret-file <path>'],
    ['a folder', ['--secret-file', 'signing/'], 'is a folder'],
  ] as const)('refuses %s before it asks Gemini', async ([, args, message]) => {
    const requests = simulator.ledger.requests.length;
    const run = await webhooks(...creation(), ...args);
    expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
    expect(simulator.ledger.requests).toHaveLength(requests);
  });

  test('on a full disk nothing is done at Gemini: the file could be made, and the secret would not fit', async () => {
    const before = await ids();
    const args = ['webhooks', ...creation(), '--secret-file', secretFile()];
    const run = await cli(args, settings(), { cwd: folder, isDiskFull: true });
    expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Nothing was done at Gemini') });
    expect(await ids()).toEqual(before);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('takes an unknown event with --force', async () => {
    simulator.settings.patch({ api: { eventTypes: ['batch.done'] } });
    onTestFinished(() => void simulator.settings.patch({ api: DEFAULT_SETTINGS.api }));
    const args = ['--events', 'batch.done', '--force', '--print-secret'];
    expect(await result('create', '--uri', receiver.url, ...args)).toMatchObject({ subscribed_events: ['batch.done'] });
  });

  test.for(['https://localhost/x', 'http://127.0.0.1:1/x'])('refuses %s at the real API', async (uri) => {
    const args = ['webhooks', 'create', '--uri', uri, '--events', EVENTS, '--print-secret'];
    expect(await cli(args, { GEMINI_API_KEY: 'any-key' })).toMatchObject({ exitCode: 2 });
  });

  test('never repeats a call whose answer was lost, and says what to do', async () => {
    failing({ method: 'webhooks.create', loseAnswer: true, times: 1 });
    const before = await ids();
    const run = await webhooks(...creation(), '--print-secret');
    expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('webhooks list') });
    expect(await ids()).toHaveLength(before.length + 1);
  });

  test('where Gemini fails does not say to try again, which could make a second webhook', async () => {
    failing({ method: 'webhooks.create', status: 503 });
    const { stderr } = await webhooks(...creation(), '--print-secret');
    expect(stderr).toContain('webhooks list');
    expect(stderr).not.toContain('again');
  });
});

describe('list, show, update, delete, ping', () => {
  test('work on one webhook', async () => {
    const id = await create('--print-secret', '--name', 'first');
    expect((await webhooks('list')).stdout).toMatch(new RegExp(`^${id} +first +enabled +${receiver.url}`, 'm'));
    expect(await result('update', id, '--name', 'second', '--disable', '--events', 'video.generated')).toMatchObject({
      name: 'second',
      state: 'disabled',
      subscribed_events: ['video.generated'],
      uri: receiver.url,
    });
    expect(await result('update', id, '--enable')).toMatchObject({ name: 'second', state: 'enabled' });
    expect((await webhooks('show', id)).stdout).toMatch(/^secrets +whsec_\.\.\./m);
    const before = receiver.received.length;
    await result('ping', id);
    await expect.poll(() => receiver.received.length).toBe(before + 1);
    expect(await result('delete', id)).toEqual({ id, deleted: true });
    expect(await webhooks('show', id)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('not found') });
  });

  test.for([
    ['an update of nothing', ['update', 'x'], 'There is nothing to change'],
    ['a wrong option', ['list', '--nonsense'], "unknown option '--nonsense'"],
    ['a missing option', ['create'], "required option '--uri <url>' not specified"],
    ['a wrong command', ['frobnicate'], "unknown command 'frobnicate'"],
    ['a missing command', [], 'A command is missing'],
    ['an empty argument', ['delete', ''], 'Empty: <id>'],
  ] as const)('with --json %s is reported as one object', async ([, args, message]) => {
    const run = await webhooks(...args, '--json');
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(errorOf(run)).toEqual({ code: 'USAGE', message: expect.stringMatching(new RegExp(`^${message}`)) });
  });

  test('without --json the same is reported as text, with a reference to the help', async () => {
    expect((await webhooks('create')).stderr).toBe(
      "error: required option '--uri <url>' not specified\n(add --help for usage)\n",
    );
  });

  test('say what is missing', async () => {
    expect(await cli(['webhooks', 'list'], {})).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('GEMINI_API_KEY'),
    });
    const env = { GEMINI_API_KEY: 'wrong', GOOGLE_GEMINI_BASE_URL: simulator.url };
    simulator.settings.patch({ api: { key: 'right' } });
    onTestFinished(() => void simulator.settings.patch({ api: { key: null } }));
    const run = await cli(['webhooks', 'list', '--json'], env);
    expect(run.exitCode).toBe(1);
    expect(JSON.parse(run.stderr)).toMatchObject({ error: { code: 'GEMINI_INVALID_ARGUMENT' } });
  });
});

describe('rotate', () => {
  test('stores the new secret with the old one, verified by the running function, which rereads it', async () => {
    const project = await LocalProject.create();
    writeFileSync(secretFile(), '');
    const { id, secret } = await registered();
    const callback = await startFunction('geminiCallback', {
      ...project.env,
      WEBHOOK_SIGNING_SECRET_FILE: secretFile(),
    });
    onTestFinished(async () => {
      await callback.end();
      await project.close();
    });
    await result('update', id, '--uri', callback.url);

    const run = await webhooks('rotate', id, '--secret-file', secretFile(), '--wait', '60');
    expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('Proved') });
    expect(run.stdout).toMatch(/The old one ends \d{4}-/);
    expect(run.stdout + run.stderr).not.toMatch(SECRET);
    expect(kept()).toHaveLength(2);
    expect(kept()[1]).toBe(secret);
    await expect.poll(async () => await project.documentIds('deliveries')).toHaveLength(2);
    expect(await project.documentIds('jobs')).toEqual([id]);
  }, 90_000);

  test('with --revoke-now the old secret is dropped, those of other webhooks stay', async () => {
    const other = await registered();
    const { id, secret } = await registered();
    expect(kept()).toEqual([secret, other.secret]);
    expect(await result('rotate', id, '--revoke-now', '--secret-file', secretFile())).toMatchObject({
      old_secret_ends: 'now',
    });
    expect(kept()).toEqual([expect.not.stringContaining(secret), other.secret]);
  });

  test('where the function does not accept the new secret, says so, and has kept both', async () => {
    const { id, secret } = await registered();
    receiver.answer = 401;
    const run = await webhooks('rotate', id, '--secret-file', secretFile(), '--wait', '1', '--json');
    expect(run.exitCode).toBe(3);
    expect(JSON.parse(run.stdout)).toMatchObject({ id, uri: receiver.url });
    expect(errorOf(run)).toMatchObject({ code: 'ROTATION_NOT_PROVED', message: expect.stringContaining('401') });
    expect(kept()).toEqual([expect.stringMatching(SECRET), secret]);
    await result('update', id, '--uri', 'http://127.0.0.1:9/');
    const unreachable = await webhooks('rotate', id, '--secret-file', secretFile(), '--wait', '0');
    expect(unreachable).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('(bad port)') });
  });

  test('where only the ping fails, says that there is nothing to repeat', async () => {
    const { id, secret } = await registered();
    failing({ method: 'webhooks.ping', status: 503 });
    const run = await webhooks('rotate', id, '--secret-file', secretFile(), '--json');
    expect(run.exitCode).toBe(3);
    expect(errorOf(run)).toMatchObject({
      code: 'NOT_PINGED',
      message: expect.stringContaining('rotated, kept and proved, but the ping failed'),
    });
    expect(kept()).toEqual([expect.stringMatching(SECRET), secret]);
  });

  test('where Gemini fails says that the old secret may have ended', async () => {
    const { id } = await registered();
    failing({ method: 'webhooks.rotateSigningSecret', status: 500 });
    const run = await webhooks('rotate', id, '--print-secret', '--revoke-now');
    expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Rotate again at once') });
  });

  test('reports secrets that no webhook signs with, and removes them only on request, because another project may use them', async () => {
    const ofAll = simulator;
    simulator = await startSimulator({ clock: { manual: true } });
    onTestFinished(async () => {
      await simulator.close();
      simulator = ofAll;
    });
    const foreign = 'whsec_Zm9yZWlnbi1mb3JlaWduLWZvcmVpZ24tZm9yZWlnbiE=';
    const other = await registered();
    const { id, secret: first } = await registered();
    keep(foreign);
    const second = await rotated(id);
    const rotation = ['rotate', id, '--secret-file', secretFile()];
    const truncated = (secret: string) => `whsec_...${secret.slice(-4)}`;

    await simulator.clock.advance(HOUR_MILLIS);
    expect(await result(...rotation)).toMatchObject({
      old_secret_ends: new Date(simulator.clock.now() + 24 * HOUR_MILLIS).toISOString(),
      unlisted_secrets: [truncated(foreign)],
      dropped_secrets: [],
    });
    const [third = ''] = kept();
    expect(kept()).toEqual([third, second, foreign, first, other.secret]);

    await simulator.clock.advance(25 * HOUR_MILLIS);
    expect(await result(...rotation, '--drop-unlisted')).toMatchObject({
      unlisted_secrets: [],
      dropped_secrets: [second, foreign, first].map(truncated),
    });
    const [fourth = ''] = kept();
    expect(kept()).toEqual([fourth, third, other.secret]);

    await simulator.clock.advance(25 * HOUR_MILLIS);
    const { stdout } = await webhooks(...rotation, '--revoke-now');
    expect(stdout).toContain(`Removed: ${truncated(third)}, which`);
    expect(kept()).toEqual([expect.not.stringContaining(fourth), other.secret]);
  });

  test('where the secret cannot be kept nothing is rotated', async () => {
    const { id, secret } = await registered();
    const args = ['rotate', id, '--secret-file', join(folder, 'signing/below')];
    expect(await webhooks(...args)).toMatchObject({ exitCode: 1 });
    expect((await webhooks('show', id)).stdout).toContain(secret.slice(-4));
  });

  /** A webhook whose secret is in the file before all others. */
  async function registered(): Promise<{ id: string; secret: string }> {
    const made = await ask('', { uri: receiver.url, subscribed_events: ['batch.succeeded'] });
    const { id = '', new_signing_secret: secret = '' } = made;
    keep(secret);
    return { id, secret };
  }

  /** Its new secret, which is in the file too. */
  async function rotated(id: string): Promise<string> {
    const { secret = '' } = await ask(`/${id}:rotateSigningSecret`, {});
    keep(secret);
    return secret;
  }

  function keep(secret: string): void {
    const before = existsSync(secretFile()) ? kept() : [];
    writeFileSync(secretFile(), [secret, ...before].join('\n'));
  }

  async function ask(path: string, body: object): Promise<Record<string, string>> {
    const headers = { 'x-goog-api-key': 'any-key', 'content-type': 'application/json' };
    const request = { method: 'POST', headers, body: JSON.stringify(body) };
    return (await (await fetch(`${simulator.url}/v1/webhooks${path}`, request)).json()) as Record<string, string>;
  }
});

describe('route-url', () => {
  const KEY = 'k'.repeat(32);

  test('prints a URL that geminiCallback accepts', async () => {
    const env = { CALLBACK_URL: 'https://hooks.example.test/gemini/', DYNAMIC_ROUTE_KEY: `${KEY},${'o'.repeat(32)}` };
    const { stdout, exitCode } = await cli(['webhooks', 'route-url', '--route', 'nightly'], env);
    expect(exitCode).toBe(0);
    expect(stdout.trim()).toMatch(/^https:\/\/hooks\.example\.test\/gemini\/dynamic\/nightly\//);
    expect(verifyRoute(new URL(stdout.trim()).pathname, [KEY])).toBe('nightly');
  });

  test('names every setting that is missing, and refuses what is no route', async () => {
    const run = await cli(['webhooks', 'route-url', '--route', 'nightly'], {});
    expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/CALLBACK_URL[^]*DYNAMIC_ROUTE_KEY/) });
    expect(await cli(['webhooks', 'route-url', '--route', 'a/b'], {})).toMatchObject({ exitCode: 2 });
  });

  test.for(['?', '#top'])('refuses a callback URL that ends in %s, which no route can follow', async (end) => {
    const env = { CALLBACK_URL: `https://hooks.example.test/gemini${end}`, DYNAMIC_ROUTE_KEY: KEY };
    const run = await cli(['webhooks', 'route-url', '--route', 'nightly'], env);
    expect(run).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('CALLBACK_URL must') });
    expect(run.stderr).not.toContain('hooks.example.test');
  });
});

describe('404', () => {
  test.for([
    ['list'],
    ['show', 'hook'],
    ['ping', 'hook'],
    ['create', '--uri', 'https://c.example.test/', '--events', 'batch.failed', '--print-secret'],
  ])('of every method means the API version: %s', async (...[args]) => {
    failing({ method: 'webhooks.*', status: 404 });
    const run = await webhooks(...args, '--json');
    expect(run.exitCode).toBe(1);
    expect(errorOf(run)['message']).toContain('Switch: export GOOGLE_GENAI_API_VERSION=v1beta');
  });

  test('of one webhook means that webhook', async () => {
    const run = await webhooks('show', 'hook', '--json');
    expect(errorOf(run)['message']).toContain('List the webhooks: gemini-callbacks webhooks list');
  });

  test('under v1beta proposes v1', async () => {
    failing({ method: 'webhooks.*', status: 404 });
    const run = await cli(['webhooks', 'list'], { ...settings(), GOOGLE_GENAI_API_VERSION: 'v1beta' });
    expect(run.stderr).toContain('Switch: export GOOGLE_GENAI_API_VERSION=v1');
  });
});

test.for(['batch.cancelled', 'interaction.cancelled'])(
  'a subscription to %s is refused, as Gemini refuses it',
  async (type) => {
    const requests = simulator.ledger.requests.length;
    for (const args of [
      ['create', '--uri', 'https://c.example.test/', '--print-secret'],
      ['update', 'hook'],
    ]) {
      const run = await webhooks(...args, '--events', `batch.failed,${type}`, '--json');
      expect(run.exitCode).toBe(2);
      expect(errorOf(run)['message']).toContain(`Gemini refuses a subscription to ${type}.`);
    }
    expect(simulator.ledger.requests).toHaveLength(requests);
  },
);
