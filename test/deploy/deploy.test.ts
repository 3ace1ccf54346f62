import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { newSecret } from '../simulator/signing.ts';
import { type RunningFunction, startFunction } from '../support/functions.ts';
import { type GcloudCommand, parseAll } from '../support/gcloud.ts';
import { TestProject } from '../support/project.ts';
import { type SecretManager, startSecretManager } from '../support/secretManager.ts';
import { Cloud } from './cloud.ts';

const MAIN = join(import.meta.dirname, '../../cli/deploy/main.ts');

/** Every command that any of these tests has sent to gcloud: the real one parses them at the end. */
const recorded = new Map<string, GcloudCommand>();

let project: TestProject;
let callback: RunningFunction;
let simulator: Simulator;
let secretManager: SecretManager;
let rules: Awaited<ReturnType<typeof startRules>>;
let cloud: Cloud;

beforeAll(async () => {
  [project, simulator, secretManager, rules] = await Promise.all([
    TestProject.create(),
    startSimulator(),
    startSecretManager(),
    startRules(),
  ]);
  callback = await startFunction('geminiCallback', { ...project.env, WEBHOOK_SIGNING_SECRET: newSecret() });
});
beforeEach(async () => {
  cloud = await Cloud.open();
  cloud.callbackUrl = callback.url;
  return async () => {
    for (const command of cloud.commands) recorded.set(JSON.stringify(command.args), command);
    await cloud.close();
  };
});
afterAll(async () => {
  await callback.end();
  await Promise.all([simulator.close(), secretManager.close(), rules.close(), project.close()]);
});

interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly output: string;
}

async function run(command: 'deploy' | 'destroy', ...args: readonly string[]): Promise<Run> {
  const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
  const env = {
    ...cloud.env,
    FIRESTORE_EMULATOR_HOST,
    PUBSUB_EMULATOR_HOST,
    METADATA_SERVER_DETECTION: 'none',
    GOOGLE_GEMINI_BASE_URL: simulator.url,
    GEMINI_JWKS_URL: `${simulator.url}/.well-known/jwks.json`,
    GEMINI_API_KEY: 'key-of-a-test',
    SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
    FIREBASE_RULES_EMULATOR_HOST: rules.host,
  };
  const place = [`--project=${project.projectId}`, '--region=europe-west1'];
  return await new Promise((resolve) => {
    const child: ChildProcess = execFile(
      process.execPath,
      [MAIN, command, ...place, ...args],
      { env },
      (_error, stdout, stderr) => {
        for (const each of cloud.commands) recorded.set(JSON.stringify(each.args), each);
        resolve({ exitCode: child.exitCode ?? -1, stdout, output: stdout + stderr });
      },
    );
    child.stdin?.end();
  });
}

/** Firebase's rules service, as far as the deploy uses it. */
async function startRules() {
  const rulesets = new Map<string, { source: unknown }>();
  const releases = new Map<string, { rulesetName: string }>();
  const server = createServer((request, response) => {
    void (async () => {
      const path = (request.url ?? '').replace('/v1/', '');
      const body = request.method === 'GET' ? {} : ((await json(request)) as Record<string, never>);
      if (path.endsWith('/rulesets')) {
        const name = `${path}/${rulesets.size}`;
        rulesets.set(name, { source: body['source'] });
        response.end(JSON.stringify({ name }));
        return;
      }
      if (request.method === 'POST') releases.set(String(body['name']), { rulesetName: String(body['rulesetName']) });
      if (request.method === 'PATCH') releases.set(path, { rulesetName: String(body['release']?.['rulesetName']) });
      const found = releases.get(path) ?? rulesets.get(path) ?? (request.method === 'POST' ? {} : undefined);
      response.writeHead(found ? 200 : 404).end(JSON.stringify(found ?? {}));
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, releases, close: async () => await new Promise((resolve) => server.close(resolve)) };
}

async function registered(): Promise<readonly (string | undefined)[]> {
  const ai = new GoogleGenAI({ apiKey: 'key-of-a-test', httpOptions: { baseUrl: simulator.url } });
  const { webhooks = [] } = await ai.webhooks.list({});
  return webhooks.map(({ uri }) => uri);
}

const EVERYTHING = ['--results-bucket=results-of-a-test', '--alert-email=team@example.test'];

describe('deploy', () => {
  test('makes everything, finds all of it in a second run, and goes away again', async () => {
    const first = await run('deploy', ...EVERYTHING);
    expect(first.output).toMatch(/Done: \d+ made, 0 changed, 0 as they were/);
    expect(first.exitCode).toBe(0);
    expect(first.output).toContain(`geminiCallback is at ${callback.url}`);
    expect(cloud.changes().length).toBeGreaterThan(80);
    expect(await registered()).toEqual([callback.url]);

    const second = await run('deploy', ...EVERYTHING);
    expect(second).toMatchObject({ exitCode: 0, output: expect.stringContaining(' 0 made, 0 changed') });
    expect(cloud.changes()).toEqual([]);

    const changed = await run('deploy', ...EVERYTHING, '--set=WEBHOOK_TOLERANCE_SECONDS=120', '--skip=doctor');
    expect(changed.output).toContain(' 0 made, 1 changed');
    expect(cloud.changes()).toEqual([expect.stringMatching(/functions deploy geminiCallback .*TOLERANCE_SECONDS=120/)]);

    const destroyed = await run('destroy', ...EVERYTHING, '--yes');
    expect(destroyed.exitCode).toBe(0);
    expect(destroyed.output).toMatch(/Left, until you say --with-data: .*bucket.*database/);
    await run('destroy', ...EVERYTHING, '--yes', '--with-data');
    const left = [...cloud.things.keys()].filter((key) => !/^(services|firestore indexes [a-z]+)\//.test(key));
    expect(left).toEqual([]);
    expect(await registered()).toEqual([]);
  }, 120_000);

  test('goes on where a run broke, and says each time what to do', async () => {
    const outputs: string[] = [];
    for (const pattern of [
      /pubsub topics create .*results/,
      /secrets versions add .*api-key/,
      /functions deploy submitJob/,
    ]) {
      cloud.failing = { pattern, output: 'ERROR: (gcloud) PERMISSION_DENIED: Permission denied on resource.' };
      const { exitCode, output } = await run('deploy', '--skip=webhook,doctor,firestore,monitoring');
      expect(exitCode).toBe(1);
      expect(output).toMatch(
        /\$ [^\n]*gcloud [^]*PERMISSION_DENIED[^]*→ Your account may not do this[^]*it goes on where it was/,
      );
      outputs.push(output);
    }
    cloud.failing = undefined;
    cloud.changes();
    const last = await run('deploy', '--skip=webhook,doctor,firestore,monitoring');
    expect(last.exitCode).toBe(0);
    const made = cloud.changes();
    expect(made[0]).toContain('functions deploy submitJob');
    expect(made.filter((line) => line.includes('topics create'))).toEqual([]);
  }, 60_000);

  test.each([
    ['You do not currently have an active account selected.', 'gcloud auth login'],
    ['FAILED_PRECONDITION: Billing account for project is not found.', 'console.cloud.google.com/billing'],
    ['Pub/Sub API has not been used in project 1 before or it is disabled.', 'takes some minutes'],
    ['NOT_FOUND: Project was not found.', 'Check --project'],
    ['RESOURCE_EXHAUSTED: Quota exceeded.', 'Wait a minute'],
    ['INTERNAL: Something else.', 'Mend what it says'],
  ])('says what to do about: %s', async (said, advice) => {
    cloud.failing = { pattern: /services list/, output: `ERROR: (gcloud.services.list) ${said}` };
    const { exitCode, output } = await run('deploy', '--only=accounts');
    expect(exitCode).toBe(1);
    expect(output).toContain(said);
    expect(output).toContain(advice);
  });

  test('gives each function an account of its own that may do nothing in the project but use its database', async () => {
    await run('deploy', '--only=accounts,messaging,secrets,access,functions');
    const inProject = cloud.bindings.get(`projects/${project.projectId}`) ?? [];
    expect(new Set(inProject.map(({ role }) => role))).toEqual(new Set(['roles/datastore.user']));
    expect(new Set(inProject.map(({ condition }) => condition))).toEqual(
      new Set([`resource.name=="projects/${project.projectId}/databases/(default)"`]),
    );
    const accounts = [...cloud.things].flatMap(([key, { account }]) => (key.startsWith('functions/') ? account : []));
    expect(new Set(accounts).size).toBe(4);
    const open = [...cloud.bindings].filter(([, bindings]) => bindings.some(({ member }) => member === 'allUsers'));
    expect(open.map(([key]) => key)).toEqual(['run services/geminicallback']);
  });

  test('a prefix makes an installation of its own beside the first', async () => {
    await run('deploy', '--skip=webhook,doctor,firestore,monitoring');
    cloud.changes();
    await run('deploy', '--prefix=staging', '--skip=webhook,doctor,firestore,monitoring');
    const changed = cloud.changes();
    expect(changed.filter((line) => !line.includes('staging'))).toEqual([]);
    expect(changed.join('\n')).toContain('databases/staging-gemini');
    await run('destroy', '--prefix=staging', '--yes', '--skip=webhook,firestore,monitoring', '--with-data');
    expect(cloud.changes().filter((line) => !line.includes('staging'))).toEqual([]);
    expect([...cloud.things.keys()].filter((key) => key.includes('staging'))).toEqual([]);
    expect(cloud.things.has('functions/geminiCallback')).toBe(true);
  }, 60_000);

  test('secrets never stand on a command line, and are never replaced', async () => {
    await run('deploy', '--only=secrets');
    const versions = (name: string) => cloud.things.get(`secrets/${name}`)?.['versions'] as readonly string[];
    expect(versions('gemini-api-key')).toEqual(['key-of-a-test']);
    expect(versions('dynamic-route-key')[0]).toMatch(/^[0-9a-f]{64}\n$/);
    expect(versions('webhook-signing-secret')[0]).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
    const spoken = cloud.commands.map(({ args }) => args.join(' ')).join('\n');
    for (const name of ['gemini-api-key', 'dynamic-route-key', 'webhook-signing-secret'])
      expect(spoken).not.toContain(versions(name)[0]?.trim());
    await run('deploy', '--only=secrets');
    expect(versions('dynamic-route-key')).toHaveLength(1);
  });

  test('--dry-run prints a script that does the same, and changes nothing', async () => {
    const { stdout, exitCode } = await run('deploy', '--dry-run', ...EVERYTHING);
    expect(exitCode).toBe(0);
    expect(cloud.changes()).toEqual([]);
    const run_ = await run('deploy', '--skip=webhook,doctor,firestore', ...EVERYTHING);
    expect(run_.exitCode).toBe(0);
    const printed = new Set(stdout.split('\n'));
    const ran = [...run_.output.matchAll(/^ {4}\$ (.*)$/gm)].map(([, line]) => line);
    expect(ran.length).toBeGreaterThan(50);
    expect(ran.filter((line) => !printed.has(line ?? ''))).toEqual([]);
  }, 60_000);

  test.each([
    ['--only=nonsense', 'There is no step nonsense. Steps: project, firestore'],
    ['--prefix=Staging', '--prefix'],
    ['--set=PORT=1', 'NAME one of WEBHOOK_AUDIENCE'],
    ['--alert-email=nobody', 'an e-mail address'],
  ])('%s is not understood, and nothing is done', async (option, message) => {
    const { exitCode, output } = await run('deploy', option);
    expect([exitCode, output]).toEqual([2, expect.stringContaining(message)]);
    expect(cloud.changes()).toEqual([]);
  });
});

describe('destroy', () => {
  test('asks first', async () => {
    const { exitCode, output } = await run('destroy');
    expect(output).toContain(`Type the project's id to go on`);
    expect(exitCode).not.toBe(0);
    expect(cloud.commands).toEqual([]);
  });
});

test('gcloud understands every command that was sent', () => {
  const commands = [...recorded.values()];
  expect(commands.length).toBeGreaterThan(250);
  const refused = parseAll(commands)
    .map(({ exitCode, stderr }, index) => ({ exitCode, stderr, command: commands[index]?.args.join(' ') }))
    .filter(({ stderr }) => !/active account|default credentials were not found/.test(stderr))
    .filter(({ command }) => !command?.startsWith('meta list-files-for-upload'));
  expect(refused).toEqual([]);
  const [nonsense] = parseAll([{ args: ['pubsub', 'topics', 'create', 'a', '--nonsense'], stdin: '' }]);
  expect(nonsense).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('unrecognized arguments') });
}, 60_000);
