import { PubSub } from '@google-cloud/pubsub';
import { afterAll, describe, expect, test } from 'vitest';
import { SUBSCRIBABLE_TYPES } from '../../../functions/model/eventTypes.ts';
import { startFunction } from '../../../local/functions.ts';
import { freePort } from '../../../local/process.ts';
import { LocalProject } from '../../../local/project.ts';
import { newSecret } from '../../../simulator/signing.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { cli } from '../../support/cli.ts';
import { forFile, forTest } from '../../support/opened.ts';
import { client, startReceiver } from '../../unit/simulator/harness.ts';

const [project, simulator, port] = await Promise.all([
  forFile(LocalProject.create()),
  forFile(startSimulator()),
  freePort(),
]);
const ai = client(simulator);
const CALLBACK_URL = `http://127.0.0.1:${port}`;
const EVENTS = [...SUBSCRIBABLE_TYPES];
const { id: webhook = '', new_signing_secret: WEBHOOK_SIGNING_SECRET } = await ai.webhooks.create({
  uri: `${CALLBACK_URL}/`,
  subscribed_events: EVENTS,
});
const env: NodeJS.ProcessEnv = {
  ...project.env,
  WEBHOOK_SIGNING_SECRET,
  GEMINI_API_KEY: 'any-key',
  GOOGLE_GEMINI_BASE_URL: simulator.url,
  GEMINI_JWKS_URL: `${simulator.url}/.well-known/jwks.json`,
  CALLBACK_URL,
};
const callback = await startFunction('geminiCallback', env, { port });
afterAll(async () => void (await callback.end()));

/** Runs doctor with changed variables, and returns its exit code and the problems that it found. */
async function doctor(
  changed: NodeJS.ProcessEnv = {},
): Promise<readonly [number, readonly Readonly<Record<string, string>>[]]> {
  const { exitCode, stdout } = await cli(['doctor', '--json'], { ...env, ...changed });
  const { findings } = JSON.parse(stdout) as { findings: readonly Readonly<Record<string, string>>[] };
  expect(findings.length).toBeGreaterThan(8);
  return [exitCode, findings.filter(({ status }) => status === 'problem')];
}

/** Matches a problem by its check, and a part of its detail or of the command that fixes it. */
const problem = (check: string, part: { detail?: string; fix?: string } = {}) => {
  const parts = Object.entries(part).map(([name, text]) => [name, expect.stringContaining(text)]);
  return expect.objectContaining({ check, ...Object.fromEntries(parts) }) as object;
};

test('a healthy installation has no problems', async () => {
  expect(await doctor()).toEqual([0, []]);
  const { stdout } = await cli(['doctor'], env);
  expect(stdout).toMatch(/^✓ +callback URL/m);
  expect(stdout).toMatch(/^– +TTL policy +the emulator has none/m);
});

test('a webhook that is disabled, or lacks events, is reported with the command that fixes it', async () => {
  await ai.webhooks.update(webhook, { state: 'disabled', subscribed_events: ['batch.succeeded'] });
  const found = await doctor();
  await ai.webhooks.update(webhook, { state: 'enabled', subscribed_events: EVENTS });
  const enable = problem('webhook', { fix: `gemini-callbacks webhooks update ${webhook} --enable` });
  expect(found).toEqual([1, [enable, problem('webhook', { detail: 'video.generated' })]]);
});

test('a secret that Gemini does not sign with is reported', async () => {
  const fix = `gemini-callbacks webhooks rotate ${webhook} --secret=webhook-signing-secret`;
  expect(await doctor({ WEBHOOK_SIGNING_SECRET: newSecret() })).toEqual([1, [problem('webhook', { fix })]]);
});

test('a blocked function and another function at the URL are reported separately', async () => {
  const wall = await forTest(startReceiver());
  wall.answer = 403;
  const [, blocked] = await doctor({ CALLBACK_URL: wall.url });
  expect(blocked).toContainEqual(problem('callback URL', { fix: '--no-invoker-iam-check' }));
  wall.answer = 200;
  const [, other] = await doctor({ CALLBACK_URL: wall.url });
  expect(other).toContainEqual(problem('callback URL', { detail: 'is not geminiCallback' }));
  expect(other).toContainEqual(problem('webhook'));
});

test('missing topics and topics without a subscription are reported', async () => {
  await new PubSub({ projectId: project.projectId }).createTopic('lonely');
  expect(await doctor({ EVENTS_TOPIC: 'nowhere', RESULTS_TOPIC: 'lonely' })).toEqual([
    1,
    [
      problem('topic for events', { fix: 'gcloud pubsub topics create nowhere' }),
      problem('topic for results', { detail: 'are lost' }),
    ],
  ]);
});

describe.concurrent('where there is no answer', () => {
  test.for([
    ['public keys', { GEMINI_JWKS_URL: 'http://127.0.0.1:1/' }],
    ['webhook', { GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:1/' }],
    ['topic for events', { PUBSUB_EMULATOR_HOST: '127.0.0.1:1' }],
  ] as const)('%s is a problem, and all else is checked', { timeout: 60_000 }, async ([check, changed]) => {
    const [exitCode, problems] = await doctor(changed);
    expect(exitCode).toBe(1);
    expect(problems).toContainEqual(problem(check, { detail: 'not be checked' }));
  });
});

test('all settings that doctor needs and does not find are named', async () => {
  const run = await cli(['doctor'], { ...env, CALLBACK_URL: '', GEMINI_API_KEY: '' });
  expect([run.exitCode, run.stderr]).toEqual([
    2,
    expect.stringMatching(/GEMINI_API_KEY[^]*CALLBACK_URL|CALLBACK_URL[^]*GEMINI_API_KEY/),
  ]);
});

test('a secret that is malformed is a problem among the others, and is not shown', async () => {
  const [exitCode, problems] = await doctor({ WEBHOOK_SIGNING_SECRET: 'whsec_canary', EVENTS_TOPIC: 'nowhere' });
  expect(exitCode).toBe(1);
  expect(problems).toContainEqual(problem('secrets', { detail: 'WEBHOOK_SIGNING_SECRET must be' }));
  expect(problems).toContainEqual(problem('topic for events'));
  expect(JSON.stringify(problems)).not.toContain('canary');
});

test('without a signing secret here the webhook’s is unchecked, and no rotation is proposed', async () => {
  const changed = { WEBHOOK_SIGNING_SECRET: '', DYNAMIC_ROUTE_KEY: 'canary-route-key-of-32-characters!' };
  const { exitCode, stdout } = await cli(['doctor'], { ...env, ...changed });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^– +secrets +WEBHOOK_SIGNING_SECRET is not known here$/m);
  expect(stdout).toMatch(/^✓ +secrets +1 route key, well-formed$/m);
  expect(stdout).toMatch(/^– +webhook +the signing secret of \S+: WEBHOOK_SIGNING_SECRET is not known here$/m);
  expect(stdout).not.toMatch(/rotate|0 signing/);
});
