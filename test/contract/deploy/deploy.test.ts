import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SUBSCRIBABLE_TYPES } from '../../../functions/model/eventTypes.ts';
import { startReceiver } from '../../unit/simulator/harness.ts';
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';
import { newSecret } from '../../../simulator/signing.ts';
import { type RunningFunction, startFunction } from '../../../local/functions.ts';
import { type GcloudCommand, parseAll } from '../../support/gcloud.ts';
import { LocalProject } from '../../../local/project.ts';
import { type SecretManager, startSecretManager } from '../../support/secretManager.ts';
import { Cloud } from './cloud.ts';

const ROOT = join(import.meta.dirname, '../../..');
const MAIN = join(ROOT, 'deploy/main.ts');
const RULES = join(ROOT, 'firestore.rules');

/**
 * Every command that any of these tests has sent to gcloud: the real one parses them at the end, and once only those that
 * differ by nothing but a prefix or a digest.
 */
const recorded = new Map<string, GcloudCommand>();

function record({ commands }: Cloud): void {
  for (const command of commands) {
    recorded.set(JSON.stringify(command.args).replaceAll(/staging-?|\b[0-9a-f]{16}\b/g, ''), command);
  }
}

let project: LocalProject;
let callback: RunningFunction;
let simulator: Simulator;
let secretManager: SecretManager;
let rules: Awaited<ReturnType<typeof startRules>>;
let cloud: Cloud;

beforeAll(async () => {
  [project, simulator, secretManager, rules] = await Promise.all([
    LocalProject.create(),
    startSimulator(),
    startSecretManager(),
    startRules(),
  ]);
  callback = await startFunction('geminiCallback', { ...project.env, WEBHOOK_SIGNING_SECRET: newSecret() });
});
beforeEach(async () => {
  secretManager.secrets.clear();
  cloud = await Cloud.open(secretManager.secrets);
  cloud.callbackUrl = callback.url;
  return async () => {
    record(cloud);
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
  return await runWith({ GEMINI_API_KEY: 'key-of-a-test' }, command, ...args);
}

async function runWith(
  variables: NodeJS.ProcessEnv,
  command: 'deploy' | 'destroy',
  ...args: readonly string[]
): Promise<Run> {
  const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
  const env = {
    ...cloud.env,
    FIRESTORE_EMULATOR_HOST,
    PUBSUB_EMULATOR_HOST,
    METADATA_SERVER_DETECTION: 'none',
    GOOGLE_GEMINI_BASE_URL: simulator.url,
    GEMINI_JWKS_URL: `${simulator.url}/.well-known/jwks.json`,
    SECRET_MANAGER_EMULATOR_HOST: secretManager.host,
    FIREBASE_RULES_EMULATOR_HOST: rules.host,
    ...variables,
  };
  const place = args.some((arg) => arg.startsWith('--project'))
    ? []
    : [`--project=${project.projectId}`, '--region=europe-west1'];
  return await new Promise((resolve) => {
    const child: ChildProcess = execFile(
      process.execPath,
      [MAIN, command, ...place, ...args],
      { env },
      (_error, stdout, stderr) => {
        record(cloud);
        resolve({ exitCode: child.exitCode ?? -1, stdout, output: stdout + stderr });
      },
    );
    child.stdin?.end();
  });
}

interface Source {
  readonly files: readonly { readonly name: string; readonly content: string }[];
}

/** Firebase's rules service, as far as the deploy uses it. */
async function startRules() {
  const rulesets = new Map<string, { source: Source }>();
  const releases = new Map<string, { rulesetName: string }>();
  const server = createServer((request, response) => {
    void (async () => {
      const path = (request.url ?? '').replace('/v1/', '');
      const body = request.method === 'GET' ? {} : ((await json(request)) as Record<string, never>);
      if (path.endsWith('/rulesets')) {
        const name = `${path}/${rulesets.size}`;
        rulesets.set(name, { source: body['source'] as unknown as Source });
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
  return { host, rulesets, releases, close: async () => await new Promise((resolve) => server.close(resolve)) };
}

const ai = () => new GoogleGenAI({ apiKey: 'key-of-a-test', httpOptions: { baseUrl: simulator.url } });

async function registered(): Promise<readonly (string | undefined)[]> {
  const { webhooks = [] } = await ai().webhooks.list({});
  return webhooks.map(({ uri }) => uri);
}

function versionsOf(secret: string): readonly string[] {
  return secretManager.secrets.get(`projects/${project.projectId}/secrets/${secret}`) ?? [];
}

/** As another version of this project has made it. */
function makeStale(thing: Record<string, unknown>): void {
  for (const name of ['labels', 'userLabels']) if (thing[name]) thing[name] = { 'gemini-callbacks': 'old' };
  if (typeof thing['description'] === 'string') thing['description'] = thing['description'].replace(/\(.*\)$/, '(old)');
}

const EVERYTHING = ['--results-bucket=results-of-a-test', '--alert-email=team@example.test'];

/** What makes the things that need no other service than gcloud, and few of them. */
const SMALL = '--skip=webhook,doctor,firestore,rules,indexes,metrics,monitoring';

const unquoted = (line: string) => line.replaceAll(/["'\\]/g, '');

describe('deploy', () => {
  test('makes everything, finds all of it in a second run, and goes away again', async () => {
    const first = await run('deploy', ...EVERYTHING);
    expect(first.output).toMatch(/Done: \d+ made, 0 changed, 1 as they were/);
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
    expect(cloud.bindings.get('run services/geminicallback')).toEqual([
      { role: 'roles/run.invoker', member: 'allUsers' },
    ]);

    const all = ['--with-data', '--with-database'];
    const announced = await run('destroy', '--dry-run', ...all);
    expect(cloud.changes()).toEqual([]);
    const destroyed = await run('destroy', '--yes', ...all);
    expect(destroyed.exitCode).toBe(0);
    const lines = announced.stdout.split('\n').filter((line) => line.startsWith('gcloud '));
    expect(lines.map(unquoted)).toEqual(cloud.changes().map((line) => unquoted(`gcloud ${line}`)));
    const left = [...cloud.things.keys()].filter((key) => !/^(services|firestore indexes [a-z]+)\//.test(key));
    expect(left).toEqual([]);
    expect(await registered()).toEqual([]);

    const again = await runWith({}, 'destroy', '--yes', ...all);
    expect(again).toMatchObject({ exitCode: 0, output: expect.not.stringContaining('Left') });
    expect(cloud.changes()).toEqual([]);
  }, 180_000);

  test('goes on where a run broke, and says each time what to do', async () => {
    const outputs: string[] = [];
    for (const pattern of [
      /pubsub topics create .*results/,
      /secrets versions add .*api-key/,
      /functions deploy submitJob/,
    ]) {
      cloud.failing = { pattern, output: 'ERROR: (gcloud) PERMISSION_DENIED: Permission denied on resource.' };
      const { exitCode, output } = await run('deploy', SMALL);
      expect(exitCode).toBe(1);
      expect(output).toMatch(
        /\$ [^\n]*gcloud [^]*PERMISSION_DENIED[^]*→ Your account may not do this[^]*it goes on where it was/,
      );
      outputs.push(output);
    }
    cloud.failing = undefined;
    cloud.changes();
    const last = await run('deploy', SMALL);
    expect(last.exitCode).toBe(0);
    const made = cloud.changes();
    expect(made[0]).toContain('functions deploy submitJob');
    expect(made.filter((line) => line.includes('topics create'))).toEqual([]);
  }, 60_000);

  test('waits for what is new, and says so', async () => {
    const output =
      'ERROR: (gcloud.alpha.monitoring.policies.create) NOT_FOUND: Cannot find metric(s) that match type = ' +
      '"logging.googleapis.com/user/gemini-callbacks-failed". If a metric was created recently, it could take up to 10 ' +
      'minutes to become available. Please try again soon.';
    cloud.failing = { pattern: /policies create/, output, times: 1 };
    const waited = await run('deploy', '--only=metrics,monitoring');
    expect(waited.output).toMatch(/alert "[^"]*": A new metric takes up to 10 minutes to be known. Again in 1 s/);
    expect(waited.exitCode).toBe(0);
  });

  test('brings what is of an older definition up to date', async () => {
    const options = [...EVERYTHING, '--skip=webhook,doctor,firestore,rules,indexes'];
    await run('deploy', ...options);
    for (const thing of cloud.things.values()) makeStale(thing);
    cloud.changes();
    expect((await run('deploy', ...options)).exitCode).toBe(0);
    const updated = cloud
      .changes()
      .map((line) => line.replace(/^((?:[a-z-]+ )*?(update|deploy|resume|create|delete))\b.*/, '$1'));
    expect(new Set(updated)).toEqual(
      new Set([
        'pubsub topics update',
        'pubsub subscriptions update',
        'secrets update',
        'storage buckets update',
        'logging metrics update',
        'functions deploy',
        'scheduler jobs update',
        'alpha monitoring policies update',
        'monitoring dashboards delete',
        'monitoring dashboards create',
      ]),
    );

    Object.assign(cloud.things.get('scheduler jobs/reconcile-jobs') ?? {}, { state: 'PAUSED' });
    expect((await run('deploy', ...options)).exitCode).toBe(0);
    expect(cloud.changes()).toEqual([
      expect.stringContaining('scheduler jobs update http reconcile-jobs'),
      expect.stringContaining('scheduler jobs resume reconcile-jobs'),
    ]);
  }, 60_000);

  test('a webhook whose secret nobody has gets a new one', async () => {
    const receiver = await startReceiver();
    cloud.callbackUrl = receiver.url;
    cloud.things.set('functions/geminiCallback', { serviceConfig: { uri: receiver.url } });
    const { id = '' } = await ai().webhooks.create({ uri: receiver.url, subscribed_events: [...SUBSCRIBABLE_TYPES] });
    const mended = await run('deploy', '--only=secrets,webhook');
    expect(mended.output).toContain(`webhooks rotate ${id} --secret=webhook-signing-secret`);
    const { signing_secrets: [newest] = [] } = await ai().webhooks.get(id);
    const [kept = ''] = versionsOf('webhook-signing-secret').at(-1)?.split('\n') ?? [];
    expect(newest?.truncated_secret).toBe(`whsec_...${kept.slice(-4)}`);
    const again = await run('deploy', '--only=secrets,webhook');
    expect(again).toMatchObject({ exitCode: 0, output: expect.stringContaining(' 0 made, 0 changed') });
    await ai().webhooks.delete(id);
    await receiver.close();
  }, 60_000);

  test('what was there before is used, and is not taken away', async () => {
    const before: readonly [string, Record<string, unknown>][] = [
      ['secrets/gemini-api-key', { name: 'gemini-api-key' }],
      ['storage buckets/gs://results-of-a-test', { name: 'results-of-a-test' }],
      ['firestore databases/(default)', { name: '(default)', type: 'FIRESTORE_NATIVE' }],
    ];
    for (const [key, thing] of before) cloud.things.set(key, thing);
    secretManager.secrets.set(`projects/${project.projectId}/secrets/gemini-api-key`, ['theirs']);
    const steps = '--only=firestore,accounts,messaging,secrets,access';
    expect((await run('deploy', ...EVERYTHING, steps)).exitCode).toBe(0);
    const { output } = await run('destroy', '--yes', '--with-data', steps);
    expect(output).toMatch(
      /^Left: secret gemini-api-key \(which was there before\), database .* --with-database\)\.$/m,
    );
    expect([...cloud.things].filter(([key]) => !key.startsWith('services/'))).toEqual(before);
    expect(versionsOf('gemini-api-key')).toEqual(['theirs']);
  }, 60_000);

  test.each([
    ['pubsub topics/gemini-events', { name: 'gemini-events' }, 'messaging', '--prefix'],
    ['firestore databases/(default)', { type: 'DATASTORE_MODE' }, 'firestore', '--database=gemini'],
    ['scheduler jobs/reconcile-jobs', { description: 'Theirs', state: 'ENABLED' }, 'scheduler', '--prefix'],
  ])('%s, as it is, is told with what to do', async (key, thing, step, advice) => {
    cloud.things.set('functions/reconcileJobs', { serviceConfig: { uri: 'https://reconcilejobs.test' } });
    cloud.things.set('run services/reconcilejobs', {});
    cloud.things.set(key, thing);
    const { exitCode, output } = await run('deploy', `--only=${step}`);
    expect([exitCode, output]).toEqual([1, expect.stringContaining(advice)]);
    expect(cloud.things.get(key)).toEqual(thing);
  });

  test('a subscription with another filter is told, with the command that makes room', async () => {
    await run('deploy', '--only=messaging');
    const subscription = cloud.things.get('pubsub subscriptions/gemini-results-example') ?? {};
    subscription['filter'] = 'attributes:job_id';
    cloud.changes();
    const { exitCode, output } = await run('deploy', '--only=messaging');
    expect([exitCode, output]).toEqual([
      1,
      expect.stringContaining('"gcloud pubsub subscriptions delete gemini-results'),
    ]);
    expect(cloud.changes()).toEqual([]);
  });

  test("another application's rules are kept, and nothing else in its database is changed", async () => {
    const release = `projects/${project.projectId}/releases/cloud.firestore`;
    const released = (content: string) => {
      rules.rulesets.set('theirs', { source: { files: [{ name: 'firestore.rules', content }] } });
      rules.releases.set(release, { rulesetName: 'theirs' });
    };
    cloud.things.set('firestore databases/(default)', { name: '(default)', type: 'FIRESTORE_NATIVE' });
    released('service cloud.firestore { match /{all=**} { allow read; } }');
    const refused = await run('deploy', '--only=firestore,rules,indexes');
    expect(refused).toMatchObject({ exitCode: 1, output: expect.stringContaining('--skip=rules') });
    expect(cloud.changes()).toEqual([]);
    released(readFileSync(RULES, 'utf8').replace(/^.*\/\/.*$/gm, ''));
    const same = await run('deploy', '--only=firestore,rules');
    expect(same).toMatchObject({ exitCode: 0, output: expect.stringContaining(' 0 made, 0 changed') });
    expect(rules.releases.get(release)).toEqual({ rulesetName: 'theirs' });
    rules.releases.delete(release);
  }, 30_000);

  test('gives each function an account of its own that may do nothing in the project but use its database', async () => {
    await run('deploy', '--only=accounts,messaging,secrets,access,functions');
    const inProject = cloud.bindings.get(`projects/${project.projectId}`) ?? [];
    const isBuilder = ({ member }: { member: string }) => member.startsWith('serviceAccount:gemini-build@');
    const ofFunctions = inProject.filter((binding) => !isBuilder(binding));
    expect(new Set(inProject.filter(isBuilder).map(({ role }) => role))).toEqual(
      new Set(['roles/logging.logWriter', 'roles/artifactregistry.writer', 'roles/storage.objectViewer']),
    );
    expect(new Set(ofFunctions.map(({ role }) => role))).toEqual(new Set(['roles/datastore.user']));
    expect(new Set(ofFunctions.map(({ condition }) => condition))).toEqual(
      new Set([`resource.name=="projects/${project.projectId}/databases/(default)"`]),
    );
    const accounts = [...cloud.things].flatMap(([key, { account }]) => (key.startsWith('functions/') ? account : []));
    expect(new Set(accounts).size).toBe(4);
    const changes = cloud.changes();
    const deployed = changes.filter((line) => line.startsWith('functions deploy'));
    expect(deployed.filter((line) => !/--build-service-account=\S+\/gemini-build@/.test(line))).toEqual([]);
    expect(changes.filter((line) => line.startsWith('services enable'))).toEqual([]);
    const open = [...cloud.bindings].filter(([, bindings]) => bindings.some(({ member }) => member === 'allUsers'));
    expect(open.map(([key]) => key)).toEqual(['run services/geminicallback']);
  });

  test('a prefix makes an installation of its own beside the first', async () => {
    await run('deploy', SMALL);
    cloud.changes();
    await run('deploy', '--prefix=staging', SMALL);
    const changed = cloud.changes();
    expect(changed.filter((line) => !/staging|services identity create/.test(line))).toEqual([]);
    expect(changed.join('\n')).toContain('databases/staging-gemini');
    await run('destroy', '--prefix=staging', '--yes', SMALL, '--with-data');
    expect(cloud.changes().filter((line) => !line.includes('staging'))).toEqual([]);
    expect([...cloud.things.keys()].filter((key) => key.includes('staging'))).toEqual([]);
    expect(cloud.things.has('functions/geminiCallback')).toBe(true);
  }, 60_000);

  test('secrets never stand on a command line, and are never replaced', async () => {
    await run('deploy', '--only=secrets');
    const versions = versionsOf;
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
    const run_ = await run('deploy', '--skip=webhook,doctor,firestore,rules,indexes', ...EVERYTHING);
    expect(run_.exitCode).toBe(0);
    const printed = new Set(stdout.split('\n'));
    const ran = [...run_.output.matchAll(/^ {4}\$ (.*)$/gm)].map(([, line]) => line);
    expect(ran.length).toBeGreaterThan(50);
    expect(ran.filter((line) => !printed.has(line ?? ''))).toEqual([]);
  }, 60_000);

  test.each([
    ['--only=nonsense', 'There is no step "nonsense". Steps: project, firestore'],
    ['--only=', 'There is no step "". Steps: project, firestore'],
    ['--prefix=Staging', '--prefix'],
    ['--set=PORT=1', 'NAME one of WEBHOOK_AUDIENCE'],
    ['--set=WEBHOOK_TOLERANCE_SECONDS=abc', 'WEBHOOK_TOLERANCE_SECONDS must be a whole number'],
    ['--alert-email=nobody', 'an e-mail address'],
  ])('%s is not understood, and nothing is done', async (option, message) => {
    const { exitCode, output } = await run('deploy', option);
    expect([exitCode, output]).toEqual([2, expect.stringContaining(message)]);
    expect(cloud.changes()).toEqual([]);
  });
});

test.each([
  [['--project', 'P', '--region', 'R'], 'gemini-callback@P.iam.gserviceaccount.com'],
  [['--project=demo', '--region=us-central1'], 'gemini-callback@demo.iam.gserviceaccount.com'],
  [['--project=example.com:shop', '--region=us-central1'], 'gemini-callback@shop.example.com.iam.gserviceaccount.com'],
])('%j is a place to deploy to', async (place, account) => {
  const { exitCode, stdout } = await run('deploy', '--dry-run', ...place);
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining(account)]);
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
  const tracks = new Set(commands.flatMap(({ args: [first = ''] }) => (/^(alpha|beta)$/.test(first) ? first : [])));
  for (const workflow of ['ci', 'deploy']) {
    const text = readFileSync(join(ROOT, `.github/workflows/${workflow}.yml`), 'utf8');
    const [, components = ''] = /install_components: '(.*)'/.exec(text) ?? [];
    const installed = new Set(components.split(','));
    expect([workflow, [...tracks].filter((track) => !installed.has(track))]).toEqual([workflow, []]);
  }
  const [nonsense] = parseAll([{ args: ['pubsub', 'topics', 'create', 'a', '--nonsense'], stdin: '' }]);
  expect(nonsense).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('unrecognized arguments') });
}, 60_000);
