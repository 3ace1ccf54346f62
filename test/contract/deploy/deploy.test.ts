import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GoogleGenAI } from '@google/genai';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { SUBSCRIBABLE_TYPES } from '../../../functions/model/eventTypes.ts';
import { startReceiver } from '../../unit/simulator/harness.ts';
import { openStage, refusedBy } from './harness.ts';

const ROOT = join(import.meta.dirname, '../../..');
const EVERYTHING = ['--results-bucket=results-of-a-test', '--alert-email=team@example.test', '--example-subscription'];
const LOCAL_STEPS = '--skip=webhook,doctor,firestore,rules,indexes';
/** Skips what needs another service than gcloud, and the monitoring files. */
const SMALL = `${LOCAL_STEPS},metrics,monitoring`;

const stage = await openStage();
const { cloud, deploy, destroy, project } = stage;
const { webhooks } = new GoogleGenAI({ apiKey: 'key-of-a-test', httpOptions: { baseUrl: stage.simulator.url } });
const registered = async () => ((await webhooks.list({})).webhooks ?? []).map(({ uri }) => uri);
const versionsOf = (secret: string) => cloud.secrets.get(`projects/${project}/secrets/${secret}`) ?? [];
const namesOf = (kind: string) => [...cloud.things.keys()].filter((key) => key.startsWith(`${kind}/`));

describe('an installation with everything', () => {
  let first: Awaited<ReturnType<typeof deploy>>;
  let changes: readonly string[];
  let spoken: string;
  let deployed: () => void;

  beforeAll(async () => {
    first = await deploy(...EVERYTHING);
    spoken = cloud.commands.map(({ args }) => args.join(' ')).join('\n');
    changes = cloud.changes();
    deployed = stage.save();
  }, 60_000);
  beforeEach(() => deployed());

  test('is created in an empty project, with a line for each step, the cost, and how to see the first event', async () => {
    const { exitCode, output, stdout } = first;
    expect([exitCode, output]).toEqual([0, expect.stringMatching(/Deployed: \d+ created\./)]);
    expect(changes.length).toBeGreaterThan(80);
    expect([cloud.builds, await registered()]).toEqual([1, [stage.callback.url]]);
    expect(output).toMatch(/^Service accounts: 7 created ✓ \d+\.\d s$/m);
    expect(output).toMatch(/^Cloud Run functions: 4 created ✓ \d+\.\d s$/m);
    expect(stdout).toContain(`Callback URL: ${stage.callback.url}`);
    expect(stdout).toMatch(/Dashboard: https:\/\/console\.cloud\.google\.com\/monitoring\/dashboards\/builder\/\S+\?/);
    expect(stdout).toMatch(/Idle cost: about \$\d\.\d0 a month for \d+ alert conditions/);
    for (const command of ['events listen', 'events trigger batch.succeeded', 'status'])
      expect(stdout).toContain(`npm run -s cli -- ${command}`);
  });

  test('grants each account its roles on its own resources only', () => {
    const rolesOf = (account: string) =>
      (cloud.bindings.get(`projects/${project}`) ?? []).flatMap(({ member, role, condition }) =>
        member.startsWith(`serviceAccount:gemini-${account}@`) ? [[role, condition]] : [],
      );
    const uploads = `projects/_/buckets/run-sources-${project}-europe-west1`;
    expect(rolesOf('build')).toEqual([
      ['roles/storage.objectViewer', `resource.name=="${uploads}"||resource.name.startsWith("${uploads}/")`],
      ['roles/logging.logWriter', undefined],
    ]);
    const database = `resource.name=="projects/${project}/databases/(default)"`;
    for (const account of ['callback', 'results', 'reconcile', 'submit'])
      expect(rolesOf(account)).toEqual([['roles/datastore.user', database]]);
    expect(cloud.bindings.get('artifacts repositories/gemini-callbacks')).toEqual([
      { role: 'roles/artifactregistry.writer', member: expect.stringContaining('gemini-build@') },
    ]);
    expect([...cloud.bindings.values()].flat().filter(({ member }) => member.startsWith('all'))).toEqual([]);
    const open = [...cloud.services.values()].filter(({ isPublic }) => isPublic);
    expect(open.map(({ name }) => name)).toEqual(['gemini-callback']);
  });

  test('has secrets that never appear on a command line', () => {
    expect(versionsOf('gemini-api-key')).toEqual(['key-of-a-test']);
    expect(versionsOf('dynamic-route-key')).toEqual([expect.stringMatching(/^[0-9a-f]{64}\n$/)]);
    expect(versionsOf('webhook-signing-secret')[0]).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
    for (const name of ['gemini-api-key', 'dynamic-route-key', 'webhook-signing-secret'])
      expect(spoken).not.toContain(versionsOf(name)[0]?.trim());
  });

  test('is made in the same way by the script of --dry-run', async () => {
    const script = await deploy('--dry-run', ...EVERYTHING, LOCAL_STEPS);
    expect(cloud.changes()).toEqual([]);
    stage.empty();
    await promisify(execFile)('bash', ['-c', script.stdout], { cwd: ROOT, env: stage.env });
    const scripted = cloud.changes();
    expect(scripted.length).toBeGreaterThan(80);
    expect(changes).toEqual(expect.arrayContaining(scripted.filter((line) => !line.startsWith('services enable'))));
    const { output } = await deploy(...EVERYTHING, LOCAL_STEPS);
    expect([output, cloud.changes()]).toEqual([expect.stringMatching(/Deployed: \d+ unchanged/), []]);
  }, 60_000);

  test('is updated where it has an older definition', async () => {
    const options = [...EVERYTHING, '--skip=webhook,doctor,firestore,rules,indexes,functions,public'];
    for (const thing of cloud.things.values()) {
      for (const name of ['labels', 'userLabels']) if (thing[name]) thing[name] = { 'gemini-callbacks': 'old' };
      if (typeof thing['description'] === 'string')
        thing['description'] = thing['description'].replace(/\(.*\)$/, '(old)');
    }
    expect((await deploy(...options)).exitCode).toBe(0);
    const kinds = cloud.changes().map((line) => line.replace(/^((?:[a-z-]+ )*?(update|create|delete))\b.*/, '$1'));
    expect([...new Set(kinds)].toSorted()).toEqual([
      'alpha monitoring policies update',
      'artifacts repositories update',
      'logging metrics update',
      'monitoring dashboards create',
      'monitoring dashboards delete',
      'pubsub subscriptions update',
      'pubsub topics update',
      'scheduler jobs update',
      'secrets update',
      'storage buckets update',
    ]);
    Object.assign(cloud.things.get('scheduler jobs/reconcile-jobs') ?? {}, { state: 'PAUSED' });
    expect((await deploy(...options)).exitCode).toBe(0);
    expect(cloud.changes()).toEqual([
      expect.stringContaining('scheduler jobs update http reconcile-jobs'),
      expect.stringContaining('scheduler jobs resume reconcile-jobs'),
    ]);
  }, 60_000);

  test('is separate from one with a prefix', async () => {
    await deploy('--prefix=staging', SMALL);
    const changed = cloud.changes();
    expect(
      changed.filter((line) => !/staging|services identity create|projects add-iam.*logWriter/.test(line)),
    ).toEqual([]);
    expect(changed.join('\n')).toContain('databases/staging-gemini');
    await destroy('--prefix=staging', '--yes', SMALL, '--with-data');
    expect(cloud.changes().filter((line) => !line.includes('staging'))).toEqual([]);
    expect([...cloud.things.keys()].filter((key) => key.includes('staging'))).toEqual([]);
    expect(cloud.services.has('gemini-callback')).toBe(true);
  }, 60_000);

  test('is not changed by a second run, and removed as announced', async () => {
    const second = await deploy(...EVERYTHING, '--json');
    expect(JSON.parse(second.stdout)).toMatchObject({ created: [], updated: [], callbackUrl: stage.callback.url });
    expect([second.exitCode, cloud.changes()]).toEqual([0, []]);
    const remembered = { project, region: 'europe-west1', prefix: '' };
    expect(JSON.parse(readFileSync(stage.file, 'utf8'))).toEqual(remembered);

    const all = ['--with-data', '--with-database'];
    const { stdout: announced } = await destroy('--dry-run', ...all);
    expect(cloud.changes()).toEqual([]);
    const destroyed = await destroy('--yes', ...all);
    expect([destroyed.exitCode, destroyed.output]).toEqual([
      0,
      expect.stringContaining('Kept: APIs, logs and the bucket run-sources-'),
    ]);
    const unquoted = (line: string) => line.replaceAll(/["'\\]/g, '');
    const removals = cloud.changes().map((line) => unquoted(`gcloud ${line}`));
    expect(announced.match(/^gcloud .*/gm)?.map(unquoted)).toEqual(removals);
    expect(removals).toContainEqual(expect.stringContaining('storage rm --recursive gs://run-sources-'));
    expect(removals).toContainEqual(expect.stringContaining('artifacts repositories delete gemini-callbacks'));
    const left = [...cloud.things.keys()].filter((key) => !/^(services|firestore indexes [a-z]+)\//.test(key));
    expect([left, cloud.bindings.get(`projects/${project}`)]).toEqual([[], []]);
    expect([await registered(), existsSync(stage.file)]).toEqual([[], false]);

    const again = await destroy('--yes', ...all);
    expect([again.exitCode, again.output]).toEqual([0, expect.stringContaining('Removed: 0 resources')]);
    expect(cloud.changes()).toEqual([]);
  }, 60_000);
});

describe('a run', () => {
  test('uses the remembered installation where flags are missing', async () => {
    await deploy('--only=accounts', '--prefix=staging');
    const named = await stage.runWith({}, 'destroy', `--project=${project}`, '--dry-run', '--only=accounts');
    expect(named.stdout).toMatch(/service-accounts delete staging-gemini-callback@/);
    const other = await stage.runWith({}, 'destroy', '--project=another-project', '--only=accounts');
    expect([other.exitCode, other.output]).toEqual([2, expect.stringContaining('--region is not set')]);
  });

  test('resumes where another failed, and reports each time what to do', async () => {
    const output = 'ERROR: (gcloud) PERMISSION_DENIED: Permission denied on resource.';
    for (const pattern of [
      /pubsub topics create .*results/,
      /secrets add-iam-policy-binding/,
      /run deploy submit-job/,
    ]) {
      cloud.settings.failures = [{ pattern, output }];
      const failed = await deploy(SMALL);
      expect(failed.exitCode).toBe(1);
      expect(failed.output).toMatch(
        /\$ [^\n]*gcloud [^]*PERMISSION_DENIED[^]*→ Your account lacks a role[^]*it resumes/,
      );
    }
    cloud.settings.failures = [];
    cloud.changes();
    expect((await deploy(SMALL)).exitCode).toBe(0);
    const made = cloud.changes();
    expect(made).toContainEqual(expect.stringContaining('run deploy submit-job'));
    expect(made.filter((line) => /topics create|--source/.test(line))).toEqual([]);
  }, 60_000);

  test('skips the steps that need a failed one, and no others', async () => {
    const output =
      'ERROR: (gcloud.run.services.update) FAILED_PRECONDITION: invoker_iam_disabled is not currently available';
    cloud.settings.failures = [{ pattern: /no-invoker-iam-check/, output }];
    const refused = await deploy('--skip=doctor');
    expect(refused.exitCode).toBe(1);
    expect(refused.output).toMatch(/run\.managed\.requireInvokerIam[^]*exception for this project[^]*load balancer/);
    expect(refused.output).toContain('Not done, because of this: webhook.');
    expect(namesOf('scheduler jobs')).toEqual(['scheduler jobs/reconcile-jobs']);
    expect(namesOf('pubsub subscriptions')).toContain('pubsub subscriptions/gemini-events-to-fetch-results');
    expect(namesOf('alpha monitoring policies').length).toBeGreaterThan(5);
  }, 60_000);

  test('rotates the secret of a webhook that signs with an unknown one', async () => {
    const receiver = await startReceiver();
    const { id = '' } = await webhooks.create({ uri: receiver.url, subscribed_events: [...SUBSCRIBABLE_TYPES] });
    onTestFinished(async () => {
      await webhooks.delete(id);
      await receiver.close();
    });
    const run = async () => await stage.runWith({ CALLBACK_URL: receiver.url }, 'deploy', '--only=secrets,webhook');
    expect((await run()).exitCode).toBe(0);
    const { signing_secrets: [newest] = [] } = await webhooks.get(id);
    const [kept = ''] = versionsOf('webhook-signing-secret').at(-1)?.split('\n') ?? [];
    expect(newest?.truncated_secret).toBe(`whsec_...${kept.slice(-4)}`);
    cloud.changes();
    expect([(await run()).exitCode, cloud.changes()]).toEqual([0, []]);
  }, 60_000);

  test('names the variable of a secret that it cannot create', async () => {
    const { output } = await stage.runWith({ GEMINI_API_KEY: '' }, 'deploy', '--only=secrets');
    expect(output).toContain('export GEMINI_API_KEY=');
  });

  test('creates no subscription that no one reads, unless asked to', async () => {
    await deploy('--only=messaging');
    expect(namesOf('pubsub subscriptions')).not.toContain('pubsub subscriptions/gemini-results-example');
    await deploy('--only=messaging', '--example-subscription');
    expect(namesOf('pubsub subscriptions')).toContain('pubsub subscriptions/gemini-results-example');
  });

  test('of destroy asks first', async () => {
    const args = [join(ROOT, 'cli/main.ts'), 'destroy', '--project=my-project', '--region=europe-west1'];
    const asking = promisify(execFile)(process.execPath, args, { env: stage.env });
    asking.child.stdin?.end();
    await expect(asking).rejects.toThrow(/Type the project's id to confirm[^]*Nothing was removed/);
    expect(cloud.commands).toEqual([]);
  });
});

test('gcloud parses every command that was sent, also inside pipes and $( )', async () => {
  const commands = stage.sent();
  expect(commands.length).toBeGreaterThan(150);
  const wrong = { args: ['pubsub', 'topics', 'create', 'a', '--nonsense'], stdin: '' };
  expect(await refusedBy([...commands, wrong])).toMatchObject([
    { exitCode: 2, stderr: expect.stringContaining('unrecognized arguments'), command: wrong.args.join(' ') },
  ]);
  const tracks = new Set(commands.flatMap(({ args: [first = ''] }) => (/^(alpha|beta)$/.test(first) ? first : [])));
  for (const workflow of ['ci', 'deploy']) {
    const text = readFileSync(join(ROOT, `.github/workflows/${workflow}.yml`), 'utf8');
    const [, components = ''] = /install_components: '(.*)'/.exec(text) ?? [];
    const installed = new Set(components.split(','));
    expect([workflow, [...tracks].filter((track) => !installed.has(track))]).toEqual([workflow, []]);
  }
}, 120_000);
