import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CliError } from '../../../cli/errors.ts';
import { FileStore, keepSecret } from '../../../cli/webhooks/secretStores.ts';
import { verifyRoute } from '../../../functions/model/route.ts';
import { DEFAULT_SETTINGS } from '../../../simulator/settings.ts';
import { cli } from '../../support/cli.ts';
import { errorOf, failed, misused } from './harness.ts';
import { isSignedWith, SECRET, startWebhookStage } from './webhookStage.ts';

const stage = await startWebhookStage();
const { simulator, receiver, secretManager, ai, env, folder, secretFile, webhooks, result, failing } = stage;

const CREATE = ['create', '--uri', receiver.url, '--events', 'batch.succeeded,batch.failed'];
const ids = async () => ((await ai.webhooks.list()).webhooks ?? []).map(({ id }) => id);
const copies = () => readdirSync(folder()).filter((name) => name.endsWith('.secret'));

describe('create', () => {
  test('registers, keeps the secret in a private file, shows it nowhere, and pings', async () => {
    const pings = await stage.deliveriesOf(async () => {
      const run = await webhooks(...CREATE, '--name', 'N', '--secret-file', secretFile());
      expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(receiver.url) });
      expect(run.stdout + run.stderr).not.toMatch(SECRET);
    });
    expect(statSync(secretFile()).mode & 0o777).toBe(0o600);
    expect(copies()).toEqual([]);
    const [secret = ''] = stage.kept();
    expect(pings.map((ping) => isSignedWith(secret, ping))).toEqual([true]);
  });

  test('keeps the secret in Secret Manager, as a new version beside the existing ones', async () => {
    await result(...CREATE, '--secret', 'signing');
    await result(...CREATE, '--secret', 'signing');
    const [first = '', second, ...more] = secretManager.secrets.get('projects/demo/secrets/signing') ?? [];
    expect(first).toMatch(SECRET);
    expect(second?.split('\n')).toEqual([expect.stringMatching(SECRET), first]);
    expect(more).toEqual([]);
  });

  test('shows the secret with --print-secret', async () => {
    expect(await result(...CREATE, '--print-secret')).toMatchObject({
      new_signing_secret: expect.stringMatching(SECRET),
    });
  });

  test('keeps a copy where the store fails after Gemini has answered, and says how to store it', async () => {
    secretManager.refusesVersions = true;
    const run = await webhooks(...CREATE, '--secret', 'signing', '--json');
    const { code, message, id = '', copy = '' } = errorOf(run);
    expect([run.exitCode, code, id]).toEqual([1, 'SECRET_NOT_STORED', (await ids()).at(-1)]);
    expect(copy).toBe(join(folder(), ...copies()));
    expect(message).toContain(`The webhook ${id} is registered`);
    expect(message).toContain(`gcloud secrets versions add signing --project=demo --data-file=${copy}`);
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    const secret = readFileSync(copy, 'utf8');
    const pings = await stage.deliveriesOf(async () => await result('ping', id));
    expect(pings.map((ping) => isSignedWith(secret, ping))).toEqual([true]);
  });

  test('keeps the copy elsewhere where this folder is read-only, and shows the secret in no case', async () => {
    secretManager.refusesVersions = true;
    const args = ['webhooks', ...CREATE, '--secret', 'signing', '--json'];
    const run = async (TMPDIR: string) => errorOf(await cli(args, { ...env, TMPDIR }, { cwd: '/proc' }));
    const { copy } = await run(folder());
    expect(copy).toBe(join(folder(), ...copies()));
    const { message, id } = await run('/proc');
    expect(message).toContain(`Make another: gemini-callbacks webhooks rotate ${id}`);
    expect(message).not.toMatch(SECRET);
  });

  test('a file that cannot be replaced leaves nothing but the copy, and a line for the shell that works', async () => {
    const path = join(folder(), "a secret's file");
    const store = new FileStore(path);
    expect(await store.prepare()).toEqual([]);
    mkdirSync(path);
    const error = await keepSecret(store, ['new', 'old'], { id: 'x', done: 'Done' }).catch((thrown: unknown) => thrown);
    const { message, details } = error as CliError;
    const { copy = '' } = details;
    onTestFinished(() => rmSync(copy));
    expect(readFileSync(copy, 'utf8')).toBe('new\nold');
    expect(readdirSync(folder())).toEqual(["a secret's file"]);
    rmSync(path, { recursive: true });
    execFileSync('sh', ['-c', message.split('\n').find((line) => line.includes('install')) ?? '']);
    expect(readFileSync(path, 'utf8')).toBe('new\nold');
  });

  test.for([
    ['in a folder that does not exist', 'no/such/folder'],
    ['in the place of a folder', '.'],
    ['in a file of other settings', 'settings'],
  ] as const)('does not call Gemini where the secret would be kept %s', async ([, path]) => {
    writeFileSync(join(folder(), 'settings'), 'GEMINI_API_KEY=any-key');
    const run = await stage.withoutRequests(async () => await webhooks(...CREATE, '--secret-file', path));
    expect(run).toMatchObject(failed('Nothing was done at Gemini'));
    expect(readdirSync(folder())).toEqual(['settings']);
  });

  test('does not call Gemini where the disk is full, although the file could be made', async () => {
    const args = ['webhooks', ...CREATE, '--secret-file', secretFile()];
    const before = await ids();
    const run = await cli(args, env, { cwd: folder(), isDiskFull: true });
    expect(run).toMatchObject(failed('Nothing was done at Gemini'));
    expect([await ids(), readdirSync(folder())]).toEqual([before, []]);
  });

  test.for([
    ['no place for the secret', [], '--print-secret'],
    ['two places', ['--secret', 'a', '--secret-file', 'b'], 'cannot be used with'],
    ['http', ['--uri', 'http://hooks.example.test/', '--print-secret'], 'must begin with https'],
    ['no URL', ['--uri', 'hooks.example.test', '--print-secret'], 'is not a URL'],
    ['an unknown event', ['--events', 'batch.done', '--print-secret'], 'refuses a subscription to batch.done'],
    ['an event that Gemini refuses', ['--events', 'batch.cancelled', '--print-secret'], 'to batch.cancelled.'],
    ['another', ['--events', 'interaction.cancelled', '--print-secret'], 'to interaction.cancelled.'],
    ['no event', ['--events', ' , ', '--print-secret'], 'names no event type'],
    ['empty values', ['--name', '', '--secret-file', ''], 'Empty: --name <label>, --secret-file <path>'],
    ['a folder', ['--secret-file', 'signing/'], 'is a folder'],
  ] as const)('refuses %s before it calls Gemini', async ([, args, message]) => {
    const run = await stage.withoutRequests(async () => await webhooks(...CREATE, ...args));
    expect(run).toMatchObject(misused(message));
  });

  test.for(['https://localhost/x', 'http://127.0.0.1:1/x'])('refuses %s at the real API', async (uri) => {
    const args = ['webhooks', 'create', '--uri', uri, '--events', 'batch.failed', '--print-secret'];
    expect(await cli(args, { GEMINI_API_KEY: 'any-key' })).toMatchObject({ exitCode: 2 });
  });

  test('accepts an unknown event with --force', async () => {
    simulator.settings.patch({ api: { eventTypes: ['batch.done'] } });
    onTestFinished(() => void simulator.settings.patch({ api: DEFAULT_SETTINGS.api }));
    const args = ['--uri', receiver.url, '--events', 'batch.done', '--force', '--print-secret'];
    expect(await result('create', ...args)).toMatchObject({ subscribed_events: ['batch.done'] });
  });

  test('never repeats a call whose answer was lost, and says what to do', async () => {
    failing({ method: 'webhooks.create', loseAnswer: true, times: 1 });
    const before = await ids();
    expect(await webhooks(...CREATE, '--print-secret')).toMatchObject(failed('webhooks list'));
    expect(await ids()).toHaveLength(before.length + 1);
  });

  test('where Gemini fails does not say to try again, which could make a second webhook', async () => {
    failing({ method: 'webhooks.create', status: 503 });
    const { stderr } = await webhooks(...CREATE, '--print-secret');
    expect(stderr).toContain('webhooks list');
    expect(stderr).not.toContain('again');
  });
});

describe('list, show, update, delete, ping', () => {
  test('work on one webhook', async () => {
    const { id = '' } = await result(...CREATE, '--print-secret', '--name', 'first');
    expect((await webhooks('list')).stdout).toMatch(new RegExp(`^${id} +first +enabled +${receiver.url}`, 'm'));
    const changes = ['--name', 'second', '--disable', '--events', 'video.generated'];
    const changed = { name: 'second', subscribed_events: ['video.generated'], uri: receiver.url };
    expect(await result('update', id, ...changes)).toMatchObject({ ...changed, state: 'disabled' });
    expect(await result('update', id, '--enable')).toMatchObject({ ...changed, state: 'enabled' });
    expect((await webhooks('show', id)).stdout).toMatch(/^secrets +whsec_\.\.\./m);
    expect(await stage.deliveriesOf(async () => await result('ping', id))).toHaveLength(1);
    expect(await result('delete', id)).toEqual({ id, deleted: true });
    expect(await webhooks('show', id)).toMatchObject(failed('not found'));
  });

  test.for([
    ['no change', [], 'There is nothing to change'],
    ['an event that Gemini refuses', ['--events', 'batch.failed,batch.cancelled'], 'subscription to batch.cancelled.'],
  ] as const)('update refuses %s before it calls Gemini', async ([, args, message]) => {
    const run = await stage.withoutRequests(async () => await webhooks('update', 'hook', ...args));
    expect(run).toMatchObject(misused(message));
  });

  test('name a key that is missing, and one that Gemini refuses', async () => {
    expect(await cli(['webhooks', 'list'], {})).toMatchObject(misused('GEMINI_API_KEY'));
    simulator.settings.patch({ api: { key: 'right' } });
    onTestFinished(() => void simulator.settings.patch({ api: { key: null } }));
    const run = await webhooks('list', '--json');
    expect([run.exitCode, errorOf(run).code]).toEqual([1, 'GEMINI_INVALID_ARGUMENT']);
  });
});

describe('route-url', () => {
  const KEY = 'k'.repeat(32);
  const URL_OF = ['webhooks', 'route-url', '--route'];

  test('prints a URL that geminiCallback accepts', async () => {
    const keys = { CALLBACK_URL: 'https://hooks.example.test/gemini/', DYNAMIC_ROUTE_KEY: `${KEY},${'o'.repeat(32)}` };
    const { stdout, exitCode } = await cli([...URL_OF, 'nightly'], keys);
    expect(exitCode).toBe(0);
    expect(stdout.trim()).toMatch(/^https:\/\/hooks\.example\.test\/gemini\/dynamic\/nightly\//);
    expect(verifyRoute(new URL(stdout.trim()).pathname, [KEY])).toBe('nightly');
  });

  test('names every setting that is missing, and refuses a route that cannot be one', async () => {
    const { exitCode, stderr } = await cli([...URL_OF, 'nightly'], {});
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/CALLBACK_URL[^]*DYNAMIC_ROUTE_KEY/)]);
    expect(await cli([...URL_OF, 'a/b'], {})).toMatchObject({ exitCode: 2 });
  });

  test.for(['?', '#top'])('refuses a callback URL that ends in %s, which no route can follow', async (end) => {
    const keys = { CALLBACK_URL: `https://hooks.example.test/gemini${end}`, DYNAMIC_ROUTE_KEY: KEY };
    const run = await cli([...URL_OF, 'nightly'], keys);
    expect(run).toMatchObject({ ...misused('CALLBACK_URL must'), stdout: '' });
    expect(run.stderr).not.toContain('hooks.example.test');
  });
});

describe('404', () => {
  test.for([['list'], ['show', 'hook'], ['ping', 'hook'], [...CREATE, '--print-secret']])(
    'of every method means the API version: %s',
    async (args) => {
      failing({ method: 'webhooks.*', status: 404 });
      expect(await webhooks(...args)).toMatchObject(failed('Switch: export GOOGLE_GENAI_API_VERSION=v1beta'));
      const run = await cli(['webhooks', ...args], { ...env, GOOGLE_GENAI_API_VERSION: 'v1beta' });
      expect(run.stderr).toMatch(/Switch: export GOOGLE_GENAI_API_VERSION=v1$/m);
    },
  );

  test('of one webhook means that webhook', async () => {
    expect((await webhooks('show', 'hook')).stderr).toContain('List the webhooks: gemini-callbacks webhooks list');
  });
});
