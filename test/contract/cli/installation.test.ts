import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { LocalProject } from '../../../local/project.ts';
import { newSecret } from '../../../simulator/signing.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { cli, type CliRun } from '../../support/cli.ts';
import { startCloudRun } from '../../support/cloudRun.ts';
import { forFile, forTest, temporaryFolder } from '../../support/opened.ts';
import { startSecretManager } from '../../support/secretManager.ts';
import { client } from '../../unit/simulator/harness.ts';
import { errorOf, resultOf, STORE_COMMANDS } from './harness.ts';

const API_KEY = 'canary-api-key';
const ROUTE_KEY = 'canary-route-key-of-32-characters!';
const SIGNING_SECRET = newSecret();
const SECRETS = [API_KEY, ROUTE_KEY, SIGNING_SECRET];
const FLAGS = ['--project=demo-shop', '--region=europe-west1'];

const [simulator, cloudRun, secretManager] = await Promise.all([
  forFile(startSimulator()),
  forFile(startCloudRun()),
  forFile(startSecretManager()),
]);
const STANDS = { CLOUD_RUN_EMULATOR_HOST: cloudRun.host, SECRET_MANAGER_EMULATOR_HOST: secretManager.host };

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
  cloudRun.services.clear();
  cloudRun.requests.length = 0;
  cloudRun.refusal = undefined;
  secretManager.secrets.clear();
});

/** Deploys an installation, as far as Cloud Run and Secret Manager describe it. */
function deployed(project = 'demo-shop', region = 'europe-west1', prefix = ''): void {
  const values = { FIRESTORE_DATABASE: 'shop', EVENTS_TOPIC: `${prefix}gemini-events` };
  const service = (name: string, spec: object) => cloudRun.services.set(`${project}/${region}/${prefix}${name}`, spec);
  service('gemini-callback', {
    url: 'https://gemini-callback.example.run.app',
    values,
    secretFiles: { WEBHOOK_SIGNING_SECRET: 'signing', DYNAMIC_ROUTE_KEY: 'route' },
  });
  service('fetch-results', {
    values: { ...values, GOOGLE_GEMINI_BASE_URL: simulator.url },
    secretFiles: { GEMINI_API_KEY: 'key' },
  });
  service('submit-job', { values: { ...values, CALLBACK_URL: 'https://callback.example.test/' } });
  service('reconcile-jobs', { values: { ...values, RECONCILE_JOB_SECONDS: '60' } });
  const held = { signing: SIGNING_SECRET, route: ROUTE_KEY, key: API_KEY };
  for (const [name, value] of Object.entries(held))
    secretManager.secrets.set(`projects/${project}/secrets/${name}`, ['old', value]);
}

/** Runs a command in the test's folder, with nothing but the two stand-ins in its environment. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CliRun> {
  return await cli(args, { HOME: folder, ...STANDS, ...env }, { cwd: folder });
}

/** Returns each setting with its origin. */
async function config(args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = folder) {
  type Config = {
    readonly settings: readonly { readonly name: string; readonly value: string; readonly origin: string }[];
  };
  const { settings } = await resultOf<Config>(['config', ...args], { HOME: folder, ...STANDS, ...env }, { cwd });
  for (const secret of SECRETS) expect(JSON.stringify(settings)).not.toContain(secret);
  return Object.fromEntries(settings.map(({ name, value, origin }) => [name, `${value} from ${origin}`]));
}

/** Matches an error by its code and a part of its message. */
const error = (code: string, message: string) => ({ code, message: expect.stringContaining(message) as string });

describe('a deployed installation', () => {
  test('is found by its project and region, and config says where each setting stands', async () => {
    deployed();
    expect(await config(FLAGS)).toMatchObject({
      GOOGLE_CLOUD_PROJECT: 'demo-shop from --project',
      FIRESTORE_DATABASE: 'shop from Cloud Run service gemini-callback',
      CALLBACK_URL: 'https://callback.example.test/ from Cloud Run service submit-job',
      GEMINI_API_KEY: '(hidden) from secret key, version latest',
      WEBHOOK_SIGNING_SECRET: '(hidden) from secret signing, version latest',
      RECONCILE_JOB_SECONDS: '60 from Cloud Run service reconcile-jobs',
      WEBHOOK_AUDIENCE: '(not set) from ',
    });
  });

  test('gives a command what it needs, and is asked for nothing else', async () => {
    deployed();
    const uri = 'https://callback.example.test/';
    await client(simulator).webhooks.create({ uri, subscribed_events: ['batch.succeeded'] });
    simulator.settings.patch({ api: { key: API_KEY } });
    onTestFinished(() => void simulator.settings.patch({ api: { key: null } }));
    const listed = await run(['webhooks', 'list', ...FLAGS]);
    expect(listed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(uri) });
    expect(cloudRun.requests.map((path) => path.split('/').at(-1))).toEqual(['fetch-results']);
    const route = await run(['webhooks', 'route-url', '--route=nightly', ...FLAGS]);
    expect(route.stdout).toMatch(/^https:\/\/callback\.example\.test\/dynamic\/nightly\/[\w-]{43}\n$/);
    for (const secret of SECRETS) expect(JSON.stringify([listed, route])).not.toContain(secret);
  });

  test('is remembered by a file of the last deployment, also in a folder below it', async () => {
    deployed('demo-shop', 'europe-west1', 'blue-');
    const remembered = { project: 'demo-shop', region: 'europe-west1', prefix: 'blue' };
    writeFileSync(join(folder, '.gemini-callbacks.json'), JSON.stringify(remembered));
    expect(await config([])).toMatchObject({
      GOOGLE_CLOUD_PROJECT: `demo-shop from ${join(folder, '.gemini-callbacks.json')}`,
      EVENTS_TOPIC: 'blue-gemini-events from Cloud Run service blue-gemini-callback',
    });
    const below = join(folder, 'below');
    mkdirSync(below);
    expect(await config([], {}, below)).toHaveProperty('EVENTS_TOPIC', expect.stringMatching(/^blue-gemini-events /));
    expect(await config([], { GOOGLE_CLOUD_PROJECT: 'demo-other' })).toMatchObject({
      GOOGLE_CLOUD_PROJECT: 'demo-other from GOOGLE_CLOUD_PROJECT',
      EVENTS_TOPIC: '(not set) from ',
    });
  });

  test('a variable that is set wins, and spares the question', async () => {
    deployed();
    const env = { FIRESTORE_DATABASE: 'mine', GEMINI_API_KEY: 'canary-own', CALLBACK_URL: 'https://own.example.test/' };
    expect(await config(FLAGS, env)).toMatchObject({
      FIRESTORE_DATABASE: 'mine from FIRESTORE_DATABASE',
      GEMINI_API_KEY: '(hidden) from GEMINI_API_KEY',
      CALLBACK_URL: 'https://own.example.test/ from CALLBACK_URL',
      EVENTS_TOPIC: 'gemini-events from Cloud Run service gemini-callback',
    });
    cloudRun.requests.length = 0;
    const url = await run(['webhooks', 'route-url', '--route=r', ...FLAGS], { ...env, DYNAMIC_ROUTE_KEY: ROUTE_KEY });
    expect([url.exitCode, cloudRun.requests]).toEqual([0, []]);
  });

  test('a flag wins over GOOGLE_CLOUD_PROJECT of the shell', async () => {
    deployed();
    expect(await config(FLAGS, { GOOGLE_CLOUD_PROJECT: 'demo-other' })).toMatchObject({
      GOOGLE_CLOUD_PROJECT: 'demo-shop from --project',
    });
  });
});

describe('where something is missing, the message says what and the command that fixes it', () => {
  const refuse = (code: number, message: string) => () => (cloudRun.refusal = { code, message });
  const cases: readonly [string, () => unknown, string, string, (readonly string[])?][] = [
    ['nothing is deployed', () => {}, 'NOT_DEPLOYED', 'npm run deploy -- --project=demo-shop --region=europe-west1'],
    ['another region', () => deployed('demo-shop', 'us-central1'), 'NOT_DEPLOYED', 'gcloud run services list'],
    ['a prefix', () => deployed('demo-shop', 'europe-west1', 'blue-'), 'NOT_DEPLOYED', '--prefix=blue'],
    ['no region', deployed, 'CONFIG_INVALID', '--region=REGION', ['--project=demo-shop', '--prefix=x']],
    [
      'a region that does not exist',
      refuse(403, "Permission denied on 'locations/nowhere' (or it may not exist)."),
      'WRONG_REGION',
      'gcloud run regions list --project=demo-shop',
    ],
    [
      'no permission',
      refuse(403, "Permission 'run.services.get' denied."),
      'NO_PERMISSION',
      'gcloud projects add-iam-policy-binding demo-shop --member=user:YOUR_ADDRESS --role=roles/run.viewer',
    ],
    [
      'an API that is not enabled',
      refuse(403, 'Cloud Run Admin API has not been used in project 1 before or it is disabled.'),
      'API_DISABLED',
      'gcloud services enable run.googleapis.com --project=demo-shop',
    ],
    [
      'credentials that expired',
      refuse(401, 'Request had invalid authentication credentials.'),
      'CREDENTIALS_EXPIRED',
      'gcloud auth application-default login',
    ],
    [
      'a secret without a version',
      () => {
        deployed();
        secretManager.secrets.clear();
      },
      'SECRET_MISSING',
      'gcloud secrets versions add key --project=demo-shop',
    ],
  ];

  test.for(cases)('%s', async ([, prepare, code, advice, flags = FLAGS]) => {
    prepare();
    const failed = await run(['webhooks', 'list', '--json', ...flags]);
    expect([failed.stdout, errorOf(failed)]).toEqual(['', expect.objectContaining(error(code, advice))]);
    const forPeople = await run(['webhooks', 'list', ...flags]);
    expect(forPeople.stderr).toMatch(/^error: /);
    expect(`${failed.stderr}${forPeople.stderr}`).not.toMatch(/\n\s+at /);
  });

  test('Cloud Run does not answer', async () => {
    const failed = await run(['config', '--json', ...FLAGS], { CLOUD_RUN_EMULATOR_HOST: '127.0.0.1:1' });
    expect(errorOf(failed)).toMatchObject(error('GOOGLE_UNREACHABLE', '127.0.0.1:1'));
  });

  test('the remembered installation cannot be read', async () => {
    writeFileSync(join(folder, '.gemini-callbacks.json'), '{"project":');
    expect(errorOf(await run(['config', '--json']))).toMatchObject(error('INSTALLATION_UNREADABLE', '--project'));
  });
});

describe('without Application Default Credentials', () => {
  const BARE = {
    GOOGLE_CLOUD_PROJECT: 'demo-shop',
    GEMINI_API_KEY: 'canary-key',
    CALLBACK_URL: 'https://c.example.test/',
  };
  const bare = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    await cli(args, { HOME: folder, ...BARE, ...env }, { cwd: folder });

  const CREATE = ['webhooks', 'create', '--uri=https://c.example.test/', '--events=batch.failed', '--secret=s'];

  test.for([...STORE_COMMANDS, CREATE])('%s %s names the command that signs in', async (args) => {
    const [failed, forPeople] = await Promise.all([bare([...args, '--json']), bare(args)]);
    expect([failed.exitCode, failed.stdout, errorOf(failed).code]).toEqual([1, '', 'NO_CREDENTIALS']);
    expect(forPeople.stderr).toBe(
      'error: No Google Cloud credentials were found here. Run: gcloud auth application-default login\n',
    );
  });

  test('doctor checks what it can, and names the command that signs in', async () => {
    const gemini = { GOOGLE_GEMINI_BASE_URL: simulator.url, GEMINI_JWKS_URL: `${simulator.url}/x` };
    const { exitCode, stdout } = await bare(['doctor', '--json'], gemini);
    const { findings } = JSON.parse(stdout) as { findings: object[] };
    expect(exitCode).toBe(1);
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'Google Cloud', fix: 'gcloud auth application-default login' }),
    );
    expect(findings.length).toBeGreaterThan(4);
  });

  test('credentials that cannot be read name the variable that points to them', async () => {
    const env = { GOOGLE_APPLICATION_CREDENTIALS: join(folder, 'none.json') };
    const failed = await bare(['jobs', 'list', '--json'], env);
    expect(errorOf(failed)).toMatchObject(error('NO_CREDENTIALS', 'GOOGLE_APPLICATION_CREDENTIALS'));
  });
});

test('without a project the message names the flag and the variable', async () => {
  const key = { type: 'authorized_user', client_id: 'a', client_secret: 'b', refresh_token: 'c' };
  const path = join(folder, 'credentials.json');
  writeFileSync(path, JSON.stringify(key));
  const env = { HOME: folder, GOOGLE_APPLICATION_CREDENTIALS: path, CLOUDSDK_CONFIG: folder };
  const failed = await cli(['jobs', 'list', '--json'], env, { cwd: folder });
  const message = expect.stringMatching(/--project=.*GOOGLE_CLOUD_PROJECT=/) as string;
  expect([failed.exitCode, errorOf(failed)]).toEqual([2, expect.objectContaining({ code: 'NO_PROJECT', message })]);
});

describe('--local', () => {
  const FILE = '.gemini-callbacks.local.json';

  test('uses what npm start runs, also where the shell names another project', async () => {
    const project = await forTest(LocalProject.create());
    await project.firestore
      .doc('jobs/batches~a')
      .set({ jobId: 'batches/a', kind: 'batch', state: 'running', updatedAt: new Date() });
    const variables = { ...project.env, GEMINI_API_KEY: API_KEY };
    writeFileSync(join(folder, FILE), JSON.stringify({ pid: process.pid, variables }));
    const listed = await run(['jobs', 'list', '--local'], { GOOGLE_CLOUD_PROJECT: 'demo-other' });
    expect(listed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('batches/a') });
  });

  test.for([
    ['without the file', undefined],
    ['with the file of a process that was killed', `{"pid":${2 ** 30},"variables":{}}`],
    ['with a file that is cut', '{"pid":'],
  ] as const)('%s says that nothing runs, and how to start it', async ([, content]) => {
    if (content !== undefined) writeFileSync(join(folder, FILE), content);
    expect(errorOf(await run(['jobs', 'list', '--local', '--json']))).toEqual(error('NOT_RUNNING', 'npm start'));
  });
});
