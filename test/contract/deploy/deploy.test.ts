import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SUBSCRIBABLE_TYPES } from '../../../functions/model/eventTypes.ts';
import { startReceiver } from '../../unit/simulator/harness.ts';
import type { Cloud } from './cloud.ts';
import { openStage, refusedBy, type Run, type Stage } from './harness.ts';

const ROOT = join(import.meta.dirname, '../../..');

let stage: Stage;
let cloud: Cloud;

beforeAll(async () => {
  stage = await openStage();
});
beforeEach(async () => {
  await stage.clear();
  ({ cloud } = stage);
});
afterAll(async () => await stage.close());

const run = async (command: 'deploy' | 'destroy', ...args: readonly string[]): Promise<Run> =>
  await stage.run(command, ...args);

const ai = () => new GoogleGenAI({ apiKey: 'key-of-a-test', httpOptions: { baseUrl: stage.simulator.url } });

async function registered(): Promise<readonly (string | undefined)[]> {
  const { webhooks = [] } = await ai().webhooks.list({});
  return webhooks.map(({ uri }) => uri);
}

function versionsOf(secret: string): readonly string[] {
  return stage.secretManager.secrets.get(`projects/${stage.project.projectId}/secrets/${secret}`) ?? [];
}

/** Makes a resource look as if another version of the project had created it. */
function makeStale(thing: Record<string, unknown>): void {
  for (const name of ['labels', 'userLabels']) if (thing[name]) thing[name] = { 'gemini-callbacks': 'old' };
  if (typeof thing['description'] === 'string') thing['description'] = thing['description'].replace(/\(.*\)$/, '(old)');
}

const EVERYTHING = ['--results-bucket=results-of-a-test', '--alert-email=team@example.test', '--example-subscription'];
const LOCAL_STEPS = '--skip=webhook,doctor,firestore,rules,indexes';
/** Skips what needs another service than gcloud, and the monitoring files. */
const SMALL = `${LOCAL_STEPS},metrics,monitoring`;

const unquoted = (line: string) => line.replaceAll(/["'\\]/g, '');

describe('deploy', () => {
  test('creates everything in an empty project, changes nothing in a second run, and destroy removes all of it', async () => {
    const first = await run('deploy', ...EVERYTHING);
    expect(first.output).toMatch(/Deployed: \d+ created\./);
    expect(first.exitCode).toBe(0);
    expect(first.output).toContain(`Callback URL: ${stage.callback.url}`);
    expect(cloud.changes().length).toBeGreaterThan(80);
    expect(await registered()).toEqual([stage.callback.url]);
    expect(cloud.builds).toBe(1);
    expect(JSON.parse(readFileSync(stage.file, 'utf8'))).toEqual({
      project: stage.project.projectId,
      region: 'europe-west1',
      prefix: '',
    });

    const second = await run('deploy', ...EVERYTHING);
    expect([second.output, second.exitCode]).toEqual([expect.stringMatching(/Deployed: \d+ unchanged/), 0]);
    expect(cloud.changes()).toEqual([]);

    const all = ['--with-data', '--with-database'];
    const announced = await run('destroy', '--dry-run', ...all);
    expect(cloud.changes()).toEqual([]);
    const destroyed = await run('destroy', '--yes', ...all);
    expect([destroyed.exitCode, destroyed.output]).toEqual([
      0,
      expect.stringContaining('Kept: APIs, logs and the bucket run-sources-'),
    ]);
    const lines = announced.stdout.split('\n').filter((line) => line.startsWith('gcloud '));
    const removals = cloud.changes().map((line) => unquoted(`gcloud ${line}`));
    expect(lines.map(unquoted)).toEqual(removals);
    expect(removals).toContainEqual(expect.stringContaining('storage rm --recursive gs://run-sources-'));
    expect(removals).toContainEqual(expect.stringContaining('artifacts repositories delete gemini-callbacks'));
    const left = [...cloud.things.keys()].filter((key) => !/^(services|firestore indexes [a-z]+)\//.test(key));
    expect(left).toEqual([]);
    expect(cloud.bindings.get(`projects/${stage.project.projectId}`)).toEqual([]);
    expect(await registered()).toEqual([]);
    expect(() => readFileSync(stage.file)).toThrow('ENOENT');

    const again = await run('destroy', '--yes', ...all);
    expect([again.exitCode, again.output]).toEqual([0, expect.stringContaining('Removed: 0 resources')]);
    expect(cloud.changes()).toEqual([]);
  }, 180_000);

  test('reports one line for each step with its time, what it costs, and how to see the first event', async () => {
    const { output, stdout } = await run('deploy', '--skip=webhook,doctor');
    expect(output).toMatch(/^Service accounts: 7 created ✓ \d+\.\d s$/m);
    expect(output).toMatch(/^Cloud Run functions: 4 created ✓ \d+\.\d s$/m);
    expect(stdout).toMatch(
      /Dashboard: https:\/\/console\.cloud\.google\.com\/monitoring\/dashboards\/builder\/\S+\?project=/,
    );
    expect(stdout).toMatch(/Idle cost: about \$\d\.\d0 a month for \d+ alert conditions/);
    for (const command of ['events listen', 'events trigger batch.succeeded', 'status'])
      expect(stdout).toContain(`npm run -s cli -- ${command}`);
    const { stdout: json } = await run('deploy', '--json', '--skip=webhook,doctor');
    expect(JSON.parse(json)).toMatchObject({ created: [], updated: [], callbackUrl: stage.callback.url });
  }, 60_000);

  test('uses the remembered installation where flags are missing', async () => {
    const { projectId } = stage.project;
    await run('deploy', '--only=accounts', '--prefix=staging');
    cloud.changes();
    const named = await stage.runWith({}, 'destroy', `--project=${projectId}`, '--dry-run', '--only=accounts');
    expect(named.stdout).toMatch(/service-accounts delete staging-gemini-callback@/);
    const other = await stage.runWith({}, 'destroy', '--project=another-project', '--only=accounts');
    expect([other.exitCode, other.output]).toEqual([2, expect.stringContaining('--region is not set')]);
  });

  test('resumes where a run failed, and reports each time what to do', async () => {
    for (const pattern of [
      /pubsub topics create .*results/,
      /secrets add-iam-policy-binding/,
      /run deploy submit-job/,
    ]) {
      cloud.failing = { pattern, output: 'ERROR: (gcloud) PERMISSION_DENIED: Permission denied on resource.' };
      const { exitCode, output } = await run('deploy', SMALL);
      expect(exitCode).toBe(1);
      expect(output).toMatch(/\$ [^\n]*gcloud [^]*PERMISSION_DENIED[^]*→ Your account lacks a role[^]*it resumes/);
    }
    cloud.failing = undefined;
    cloud.changes();
    expect((await run('deploy', SMALL)).exitCode).toBe(0);
    const made = cloud.changes();
    expect(made).toContainEqual(expect.stringContaining('run deploy submit-job'));
    expect(made.filter((line) => /topics create|--source/.test(line))).toEqual([]);
  }, 60_000);

  test('a step that fails stops those that need it, and no others', async () => {
    const output =
      'ERROR: (gcloud.run.services.update) FAILED_PRECONDITION: invoker_iam_disabled is not currently available';
    cloud.failing = { pattern: /no-invoker-iam-check/, output };
    const refused = await run('deploy', '--skip=doctor');
    expect(refused.exitCode).toBe(1);
    expect(refused.output).toContain('run.managed.requireInvokerIam');
    expect(refused.output).toMatch(/exception for this project[^]*load balancer/);
    expect(refused.output).toContain('Not done, because of this: webhook.');
    expect(cloud.things.has('scheduler jobs/reconcile-jobs')).toBe(true);
    expect(cloud.things.has('pubsub subscriptions/gemini-events-to-fetch-results')).toBe(true);
    expect(
      [...cloud.things.keys()].filter((key) => key.startsWith('alpha monitoring policies/')).length,
    ).toBeGreaterThan(5);
  }, 60_000);

  test('updates what has an older definition', async () => {
    const options = [...EVERYTHING, LOCAL_STEPS, '--skip=webhook,doctor,firestore,rules,indexes,functions,public'];
    await run('deploy', ...EVERYTHING, LOCAL_STEPS);
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
        'artifacts repositories update',
        'logging metrics update',
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

  test('rotates the secret of a webhook that signs with an unknown one', async () => {
    const receiver = await startReceiver();
    const { id = '' } = await ai().webhooks.create({ uri: receiver.url, subscribed_events: [...SUBSCRIBABLE_TYPES] });
    const steps = '--only=secrets,webhook';
    const fixed = await stage.runWith({ CALLBACK_URL: receiver.url }, 'deploy', steps);
    expect(fixed.exitCode).toBe(0);
    const { signing_secrets: [newest] = [] } = await ai().webhooks.get(id);
    const [kept = ''] = versionsOf('webhook-signing-secret').at(-1)?.split('\n') ?? [];
    expect(newest?.truncated_secret).toBe(`whsec_...${kept.slice(-4)}`);
    cloud.changes();
    const again = await stage.runWith({ CALLBACK_URL: receiver.url }, 'deploy', steps);
    expect([again.exitCode, cloud.changes()]).toEqual([0, []]);
    await ai().webhooks.delete(id);
    await receiver.close();
  }, 60_000);

  test('uses what existed before, and never removes it', async () => {
    const before: readonly [string, Record<string, unknown>][] = [
      ['secrets/gemini-api-key', { name: 'gemini-api-key' }],
      ['storage buckets/gs://results-of-a-test', { name: 'results-of-a-test' }],
      ['firestore databases/(default)', { name: '(default)', type: 'FIRESTORE_NATIVE' }],
    ];
    for (const [key, thing] of before) cloud.things.set(key, thing);
    stage.secretManager.secrets.set(`projects/${stage.project.projectId}/secrets/gemini-api-key`, ['theirs']);
    const steps = '--only=firestore,accounts,messaging,secrets,repository,access';
    expect((await run('deploy', ...EVERYTHING, steps)).exitCode).toBe(0);
    const { output } = await run('destroy', '--yes', '--with-data', steps);
    expect(output).toMatch(/secret gemini-api-key \(it existed before the installation\), database .* --with-database/);
    expect([...cloud.things].filter(([key]) => !key.startsWith('services/'))).toEqual(before);
    expect(versionsOf('gemini-api-key')).toEqual(['theirs']);
  }, 60_000);

  test.each([
    ['pubsub topics/gemini-events', { name: 'gemini-events' }, 'messaging', '--prefix'],
    ['firestore databases/(default)', { type: 'DATASTORE_MODE' }, 'firestore', '--database=gemini'],
    ['scheduler jobs/reconcile-jobs', { description: 'Theirs', state: 'ENABLED' }, 'scheduler', '--prefix'],
  ])('refuses %s of another owner, and reports what to do', async (key, thing, step, advice) => {
    cloud.things.set('run services/reconcile-jobs', {});
    cloud.things.set(key, thing);
    const { exitCode, output } = await run('deploy', `--only=${step}`);
    expect([exitCode, output]).toEqual([1, expect.stringContaining(advice)]);
    expect(cloud.things.get(key)).toEqual(thing);
  });

  test('refuses a subscription with another filter, with the command that makes room', async () => {
    await run('deploy', '--only=messaging', '--example-subscription');
    Object.assign(cloud.things.get('pubsub subscriptions/gemini-results-example') ?? {}, {
      filter: 'attributes:job_id',
    });
    cloud.changes();
    const { exitCode, output } = await run('deploy', '--only=messaging', '--example-subscription');
    expect([exitCode, output]).toEqual([
      1,
      expect.stringContaining('"gcloud pubsub subscriptions delete gemini-results'),
    ]);
    expect(cloud.changes()).toEqual([]);
  });

  test('creates no subscription that no one reads, unless asked to', async () => {
    await run('deploy', '--only=messaging');
    expect(cloud.things.has('pubsub subscriptions/gemini-results-example')).toBe(false);
    await run('deploy', '--only=messaging', '--example-subscription');
    expect(cloud.things.has('pubsub subscriptions/gemini-results-example')).toBe(true);
  });

  test("keeps another application's rules, and changes nothing else in its database", async () => {
    const release = `projects/${stage.project.projectId}/releases/cloud.firestore`;
    const released = (content: string) => {
      stage.rules.rulesets.set('theirs', { source: { files: [{ name: 'firestore.rules', content }] } });
      stage.rules.releases.set(release, { rulesetName: 'theirs' });
    };
    cloud.things.set('firestore databases/(default)', { name: '(default)', type: 'FIRESTORE_NATIVE' });
    released('service cloud.firestore { match /{all=**} { allow read; } }');
    const refused = await run('deploy', '--only=firestore,rules,indexes');
    expect([refused.exitCode, refused.output]).toEqual([1, expect.stringContaining('--skip=rules')]);
    expect(cloud.changes()).toEqual([]);
    released(readFileSync(join(ROOT, 'firestore.rules'), 'utf8').replace(/^.*\/\/.*$/gm, ''));
    expect((await run('deploy', '--only=firestore,rules')).output).toContain('Deployed: 2 unchanged');
    expect(stage.rules.releases.get(release)).toEqual({ rulesetName: 'theirs' });
  }, 30_000);

  test('grants each account its roles on its own resources only', async () => {
    await run('deploy', '--only=accounts,messaging,secrets,repository,access,functions,public');
    const { projectId } = stage.project;
    const inProject = cloud.bindings.get(`projects/${projectId}`) ?? [];
    const of = (account: string) =>
      inProject.filter(({ member }) => member.startsWith(`serviceAccount:gemini-${account}@`));
    const uploads = `projects/_/buckets/run-sources-${projectId}-europe-west1`;
    expect(of('build').map(({ role, condition }) => [role, condition])).toEqual([
      ['roles/storage.objectViewer', `resource.name=="${uploads}"||resource.name.startsWith("${uploads}/")`],
      ['roles/logging.logWriter', undefined],
    ]);
    for (const account of ['callback', 'results', 'reconcile', 'submit'])
      expect(of(account).map(({ role, condition }) => [role, condition])).toEqual([
        ['roles/datastore.user', `resource.name=="projects/${projectId}/databases/(default)"`],
      ]);
    expect(cloud.bindings.get('artifacts repositories/gemini-callbacks')).toEqual([
      { role: 'roles/artifactregistry.writer', member: expect.stringContaining('gemini-build@') },
    ]);
    const everyone = [...cloud.bindings.values()].flat().filter(({ member }) => member.startsWith('all'));
    expect(everyone).toEqual([]);
    expect([...cloud.services.values()].filter(({ isPublic }) => isPublic).map(({ name }) => name)).toEqual([
      'gemini-callback',
    ]);
  });

  test('a prefix makes a separate installation', async () => {
    await run('deploy', SMALL);
    cloud.changes();
    await run('deploy', '--prefix=staging', SMALL);
    const changed = cloud.changes();
    expect(
      changed.filter((line) => !/staging|services identity create|projects add-iam.*logWriter/.test(line)),
    ).toEqual([]);
    expect(changed.join('\n')).toContain('databases/staging-gemini');
    await run('destroy', '--prefix=staging', '--yes', SMALL, '--with-data');
    expect(cloud.changes().filter((line) => !line.includes('staging'))).toEqual([]);
    expect([...cloud.things.keys()].filter((key) => key.includes('staging'))).toEqual([]);
    expect(cloud.services.has('gemini-callback')).toBe(true);
  }, 60_000);

  test('secrets never appear on a command line, and are never replaced', async () => {
    await run('deploy', '--only=secrets');
    expect(versionsOf('gemini-api-key')).toEqual(['key-of-a-test']);
    expect(versionsOf('dynamic-route-key')[0]).toMatch(/^[0-9a-f]{64}\n$/);
    expect(versionsOf('webhook-signing-secret')[0]).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
    const spoken = cloud.commands.map(({ args }) => args.join(' ')).join('\n');
    for (const name of ['gemini-api-key', 'dynamic-route-key', 'webhook-signing-secret'])
      expect(spoken).not.toContain(versionsOf(name)[0]?.trim());
    await run('deploy', '--only=secrets');
    expect(versionsOf('dynamic-route-key')).toHaveLength(1);
    const { output } = await stage.runWith({ GEMINI_API_KEY: '' }, 'deploy', '--only=secrets', '--prefix=staging');
    expect(output).toContain('export GEMINI_API_KEY=');
  });

  test('the script of --dry-run makes the same installation as a run', async () => {
    const options = [...EVERYTHING, LOCAL_STEPS];
    const { stdout } = await run('deploy', '--dry-run', ...options);
    expect(cloud.changes()).toEqual([]);
    await promisify(execFile)('bash', ['-c', stdout], { cwd: ROOT, env: stage.env() });
    const scripted = cloud.changes();
    const second = await run('deploy', ...options);
    expect([second.output, cloud.changes()]).toEqual([expect.stringMatching(/Deployed: \d+ unchanged/), []]);
    await stage.clear();
    ({ cloud } = stage);
    await run('deploy', ...options);
    const ran = cloud.changes().filter((line) => !line.startsWith('services enable'));
    expect(scripted.filter((line) => !line.startsWith('services enable')).toSorted()).toEqual(ran.toSorted());
  }, 120_000);
});

describe('destroy', () => {
  test('asks first', () => {
    const main = join(ROOT, 'cli/main.ts');
    const args = [main, 'destroy', '--project=my-project', '--region=europe-west1'];
    const call = () => execFileSync(process.execPath, args, { env: stage.env(), stdio: ['ignore', 'pipe', 'pipe'] });
    expect(call).toThrow(/Type the project's id to confirm[^]*Nothing was removed/);
    expect(cloud.commands).toEqual([]);
  });
});

test('gcloud parses every command that was sent, also inside pipes and $( )', () => {
  const commands = stage.sent();
  expect(commands.length).toBeGreaterThan(250);
  expect(refusedBy(commands)).toEqual([]);
  expect(refusedBy([{ args: ['pubsub', 'topics', 'create', 'a', '--nonsense'], stdin: '' }])).toMatchObject([
    { exitCode: 2, stderr: expect.stringContaining('unrecognized arguments') },
  ]);
  const tracks = new Set(commands.flatMap(({ args: [first = ''] }) => (/^(alpha|beta)$/.test(first) ? first : [])));
  for (const workflow of ['ci', 'deploy']) {
    const text = readFileSync(join(ROOT, `.github/workflows/${workflow}.yml`), 'utf8');
    const [, components = ''] = /install_components: '(.*)'/.exec(text) ?? [];
    const installed = new Set(components.split(','));
    expect([workflow, [...tracks].filter((track) => !installed.has(track))]).toEqual([workflow, []]);
  }
}, 120_000);
