import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSecret, signV1 } from '../../../simulator/signing.ts';
import { startSimulator, type Simulator } from '../../../simulator/simulator.ts';
import { cli, type CliRun } from '../../support/cli.ts';
import { startFunction } from '../../../local/functions.ts';
import { LocalProject } from '../../../local/project.ts';

const SECRET = newSecret();
const HOUR_SECONDS = 3_600;

let project: LocalProject;
let simulator: Simulator;

const event = (id: string) =>
  `{"type":"batch.succeeded",  "data":{"id":"batches/${id}","z":1.50},"user_metadata":{"team":"red"}}`;

/** One of each: published, kept for its age, no event, stuck before Pub/Sub. */
beforeAll(async () => {
  [project, simulator] = await Promise.all([LocalProject.create(), startSimulator()]);
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

afterAll(async () => {
  await Promise.all([project.close(), simulator.close()]);
});

function env(): NodeJS.ProcessEnv {
  const gemini = { GEMINI_API_KEY: 'any-key', GOOGLE_GEMINI_BASE_URL: simulator.url };
  return { ...project.env, ...gemini, RECONCILE_PENDING_SECONDS: '0' };
}

async function run(...args: readonly string[]): Promise<CliRun> {
  return await cli(args, env());
}

async function result(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { exitCode, stdout } = await run(...args, '--json');
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function listed(...args: readonly string[]): Promise<readonly string[]> {
  const { deliveries } = await result('deliveries', 'list', ...args);
  return (deliveries as { webhookId: string }[]).map(({ webhookId }) => webhookId);
}

const code = ({ stderr }: CliRun) => (JSON.parse(stderr) as { error: { code: string } }).error.code;

test('list shows those that came last, of all states or of one', async () => {
  expect(await listed()).toEqual(['msg_no_event', 'msg_coloured', 'msg_held', 'msg_published']);
  expect(await listed('--state', 'quarantined', '--limit', '1')).toEqual(['msg_no_event']);
  expect((await run('deliveries', 'list')).stdout).toMatch(
    /^msg_published +published +batch\.succeeded +batches\/published/m,
  );
});

test('show has everything, and says where there is nothing', async () => {
  expect(await result('deliveries', 'show', 'msg_published')).toMatchObject({
    webhookId: 'msg_published',
    event: { type: 'batch.succeeded' },
    firstReceivedAt: expect.stringMatching(/Z$/),
  });
  expect((await run('deliveries', 'show', 'msg_held')).stdout).toMatch(
    /^quarantineReason +TIMESTAMP_OUT_OF_TOLERANCE/m,
  );
  for (const id of ['msg_nowhere', 'a/b']) {
    const missing = await run('deliveries', 'show', id, '--json');
    expect([missing.exitCode, code(missing)]).toEqual([1, 'DELIVERY_NOT_FOUND']);
  }
});

test('replay publishes the same message again, marked as a replay', async () => {
  const before = await project.document('deliveries/msg_published');
  const { messageId, replay } = await result('deliveries', 'replay', 'msg_published', '--yes');
  const [message, ...more] = await project.messages('gemini-events');
  expect(more).toEqual([]);
  expect(message?.attributes).toMatchObject({ 'ce-id': 'msg_published', meta_team: 'red', replay });
  expect(String(message?.data)).toBe(event('published'));
  expect(messageId).toMatch(/^\d+$/);
  expect(await project.document('deliveries/msg_published')).toEqual(before);
  expect(code(await run('deliveries', 'replay', 'msg_no_event', '--json'))).toBe('NOT_AN_EVENT');
  expect(code(await run('deliveries', 'replay', 'msg_held', '--json'))).toBe('QUARANTINED');
  expect(await project.messages('gemini-events')).toEqual([]);
});

test('what came from elsewhere cannot change the colours of a terminal', async () => {
  const runs = await Promise.all(
    [['list'], ['show', 'msg_coloured'], ['release', 'msg_coloured']].map(
      async (args) => await run('deliveries', ...args),
    ),
  );
  for (const { stdout, stderr } of runs) {
    expect(`${stdout}${stderr}`).toContain('batch.\u{FFFD}[31mred');
    expect(`${stdout}${stderr}`).not.toMatch(/(?!\n)\p{Cc}/u);
  }
});

/** Commands that use the store, each in its own way. */
const STORED = [
  ['deliveries', 'list'],
  ['deliveries', 'show', 'msg_published'],
  ['deliveries', 'replay', 'msg_published', '--yes'],
  ['deliveries', 'release', 'msg_held', '--yes'],
  ['jobs', 'reconcile', '--yes'],
];

test('without a store every command ends soon, and says what to look at', { timeout: 40_000 }, async () => {
  const away = { ...env(), FIRESTORE_EMULATOR_HOST: '127.0.0.1:1' };
  const runs = await Promise.all(STORED.map(async (args) => await cli([...args, '--json'], away)));
  for (const lost of runs) {
    expect([lost.exitCode, code(lost)]).toEqual([1, 'STORE_UNAVAILABLE']);
    expect(lost.stderr).toContain('FIRESTORE_EMULATOR_HOST=127.0.0.1:1');
  }
});

test('release shows the quarantine reason, asks for confirmation and publishes the delivery', async () => {
  const unsure = await run('deliveries', 'release', 'msg_held');
  expect(unsure).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/out of tolerance[^]*--yes/) });
  expect(code(await run('deliveries', 'release', 'msg_held', '--json'))).toBe('USAGE');
  expect(await project.documentIds('jobs')).toEqual(['batches~published']);
  const held = project.firestore.doc('deliveries/msg_held');
  const [before, sinceMillis] = [(await held.get()).data() ?? {}, Date.now()];
  const longAgo = new Date(Date.now() - 40 * 86_400_000);
  await held.update({ firstReceivedAt: longAgo, expireAt: longAgo });
  expect(await result('deliveries', 'release', 'msg_held', '--yes')).toMatchObject({
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
  expect(code(await run('deliveries', 'release', 'msg_held', '--yes', '--json'))).toBe('NOT_QUARANTINED');
  expect(code(await run('deliveries', 'release', 'msg_no_event', '--yes', '--json'))).toBe('NOT_AN_EVENT');
});

test('jobs reconcile does what the function does', async () => {
  const held = project.firestore.doc('deliveries/msg_published');
  await held.update({ state: 'pending', leaseUntil: new Date(0) });
  expect(await result('jobs', 'reconcile', '--yes')).toMatchObject({ republished: 1, resumed: 2, errors: 0 });
  const replays = (await project.messages('gemini-events')).map(({ attributes }) => attributes['replay']);
  expect(replays).toEqual([undefined, 'results', 'results']);
  expect(await project.document('deliveries/msg_published')).toMatchObject({ state: 'published' });
});
