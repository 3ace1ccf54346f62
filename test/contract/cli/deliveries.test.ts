import { beforeAll, expect, test } from 'vitest';
import { newSecret, signV1 } from '../../../simulator/signing.ts';
import { startSimulator } from '../../../simulator/simulator.ts';
import { startFunction } from '../../../local/functions.ts';
import { LocalProject } from '../../../local/project.ts';
import { cli } from '../../support/cli.ts';
import { forFile } from '../../support/opened.ts';
import { errorOf, resultOf } from './harness.ts';

const SECRET = newSecret();
const HOUR_SECONDS = 3_600;

const [project, simulator] = await Promise.all([forFile(LocalProject.create()), forFile(startSimulator())]);

const event = (id: string) =>
  `{"type":"batch.succeeded",  "data":{"id":"batches/${id}","z":1.50},"user_metadata":{"team":"red"}}`;

/** One of each: published, kept for its age, no event, stuck before Pub/Sub. */
beforeAll(async () => {
  const callback = await startFunction('geminiCallback', { ...project.env, WEBHOOK_SIGNING_SECRET: SECRET });
  const send = async (id: string, body: string, ageSeconds = 0) => {
    const timestampSeconds = Math.floor(Date.now() / 1_000) - ageSeconds;
    const signature = signV1(SECRET, { id, timestampSeconds, body });
    const headers = { 'webhook-id': id, 'webhook-timestamp': String(timestampSeconds), 'webhook-signature': signature };
    await fetch(callback.url, { method: 'POST', body, headers });
  };
  await send('msg_published', event('published'));
  await send('msg_held', event('held'), HOUR_SECONDS);
  await send('msg_coloured', '{"type":"batch.\\u001b[31mred","data":{"id":"batches/\\u009b31m"}}', HOUR_SECONDS);
  await send('msg_no_event', '[]');
  await callback.end();
  await project.messages('gemini-events');
});

const env: NodeJS.ProcessEnv = {
  ...project.env,
  GEMINI_API_KEY: 'any-key',
  GOOGLE_GEMINI_BASE_URL: simulator.url,
  RECONCILE_PENDING_SECONDS: '0',
};

const run = async (...args: readonly string[]) => await cli(['deliveries', ...args], env);
const codeOf = async (...args: readonly string[]) => errorOf(await run(...args, '--json')).code;
const result = async (...args: readonly string[]) => await resultOf(['deliveries', ...args], env);

test('show has everything, and says where there is nothing', async () => {
  expect(await result('show', 'msg_published')).toMatchObject({
    webhookId: 'msg_published',
    event: { type: 'batch.succeeded' },
    firstReceivedAt: expect.stringMatching(/Z$/),
  });
  expect((await run('show', 'msg_held')).stdout).toMatch(/^quarantineReason +TIMESTAMP_OUT_OF_TOLERANCE/m);
  for (const id of ['msg_nowhere', 'a/b']) expect(await codeOf('show', id)).toBe('DELIVERY_NOT_FOUND');
});

test('replay publishes the same message again, marked as a replay', async () => {
  const before = await project.document('deliveries/msg_published');
  const { messageId, replay } = await result('replay', 'msg_published', '--yes');
  const [message, ...more] = await project.messages('gemini-events');
  expect(more).toEqual([]);
  expect(message?.attributes).toMatchObject({ 'ce-id': 'msg_published', meta_team: 'red', replay });
  expect(String(message?.data)).toBe(event('published'));
  expect(messageId).toMatch(/^\d+$/);
  expect(await project.document('deliveries/msg_published')).toEqual(before);
  expect(await codeOf('replay', 'msg_no_event')).toBe('NOT_AN_EVENT');
  expect(await codeOf('replay', 'msg_held')).toBe('QUARANTINED');
  expect(await project.messages('gemini-events')).toEqual([]);
});

test('what came from elsewhere cannot change the colours of a terminal', async () => {
  const runs = await Promise.all(
    [['list'], ['show', 'msg_coloured'], ['release', 'msg_coloured']].map(async (args) => await run(...args)),
  );
  for (const { stdout, stderr } of runs) {
    expect(`${stdout}${stderr}`).toContain('batch.\u{FFFD}[31mred');
    expect(`${stdout}${stderr}`).not.toMatch(/(?!\n)\p{Cc}/u);
  }
});

test('release shows the quarantine reason, asks for confirmation and publishes the delivery', async () => {
  const unsure = await run('release', 'msg_held');
  expect(unsure).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/out of tolerance[^]*--yes/) });
  expect(await codeOf('release', 'msg_held')).toBe('USAGE');
  expect(await project.documentIds('jobs')).toEqual(['batches~published']);
  const held = project.firestore.doc('deliveries/msg_held');
  const [before, sinceMillis] = [(await held.get()).data() ?? {}, Date.now()];
  const longAgo = new Date(Date.now() - 40 * 86_400_000);
  await held.update({ firstReceivedAt: longAgo, expireAt: longAgo });
  expect(await result('release', 'msg_held', '--yes')).toMatchObject({
    state: 'published',
    firstReceivedAt: longAgo.toISOString(),
    lastReceivedAt: before['lastReceivedAt'].toDate().toISOString(),
    attempts: 1,
  });
  expect((await held.get()).get('expireAt').toMillis()).toBeGreaterThan(Date.now());
  const [message] = await project.messages('gemini-events');
  expect(String(message?.data)).toContain('"batch.succeeded",  "data"');
  const job = await project.document('jobs/batches~held');
  expect(job).toMatchObject({ state: 'succeeded' });
  expect(job?.['updatedAt'].toMillis()).toBeGreaterThanOrEqual(sinceMillis);
  expect(await codeOf('release', 'msg_held', '--yes')).toBe('NOT_QUARANTINED');
  expect(await codeOf('release', 'msg_no_event', '--yes')).toBe('NOT_AN_EVENT');
});

test('jobs reconcile does what the function does', async () => {
  const held = project.firestore.doc('deliveries/msg_published');
  await held.update({ state: 'pending', leaseUntil: new Date(0) });
  expect(await resultOf(['jobs', 'reconcile', '--yes'], env)).toMatchObject({ republished: 1, resumed: 2, errors: 0 });
  const replays = (await project.messages('gemini-events')).map(({ attributes }) => attributes['replay']);
  expect(replays).toEqual([undefined, 'results', 'results']);
  expect(await project.document('deliveries/msg_published')).toMatchObject({ state: 'published' });
});
