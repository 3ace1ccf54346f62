import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TRANSIENT_ERRORS } from '../../../deploy/advice.ts';
import type { Cloud } from './cloud.ts';
import { openStage, refusedBy, type Run, type Stage } from './harness.ts';

let stage: Stage;
let cloud: Cloud;
/** A revision that answers every request with an error of the platform. */
let broken: Server;

beforeAll(async () => {
  stage = await openStage();
  broken = createServer((_request, response) => response.writeHead(500).end('Internal Server Error'));
  await once(broken.listen(0, '127.0.0.1'), 'listening');
});
beforeEach(async () => {
  await stage.clear();
  ({ cloud } = stage);
});
afterAll(async () => {
  broken.close();
  await stage.close();
});

async function deployFirst(): Promise<void> {
  await deploy();
  cloud.changes();
}

/** The steps up to public services. */
const STEPS = '--only=accounts,messaging,secrets,repository,access,functions,public';
const SERVICES = ['gemini-callback', 'fetch-results', 'reconcile-jobs', 'submit-job'];

async function deploy(...options: readonly string[]): Promise<Run> {
  return await stage.run('deploy', STEPS, ...options);
}

const serving = () => SERVICES.map((name) => cloud.services.get(name)?.serving?.replace(`${name}-`, ''));
const images = () =>
  SERVICES.map((name) => JSON.stringify(cloud.services.get(name)?.revisions.at(-1)?.template)).map(
    (template) => /"image":"([^"]*)"/.exec(template)?.[1],
  );
const FIRST = Array(4).fill('00001-abc');
const SECOND = Array(4).fill('00002-abc');

test('one build serves four services, by its digest', async () => {
  await deployFirst();
  expect(cloud.builds).toBe(1);
  const [image] = images();
  expect(image).toMatch(/^europe-west1-docker\.pkg\.dev\/[\w-]+\/gemini-callbacks\/gemini-callback@sha256:\d{64}$/);
  expect(images()).toEqual(Array(4).fill(image));
  const targets = SERVICES.map((name) => JSON.stringify(cloud.services.get(name)?.revisions.at(-1)?.template));
  expect(targets.map((template) => /"FUNCTION_TARGET","value":"(\w+)"/.exec(template)?.[1])).toEqual([
    'geminiCallback',
    'fetchResults',
    'reconcileJobs',
    'submitJob',
  ]);
});

describe('an update', () => {
  beforeEach(deployFirst);

  test('verifies candidates before it moves the traffic of all four', async () => {
    const { exitCode, output } = await deploy('--rebuild');
    expect([exitCode, output]).toEqual([0, expect.stringContaining('Cloud Run functions: 4 updated ✓')]);
    expect([cloud.builds, serving()]).toEqual([2, SECOND]);
    const changes = cloud.changes();
    const deployed = changes.filter((line) => line.startsWith('run deploy'));
    expect(deployed.filter((line) => !/--no-traffic --tag=candidate/.test(line))).toEqual([]);
    const [firstMove] = changes.flatMap((line, index) => (line.includes('update-traffic') ? index : []));
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
    cloud.tagUrl = () => `http://127.0.0.1:${(broken.address() as AddressInfo).port}`;
    const { exitCode, output } = await deploy('--rebuild');
    expect([exitCode, serving()]).toEqual([1, FIRST]);
    expect(output).toMatch(/answered an unsigned POST with status 500 instead of MISSING_HEADER/);
    expect(output).toContain('Nothing has changed for callers');
    expect(cloud.changes().filter((line) => line.includes('update-traffic'))).toEqual([]);
    cloud.tagUrl = () => stage.callback.url;
    expect((await deploy()).exitCode).toBe(0);
    expect([cloud.builds, serving()]).toEqual([2, Array(4).fill('00003-abc')]);
  });

  test.each(SERVICES)('whose revision of %s does not start changes nothing', async (service) => {
    cloud.starts = (name) => name !== service;
    const { exitCode, output } = await deploy('--rebuild');
    expect([exitCode, serving()]).toEqual([1, FIRST]);
    expect(output).toContain(`Revision '${service}-00002-abc' is not ready`);
    expect(output).toContain('Nothing has changed for callers');
  });

  test('that fails while traffic moves is moved back', async () => {
    cloud.failing = { pattern: /update-traffic reconcile-jobs .*00002/, output: 'ERROR: (gcloud) INTERNAL: error' };
    const { exitCode, output } = await deploy('--rebuild');
    expect([exitCode, serving()]).toEqual([1, FIRST]);
    expect(output).toContain('Nothing has changed for callers');
  });
});

describe('--rollback', () => {
  beforeEach(deployFirst);

  test('returns all four to the previous revisions, and again to the next', async () => {
    await deploy('--rebuild');
    const announced = await stage.run('deploy', '--rollback', '--dry-run');
    expect([announced.stdout.split('\n').filter((line) => line.startsWith('gcloud run')).length, serving()]).toEqual([
      4,
      SECOND,
    ]);
    const back = await stage.run('deploy', '--rollback');
    expect([back.exitCode, serving()]).toEqual([0, FIRST]);
    expect(back.stdout).toContain('gemini-callback: gemini-callback-00002-abc → gemini-callback-00001-abc ✓');
    await stage.run('deploy', '--rollback');
    expect(serving()).toEqual(SECOND);
  });

  test('leaves services where the last release left them', async () => {
    await deploy('--rebuild');
    await deploy('--set=WEBHOOK_TOLERANCE_SECONDS=120');
    await stage.run('deploy', '--rollback');
    expect(serving()).toEqual(SECOND);
  });

  test('skips revisions that failed', async () => {
    await deploy('--rebuild');
    cloud.starts = () => false;
    await deploy('--rebuild');
    await stage.run('deploy', '--rollback');
    expect(serving()).toEqual(FIRST);
  });

  test('reports that there is nothing to return to', async () => {
    const { exitCode, output } = await stage.run('deploy', '--rollback');
    expect([exitCode, output]).toEqual([1, expect.stringContaining('There is no previous revision')]);
  });
});

describe('--status', () => {
  beforeEach(deployFirst);

  test('shows revisions, digests and traffic', async () => {
    const { exitCode, stdout } = await stage.run('deploy', '--status', STEPS);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^gemini-callback +gemini-callback-00001-abc +0{12} +100 % gemini-callback-00001-abc$/m);
    expect(stdout).toContain('Everything is as planned.');
    expect(cloud.changes()).toEqual([]);
  });

  test('shows what differs from the plan', async () => {
    await deploy('--set=WEBHOOK_TOLERANCE_SECONDS=120');
    await stage.run('deploy', '--rollback');
    cloud.things.delete('pubsub topics/gemini-results');
    const { stdout } = await stage.run('deploy', '--status', '--json', STEPS);
    const { differences } = JSON.parse(stdout) as {
      differences: readonly { resource: string; differences: readonly string[] }[];
    };
    expect(differences).toEqual(
      expect.arrayContaining([
        { resource: 'topic gemini-results', differences: ['missing'] },
        {
          resource: 'service gemini-callback',
          differences: [
            'variable WEBHOOK_TOLERANCE_SECONDS: 120 → not set',
            'traffic: gemini-callback-00001-abc → gemini-callback-00002-abc',
          ],
        },
      ]),
    );
  });
});

/** Messages of the races that users reported, each where it occurs. */
const REPORTED: readonly (readonly [RegExp, string])[] = [
  [
    /pubsub topics create/,
    'ERROR: (gcloud.pubsub.topics.create) PERMISSION_DENIED: Cloud Pub/Sub API has not been used in project 1 before or it is disabled. reason: SERVICE_DISABLED',
  ],
  [
    /projects add-iam/,
    'ERROR: (gcloud.projects.add-iam-policy-binding) INVALID_ARGUMENT: Service account gemini-callback@p.iam.gserviceaccount.com does not exist.',
  ],
  [
    /run deploy gemini-callback/,
    'ERROR: (gcloud.run.deploy) [404] Service account gemini-callback@p.iam.gserviceaccount.com was not found. iam.serviceaccounts.actAs',
  ],
  [
    /run deploy gemini-callback/,
    'ERROR: Unable to retrieve the repository metadata for projects/p/locations/europe-west1/repositories/gemini-callbacks.',
  ],
  [/run deploy gemini-callback/, 'ERROR: Build failed because of missing permission on the build service account.'],
  [
    /run deploy gemini-callback/,
    "ERROR: denied: Permission 'artifactregistry.repositories.uploadArtifacts' denied on resource",
  ],
  [
    /run deploy fetch-results/,
    'ERROR: Google Cloud Run Service Agent service-1@serverless-robot-prod.iam.gserviceaccount.com must have permission to read the image',
  ],
  [
    /run deploy submit-job/,
    'ERROR: Permission denied on secret: projects/1/secrets/dynamic-route-key/versions/latest for Revision service account gemini-submit@p.iam.gserviceaccount.com',
  ],
  [
    /run deploy gemini-callback/,
    'ERROR: gemini-build@p.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object.',
  ],
  [/projects add-iam/, 'ERROR: ABORTED: There were concurrent policy changes.'],
];

test.each(REPORTED)('a first deployment survives %s: %s', async (pattern, output) => {
  cloud.failing = { pattern, output, times: 3 };
  const run = await deploy();
  expect([run.exitCode, serving()]).toEqual([0, FIRST]);
  expect(run.output).toMatch(/… [^\n]*: [^\n]* Retrying in 1 s, for up to 5 minutes\./);
});

test('every race has a public source and a reported message', () => {
  const messages = [
    ...REPORTED.map(([, message]) => message),
    'Cannot find metric(s)',
    "Quota exceeded for quota metric 'Write' and limit 'Write requests per minute'",
  ];
  for (const { pattern, source } of TRANSIENT_ERRORS) {
    expect(source).toMatch(/^https:\/\//);
    expect([pattern, messages.some((message) => pattern.test(message))]).toEqual([pattern, true]);
  }
});

describe('before anything runs', () => {
  test.each([
    ['--only=nonsense', 'There is no step "nonsense". Steps: project, firestore'],
    ['--only=', 'There is no step "". Steps: project, firestore'],
    ['--prefix=Staging', '--prefix Staging must be a-z'],
    [
      '--prefix=a-very-long-prefix',
      'a-very-long-prefix-gemini-reconcile may have 30 characters. Use a prefix of at most 13',
    ],
    ['--region=europe-west99', 'is not a region of Cloud Run as of 2026-11-28. Use one of europe-central2'],
    ['--set=PORT=1', 'NAME one of WEBHOOK_AUDIENCE'],
    ['--set=WEBHOOK_TOLERANCE_SECONDS=abc', 'WEBHOOK_TOLERANCE_SECONDS must be a whole number'],
    ['--alert-email=invalid', 'an e-mail address'],
  ])('%s is wrong usage', async (option, message) => {
    const { exitCode, output } = await stage.run('deploy', option);
    expect([exitCode, output]).toEqual([2, expect.stringContaining(message)]);
    expect(cloud.changes()).toEqual([]);
  });

  test.each([
    [
      'an old gcloud',
      { version: '510.0.0' },
      'gcloud 510.0.0 is too old for --no-invoker-iam-check, which needs 528.0.0. Run: gcloud components update',
    ],
    ['no account', { account: '' }, 'gcloud has no active account. Run: gcloud auth login'],
    [
      'no billing',
      { billing: 'False' },
      'has no billing account. Link one at https://console.cloud.google.com/billing',
    ],
    [
      'the wrong account',
      {
        failing: {
          pattern: /projects describe/,
          output:
            'ERROR: (gcloud.projects.describe) [other@example.test] does not have permission to access projects instance [p] (or it may not exist)',
        },
      },
      'owner@example.test cannot read the project',
    ],
    [
      'no application default credentials',
      {
        failing: {
          pattern: /application-default/,
          output:
            'ERROR: (gcloud.auth.application-default.print-access-token) Your default credentials were not found.',
        },
      },
      'Run: gcloud auth application-default login',
    ],
  ])('%s ends the run', async (_name, state, message) => {
    Object.assign(cloud, state);
    const { exitCode, output } = await stage.run('deploy');
    expect([exitCode, output]).toEqual([1, expect.stringContaining(message)]);
    expect(cloud.changes()).toEqual([]);
  });

  test('--allow-unknown-region accepts a newer region, and every kind of project id is accepted', async () => {
    const options = ['--dry-run', '--project=example.com:shop', '--region=mars-north1', '--allow-unknown-region'];
    const { exitCode, stdout } = await stage.run('deploy', ...options);
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringContaining('gemini-callback@shop.example.com.iam.gserviceaccount.com'),
    ]);
    expect(stdout).toContain('--image=mars-north1-docker.pkg.dev/example.com/shop/gemini-callbacks/gemini-callback');
  });
});

test('gcloud parses every command that was sent', () => {
  expect(stage.sent().length).toBeGreaterThan(50);
  expect(refusedBy(stage.sent())).toEqual([]);
}, 120_000);
