import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { newSecret } from '../../../simulator/signing.ts';
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';
import { LocalProject } from '../../../local/project.ts';
import { cli, type CliRun } from '../../support/cli.ts';
import { type CloudRun, startCloudRun } from '../../support/cloudRun.ts';
import { type SecretManager, startSecretManager } from '../../support/secretManager.ts';

const API_KEY = 'canary-api-key';
const ROUTE_KEY = 'canary-route-key-of-32-characters!';
const SIGNING_SECRET = newSecret();
const SECRETS = [API_KEY, ROUTE_KEY, SIGNING_SECRET];
const FLAGS = ['--project=demo-shop', '--region=europe-west1'];

let simulator: Simulator;
let cloudRun: CloudRun;
let secretManager: SecretManager;
let folder: string;

beforeAll(async () => {
  [simulator, cloudRun, secretManager] = await Promise.all([startSimulator(), startCloudRun(), startSecretManager()]);
});

afterAll(async () => {
  await Promise.all([simulator.close(), cloudRun.close(), secretManager.close()]);
});

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'installation-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
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
  const stands = { CLOUD_RUN_EMULATOR_HOST: cloudRun.host, SECRET_MANAGER_EMULATOR_HOST: secretManager.host };
  return await cli(args, { HOME: folder, ...stands, ...env }, { cwd: folder });
}

interface Config {
  readonly settings: readonly { readonly name: string; readonly value: string; readonly origin: string }[];
}

async function config(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Record<string, string>> {
  const { stdout, stderr, exitCode } = await run(['config', '--json', ...args], env);
  expect([exitCode, stderr]).toEqual([0, '']);
  for (const secret of SECRETS) expect(stdout).not.toContain(secret);
  const { settings } = JSON.parse(stdout) as Config;
  return Object.fromEntries(settings.map(({ name, value, origin }) => [name, `${value} from ${origin}`]));
}

const errorOf = ({ stderr }: CliRun) => (JSON.parse(stderr) as { error: { code: string; message: string } }).error;

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
    await new GoogleGenAI({ apiKey: API_KEY, httpOptions: { baseUrl: simulator.url } }).webhooks.create({
      uri: 'https://callback.example.test/',
      subscribed_events: ['batch.succeeded'],
    });
    simulator.settings.patch({ api: { key: API_KEY } });
    onTestFinished(() => void simulator.settings.patch({ api: { key: null } }));
    const listed = await run(['webhooks', 'list', ...FLAGS]);
    expect(listed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('https://callback.example.test/') });
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
    mkdirSync(join(folder, 'below'));
    const below = await cli(
      ['config', '--json'],
      { CLOUD_RUN_EMULATOR_HOST: cloudRun.host },
      { cwd: join(folder, 'below') },
    );
    expect(below).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('blue-gemini-events') });
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
  const DISABLED = 'Cloud Run Admin API has not been used in project 1 before or it is disabled.';
  const cases: readonly [string, () => unknown, readonly string[], string, string][] = [
    [
      'nothing is deployed',
      () => {},
      FLAGS,
      'NOT_DEPLOYED',
      'npm run deploy -- --project=demo-shop --region=europe-west1',
    ],
    ['another region', () => deployed('demo-shop', 'us-central1'), FLAGS, 'NOT_DEPLOYED', 'gcloud run services list'],
    [
      'a prefix is missing',
      () => deployed('demo-shop', 'europe-west1', 'blue-'),
      FLAGS,
      'NOT_DEPLOYED',
      '--prefix=blue',
    ],
    ['no region', deployed, ['--project=demo-shop', '--prefix=x'], 'CONFIG_INVALID', '--region=REGION'],
    [
      'a region that does not exist',
      () =>
        (cloudRun.refusal = { code: 403, message: "Permission denied on 'locations/nowhere' (or it may not exist)." }),
      FLAGS,
      'WRONG_REGION',
      'gcloud run regions list --project=demo-shop',
    ],
    [
      'no permission',
      () => (cloudRun.refusal = { code: 403, message: "Permission 'run.services.get' denied." }),
      FLAGS,
      'NO_PERMISSION',
      'gcloud projects add-iam-policy-binding demo-shop --member=user:YOUR_ADDRESS --role=roles/run.viewer',
    ],
    [
      'an API that is not enabled',
      () => (cloudRun.refusal = { code: 403, message: DISABLED }),
      FLAGS,
      'API_DISABLED',
      'gcloud services enable run.googleapis.com --project=demo-shop',
    ],
    [
      'credentials that expired',
      () => (cloudRun.refusal = { code: 401, message: 'Request had invalid authentication credentials.' }),
      FLAGS,
      'CREDENTIALS_EXPIRED',
      'gcloud auth application-default login',
    ],
    [
      'a secret without a version',
      () => {
        deployed();
        secretManager.secrets.clear();
      },
      FLAGS,
      'SECRET_MISSING',
      'gcloud secrets versions add key --project=demo-shop',
    ],
  ];

  test.for(cases)('%s', async ([, prepare, flags, code, advice]) => {
    prepare();
    const failed = await run(['webhooks', 'list', '--json', ...flags]);
    expect(failed.stdout).toBe('');
    expect(errorOf(failed)).toMatchObject({ code, message: expect.stringContaining(advice) });
    const forPeople = await run(['webhooks', 'list', ...flags]);
    expect(forPeople.stderr).toMatch(/^error: /);
    expect(`${failed.stderr}${forPeople.stderr}`).not.toMatch(/\n\s+at /);
  });

  test('Cloud Run does not answer', async () => {
    const failed = await run(['config', '--json', ...FLAGS], { CLOUD_RUN_EMULATOR_HOST: '127.0.0.1:1' });
    expect(errorOf(failed)).toMatchObject({
      code: 'GOOGLE_UNREACHABLE',
      message: expect.stringContaining('127.0.0.1:1'),
    });
  });

  test('the remembered installation cannot be read', async () => {
    writeFileSync(join(folder, '.gemini-callbacks.json'), '{"project":');
    expect(errorOf(await run(['config', '--json']))).toMatchObject({
      code: 'INSTALLATION_UNREADABLE',
      message: expect.stringContaining('--project'),
    });
  });
});

describe('without Application Default Credentials', () => {
  const bare = {
    GOOGLE_CLOUD_PROJECT: 'demo-shop',
    GEMINI_API_KEY: 'canary-key',
    CALLBACK_URL: 'https://c.example.test/',
  };
  const COMMANDS = [
    ['jobs', 'list'],
    ['jobs', 'show', 'batches/a'],
    ['jobs', 'watch', 'batches/a'],
    ['jobs', 'reconcile', '--yes'],
    ['deliveries', 'list'],
    ['deliveries', 'show', 'msg_1'],
    ['deliveries', 'replay', 'msg_1', '--yes'],
    ['deliveries', 'release', '--all', '--yes'],
    ['webhooks', 'create', '--uri=https://c.example.test/', '--events=batch.failed', '--secret=s'],
  ];

  test.for(COMMANDS)('%s %s names the command that signs in', async (...[args]) => {
    const env = { HOME: folder, ...bare };
    const [failed, forPeople] = await Promise.all([
      cli([...args, '--json'], env, { cwd: folder }),
      cli(args, env, { cwd: folder }),
    ]);
    expect([failed.exitCode, failed.stdout]).toEqual([1, '']);
    expect(errorOf(failed).code).toBe('NO_CREDENTIALS');
    expect(forPeople.stderr).toBe(
      'error: No Google Cloud credentials were found here. Run: gcloud auth application-default login\n',
    );
  });

  test('doctor checks what it can, and names the command that signs in', async () => {
    const env = { HOME: folder, ...bare, GOOGLE_GEMINI_BASE_URL: simulator.url, GEMINI_JWKS_URL: `${simulator.url}/x` };
    const { exitCode, stdout } = await cli(['doctor', '--json'], env, { cwd: folder });
    const { findings } = JSON.parse(stdout) as { findings: object[] };
    expect(exitCode).toBe(1);
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'Google Cloud', fix: 'gcloud auth application-default login' }),
    );
    expect(findings.length).toBeGreaterThan(4);
  });

  test('credentials that cannot be read name the variable that points to them', async () => {
    const env = { HOME: folder, ...bare, GOOGLE_APPLICATION_CREDENTIALS: join(folder, 'none.json') };
    const failed = await cli(['jobs', 'list', '--json'], env, { cwd: folder });
    expect(errorOf(failed)).toMatchObject({
      code: 'NO_CREDENTIALS',
      message: expect.stringContaining('GOOGLE_APPLICATION_CREDENTIALS'),
    });
  });
});

test('without a project the message names the flag and the variable', async () => {
  const key = { type: 'authorized_user', client_id: 'a', client_secret: 'b', refresh_token: 'c' };
  const path = join(folder, 'credentials.json');
  writeFileSync(path, JSON.stringify(key));
  const env = { HOME: folder, GOOGLE_APPLICATION_CREDENTIALS: path, CLOUDSDK_CONFIG: folder };
  const failed = await cli(['jobs', 'list', '--json'], env, { cwd: folder });
  expect(failed.exitCode).toBe(2);
  expect(errorOf(failed)).toMatchObject({
    code: 'NO_PROJECT',
    message: expect.stringMatching(/--project=.*GOOGLE_CLOUD_PROJECT=/),
  });
});

describe('--local', () => {
  const FILE = '.gemini-callbacks.local.json';

  test('uses what npm start runs, also where the shell names another project', async () => {
    const project = await LocalProject.create();
    await project.firestore
      .doc('jobs/batches~a')
      .set({ jobId: 'batches/a', kind: 'batch', state: 'running', updatedAt: new Date() });
    const variables = { ...project.env, GEMINI_API_KEY: API_KEY };
    writeFileSync(join(folder, FILE), JSON.stringify({ pid: process.pid, variables }));
    const listed = await run(['jobs', 'list', '--local'], { GOOGLE_CLOUD_PROJECT: 'demo-other' });
    expect(listed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('batches/a') });
    await project.close();
  });

  test.for([
    ['without the file', undefined],
    ['with the file of a process that was killed', { pid: 2 ** 30, variables: {} }],
    ['with a file that is cut', 'cut'],
  ] as const)('%s says that nothing runs, and how to start it', async ([, content]) => {
    if (content !== undefined)
      writeFileSync(join(folder, FILE), content === 'cut' ? '{"pid":' : JSON.stringify(content));
    expect(errorOf(await run(['jobs', 'list', '--local', '--json']))).toEqual({
      code: 'NOT_RUNNING',
      message: '--local: nothing runs on this machine. Start it in another terminal: npm start',
    });
  });
});
