import { PubSub } from '@google-cloud/pubsub';
import { afterAll, describe, expect, test } from 'vitest';
import { SUBSCRIBABLE_TYPES } from '../../../functions/model/eventTypes.ts';
import { startFunction } from '../../../local/functions.ts';
import { freePort } from '../../../local/process.ts';
import { LocalProject } from '../../../local/project.ts';
import { newSecret } from '../../../simulator/signing.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { cli } from '../../support/cli.ts';
import { forFile } from '../../support/opened.ts';
import { client, startReceiver } from '../../unit/simulator/harness.ts';

interface Finding {
  readonly check: string;
  readonly status: string;
  readonly detail: string;
  readonly fix?: string;
}

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

async function doctor(changed: NodeJS.ProcessEnv = {}): Promise<{ exitCode: number; problems: readonly Finding[] }> {
  const { exitCode, stdout } = await cli(['doctor', '--json'], { ...env, ...changed });
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
  expect(findings.length).toBeGreaterThan(8);
  return { exitCode, problems: findings.filter(({ status }) => status === 'problem') };
}

test('a healthy installation has no problems', async () => {
  expect(await doctor()).toEqual({ exitCode: 0, problems: [] });
  const { stdout } = await cli(['doctor'], env);
  expect(stdout).toMatch(/^✓ +callback URL/m);
  expect(stdout).toMatch(/^– +TTL policy +the emulator has none/m);
});

test('a webhook that is disabled, or lacks events, is reported with the command that fixes it', async () => {
  await ai.webhooks.update(webhook, { state: 'disabled', subscribed_events: ['batch.succeeded'] });
  const { exitCode, problems } = await doctor();
  await ai.webhooks.update(webhook, { state: 'enabled', subscribed_events: EVENTS });
  expect(exitCode).toBe(1);
  expect(problems).toEqual([
    expect.objectContaining({ check: 'webhook', fix: `gemini-callbacks webhooks update ${webhook} --enable` }),
    expect.objectContaining({ check: 'webhook', detail: expect.stringContaining('video.generated') }),
  ]);
});

test('a secret that Gemini does not sign with is reported', async () => {
  const { exitCode, problems } = await doctor({ WEBHOOK_SIGNING_SECRET: newSecret() });
  expect(exitCode).toBe(1);
  expect(problems).toEqual([
    expect.objectContaining({
      check: 'webhook',
      fix: `gemini-callbacks webhooks rotate ${webhook} --secret=webhook-signing-secret`,
    }),
  ]);
});

test('a blocked function and another function at the URL are reported separately', async () => {
  const wall = await startReceiver();
  wall.answer = 403;
  const walled = await doctor({ CALLBACK_URL: wall.url });
  wall.answer = 200;
  const other = await doctor({ CALLBACK_URL: wall.url });
  await wall.close();
  expect(walled.problems).toContainEqual(
    expect.objectContaining({ check: 'callback URL', fix: expect.stringContaining('--no-invoker-iam-check') }),
  );
  expect(other.problems).toContainEqual(
    expect.objectContaining({ check: 'callback URL', detail: expect.stringContaining('is not geminiCallback') }),
  );
  expect(other.problems).toContainEqual(expect.objectContaining({ check: 'webhook' }));
});

test('missing topics and topics without a subscription are reported', async () => {
  await new PubSub({ projectId: project.projectId }).createTopic('lonely');
  const { problems } = await doctor({ EVENTS_TOPIC: 'nowhere', RESULTS_TOPIC: 'lonely' });
  expect(problems).toEqual([
    expect.objectContaining({ check: 'topic for events', fix: 'gcloud pubsub topics create nowhere' }),
    expect.objectContaining({ check: 'topic for results', detail: expect.stringContaining('are lost') }),
  ]);
});

describe.concurrent('where there is no answer', () => {
  test.for([
    ['public keys', { GEMINI_JWKS_URL: 'http://127.0.0.1:1/' }],
    ['webhook', { GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:1/' }],
    ['topic for events', { PUBSUB_EMULATOR_HOST: '127.0.0.1:1' }],
  ] as const)('%s is a problem, and all else is checked', { timeout: 60_000 }, async ([check, changed]) => {
    const { exitCode, problems } = await doctor(changed);
    const detail = expect.stringContaining('not be checked') as string;
    expect([exitCode, problems]).toEqual([1, expect.arrayContaining([expect.objectContaining({ check, detail })])]);
  });
});

test('settings without which there is nothing to look at are named, all of them', async () => {
  const run = await cli(['doctor'], { ...env, CALLBACK_URL: '', GEMINI_API_KEY: '' });
  expect(run.exitCode).toBe(2);
  for (const name of ['CALLBACK_URL', 'GEMINI_API_KEY']) expect(run.stderr).toContain(name);
});

test('a secret that is malformed is a problem among the others, and is not shown', async () => {
  const { exitCode, problems } = await doctor({ WEBHOOK_SIGNING_SECRET: 'whsec_canary', EVENTS_TOPIC: 'nowhere' });
  expect(exitCode).toBe(1);
  expect(problems).toContainEqual(
    expect.objectContaining({ check: 'secrets', detail: expect.stringContaining('WEBHOOK_SIGNING_SECRET must be') }),
  );
  expect(problems).toContainEqual(expect.objectContaining({ check: 'topic for events' }));
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

test('without any secret here nothing is wrong', async () => {
  expect(await doctor({ WEBHOOK_SIGNING_SECRET: '' })).toEqual({ exitCode: 0, problems: [] });
});
