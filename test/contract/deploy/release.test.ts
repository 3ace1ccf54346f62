import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { TRANSIENT_ERRORS } from '../../../deploy/advice.ts';
import { startReceiver } from '../../unit/simulator/harness.ts';
import { openStage } from './harness.ts';

const stage = await openStage();
const { cloud } = stage;

/** The steps up to public services. */
const STEPS = '--only=accounts,messaging,secrets,repository,access,functions,public';
const SERVICES = ['gemini-callback', 'fetch-results', 'reconcile-jobs', 'submit-job'];
const FIRST = Array(4).fill('00001-abc');
const SECOND = Array(4).fill('00002-abc');

let deployed: () => void;

beforeAll(async () => {
  await deploy();
  deployed = stage.save();
});

const deploy = async (...options: readonly string[]) => await stage.deploy(STEPS, ...options);
const rollBack = async (...options: readonly string[]) => await stage.deploy('--rollback', ...options);
const serving = () => SERVICES.map((name) => cloud.services.get(name)?.serving?.replace(`${name}-`, ''));
const failing = (pattern: RegExp, output: string) => (cloud.settings.failures = [{ pattern, output }]);

describe('an update', () => {
  beforeEach(() => deployed());

  test('replaces one build, which serves all four services by its digest', () => {
    expect(cloud.builds).toBe(1);
    const containers = SERVICES.flatMap(
      (name) => cloud.services.get(name)?.revisions.at(-1)?.template.spec.containers ?? [],
    );
    const [image] = containers.map((container) => container.image);
    expect(image).toMatch(/^europe-west1-docker\.pkg\.dev\/[\w-]+\/gemini-callbacks\/gemini-callback@sha256:\d{64}$/);
    expect(containers.map((container) => container.image)).toEqual(Array(4).fill(image));
    const targets = containers.map(({ env }) => env.find(({ name }) => name === 'FUNCTION_TARGET')?.value);
    expect(targets).toEqual(['geminiCallback', 'fetchResults', 'reconcileJobs', 'submitJob']);
  });

  test('verifies candidates before it moves the traffic of all four', async () => {
    const { exitCode, output } = await deploy('--rebuild');
    expect([exitCode, output]).toEqual([0, expect.stringContaining('Cloud Run functions: 4 updated ✓')]);
    expect([cloud.builds, serving()]).toEqual([2, SECOND]);
    const changes = cloud.changes();
    const candidates = changes.filter((line) => line.startsWith('run deploy'));
    expect(candidates.filter((line) => !/--no-traffic --tag=candidate/.test(line))).toEqual([]);
    const firstMove = changes.findIndex((line) => line.includes('update-traffic'));
    expect(changes.slice(firstMove).every((line) => line.includes('update-traffic'))).toBe(true);
    expect((await deploy()).output).toMatch(/Deployed: \d+ unchanged/);
    expect(cloud.changes()).toEqual([]);
  });

  test('of a setting builds nothing and replaces one revision', async () => {
    const { exitCode } = await deploy('--set=WEBHOOK_TOLERANCE_SECONDS=120');
    expect([exitCode, cloud.builds, serving()]).toEqual([0, 1, ['00002-abc', ...FIRST.slice(1)]]);
    expect(cloud.changes().filter((line) => line.startsWith('run deploy'))).toEqual([
      expect.stringMatching(/deploy gemini-callback --image=\S+@sha256:\S+ --clear-base-image .*TOLERANCE_SECONDS=120/),
    ]);
  });

  test('that fails its smoke test changes nothing, and a repaired one replaces it', async () => {
    const broken = await startReceiver();
    onTestFinished(async () => await broken.close());
    broken.answer = 500;
    cloud.tagUrl = () => broken.url;
    const { exitCode, output } = await deploy('--rebuild');
    expect([exitCode, serving()]).toEqual([1, FIRST]);
    expect(output).toMatch(/answered an unsigned POST with status 500 instead of MISSING_HEADER/);
    expect(output).toMatch(/gcloud run services logs read \S+ --region=\S+ --project=\S+/);
    expect(output).toContain('Nothing has changed for callers');
    expect(cloud.changes().filter((line) => line.includes('update-traffic'))).toEqual([]);
    cloud.tagUrl = () => stage.callback.url;
    expect((await deploy()).exitCode).toBe(0);
    expect([cloud.builds, serving()]).toEqual([2, Array(4).fill('00003-abc')]);
  });

  test.each(SERVICES)('whose revision of %s does not start changes nothing', async (service) => {
    cloud.settings.starts = (name) => name !== service;
    const { exitCode, output } = await deploy('--rebuild');
    expect([exitCode, serving()]).toEqual([1, FIRST]);
    expect(output).toContain(`Revision '${service}-00002-abc' is not ready`);
    expect(output).toContain('Nothing has changed for callers');
  });

  test('that fails while traffic moves is moved back', async () => {
    failing(/update-traffic reconcile-jobs .*00002/, 'ERROR: (gcloud) INTERNAL: error');
    const { exitCode, output } = await deploy('--rebuild');
    expect([exitCode, serving()]).toEqual([1, FIRST]);
    expect(output).toContain('Nothing has changed for callers');
  });
});

describe('--rollback', () => {
  beforeEach(() => deployed());

  test('returns all four to the previous revisions, and again to the next', async () => {
    await deploy('--rebuild');
    const announced = await rollBack('--dry-run');
    expect(announced.stdout.match(/^gcloud run/gm)).toHaveLength(4);
    expect(serving()).toEqual(SECOND);
    const back = await rollBack();
    expect([back.exitCode, serving()]).toEqual([0, FIRST]);
    expect(back.stdout).toContain('gemini-callback: gemini-callback-00002-abc → gemini-callback-00001-abc ✓');
    await rollBack();
    expect(serving()).toEqual(SECOND);
  });

  test('leaves services where the last release left them', async () => {
    await deploy('--rebuild');
    await deploy('--set=WEBHOOK_TOLERANCE_SECONDS=120');
    await rollBack();
    expect(serving()).toEqual(SECOND);
  });

  test('skips revisions that failed', async () => {
    await deploy('--rebuild');
    cloud.settings.starts = () => false;
    await deploy('--rebuild');
    await rollBack();
    expect(serving()).toEqual(FIRST);
  });

  test('reports that there is nothing to return to', async () => {
    const { exitCode, output } = await rollBack();
    expect([exitCode, output]).toEqual([1, expect.stringContaining('There is no previous revision')]);
  });
});

describe('--status', () => {
  beforeEach(() => deployed());

  test('shows revisions, digests and traffic', async () => {
    const { exitCode, stdout } = await deploy('--status');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^gemini-callback +gemini-callback-00001-abc +0{12} +100 % gemini-callback-00001-abc$/m);
    expect(stdout).toContain('Everything is as planned.');
    expect(cloud.changes()).toEqual([]);
  });

  test('shows what differs from the plan', async () => {
    await deploy('--set=WEBHOOK_TOLERANCE_SECONDS=120');
    await rollBack();
    cloud.things.delete('pubsub topics/gemini-results');
    const { stdout } = await deploy('--status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      differences: expect.arrayContaining([
        { resource: 'topic gemini-results', differences: ['missing'] },
        {
          resource: 'service gemini-callback',
          differences: [
            'variable WEBHOOK_TOLERANCE_SECONDS: 120 → not set',
            'traffic: gemini-callback-00001-abc → gemini-callback-00002-abc',
          ],
        },
      ]),
    });
  });
});

/** Messages of the races that users reported, each where it occurs. */
const REPORTED = Object.entries({
  'ERROR: (gcloud.pubsub.topics.create) PERMISSION_DENIED: Cloud Pub/Sub API has not been used in project 1 before or it is disabled. reason: SERVICE_DISABLED':
    /pubsub topics create/,
  'ERROR: (gcloud.projects.add-iam-policy-binding) INVALID_ARGUMENT: Service account gemini-callback@p.iam.gserviceaccount.com does not exist.':
    /projects add-iam/,
  'ERROR: ABORTED: There were concurrent policy changes.': /projects add-iam/,
  'ERROR: (gcloud.run.deploy) [404] Service account gemini-callback@p.iam.gserviceaccount.com was not found. iam.serviceaccounts.actAs':
    /run deploy gemini-callback/,
  'ERROR: Unable to retrieve the repository metadata for projects/p/locations/europe-west1/repositories/gemini-callbacks.':
    /run deploy gemini-callback/,
  'ERROR: Build failed because of missing permission on the build service account.': /run deploy gemini-callback/,
  "ERROR: denied: Permission 'artifactregistry.repositories.uploadArtifacts' denied on resource":
    /run deploy gemini-callback/,
  'ERROR: gemini-build@p.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object.':
    /run deploy gemini-callback/,
  'ERROR: Google Cloud Run Service Agent service-1@serverless-robot-prod.iam.gserviceaccount.com must have permission to read the image':
    /run deploy fetch-results/,
  'ERROR: Permission denied on secret: projects/1/secrets/dynamic-route-key/versions/latest for Revision service account gemini-submit@p.iam.gserviceaccount.com':
    /run deploy submit-job/,
  'ERROR: Cannot find metric(s) that match type = "logging.googleapis.com/user/a".': /monitoring policies create/,
  "ERROR: RESOURCE_EXHAUSTED: Quota exceeded for quota metric 'Write' and limit 'Write requests per minute'":
    /logging metrics create/,
});

test('a first deployment survives every race that users reported, and says why it waits', async () => {
  cloud.settings.failures = REPORTED.map(([output, pattern]) => ({ output, pattern, times: 1 }));
  const { exitCode, output } = await stage.deploy('--skip=webhook,doctor,firestore,rules,indexes');
  expect([exitCode, serving()]).toEqual([0, FIRST]);
  const reasons = REPORTED.map(([message]) => TRANSIENT_ERRORS.find(({ pattern }) => pattern.test(message)));
  for (const reason of reasons) expect(output).toContain(`: ${reason?.advice} Retrying in `);
  expect(TRANSIENT_ERRORS.filter((error) => !reasons.includes(error))).toEqual([]);
  expect(TRANSIENT_ERRORS.filter(({ source }) => !source.startsWith('https://'))).toEqual([]);
});

describe('before anything runs', () => {
  test.each([
    ['--only=nonsense', 'There is no step "nonsense". Steps: project, firestore'],
    ['--only=', 'There is no step "". Steps: project, firestore'],
    ['--prefix=Staging', '--prefix Staging must be a-z'],
    ['--prefix=a-very-long-prefix', '-gemini-reconcile may have 30 characters. Use a prefix of at most 13'],
    ['--region=europe-west99', 'is not a region of Cloud Run as of 2026-11-28. Use one of europe-central2'],
    ['--set=PORT=1', 'NAME one of WEBHOOK_AUDIENCE'],
    ['--set=WEBHOOK_TOLERANCE_SECONDS=abc', 'WEBHOOK_TOLERANCE_SECONDS must be a whole number'],
    ['--alert-email=invalid', 'an e-mail address'],
  ])('%s is wrong usage', async (option, message) => {
    const { exitCode, output } = await stage.deploy(option);
    expect([exitCode, output]).toEqual([2, expect.stringContaining(message)]);
    expect(cloud.changes()).toEqual([]);
  });

  const OTHER_ACCOUNT =
    'ERROR: (gcloud.projects.describe) [other@example.test] does not have permission to access projects instance [p] (or it may not exist)';
  const NO_CREDENTIALS =
    'ERROR: (gcloud.auth.application-default.print-access-token) Your default credentials were not found.';

  test.each<[string, () => unknown, string]>([
    [
      'an old gcloud',
      () => (cloud.settings.version = '510.0.0'),
      'gcloud 510.0.0 is too old for --no-invoker-iam-check, which needs 528.0.0. Run: gcloud components update',
    ],
    ['no account', () => (cloud.settings.account = ''), 'gcloud has no active account. Run: gcloud auth login'],
    [
      'no billing',
      () => (cloud.settings.billing = 'False'),
      'has no billing account. Link one at https://console.cloud.google.com/billing',
    ],
    [
      'the wrong account',
      () => failing(/projects describe/, OTHER_ACCOUNT),
      'owner@example.test cannot read the project',
    ],
    [
      'no application default credentials',
      () => failing(/application-default/, NO_CREDENTIALS),
      'Run: gcloud auth application-default login',
    ],
  ])('%s ends the run', async (_name, prepare, message) => {
    prepare();
    const { exitCode, output } = await stage.deploy();
    expect([exitCode, output]).toEqual([1, expect.stringContaining(message)]);
    expect(cloud.changes()).toEqual([]);
  });

  test('--allow-unknown-region accepts a newer region, and every kind of project id is accepted', async () => {
    const place = ['--project=example.com:shop', '--region=mars-north1', '--allow-unknown-region'];
    const { exitCode, stdout } = await stage.deploy('--dry-run', ...place);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('gemini-callback@shop.example.com.iam.gserviceaccount.com');
    expect(stdout).toContain('--image=mars-north1-docker.pkg.dev/example.com/shop/gemini-callbacks/gemini-callback');
  });
});
