import type { DocumentData } from '@google-cloud/firestore';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../../simulator/simulator.ts';
import { LocalProject } from '../../../local/project.ts';
import { readStore } from '../../../cli/status/readStore.ts';
import { billedDuring } from '../../support/billed.ts';
import { cli, startCli } from '../../support/cli.ts';
import { observe } from '../../support/observed.ts';
import { forFile, forTest } from '../../support/opened.ts';
import { client } from '../../unit/simulator/harness.ts';

const MINUTE_MILLIS = 60_000;
const HOUR_MILLIS = 60 * MINUTE_MILLIS;
const CALLBACK_URL = 'https://callback.example.test/';

const simulator = await forFile(startSimulator());
const { webhooks } = client(simulator);
const { id: webhook = '' } = await webhooks.create({ uri: CALLBACK_URL, subscribed_events: ['batch.succeeded'] });

let project: LocalProject;

beforeEach(async () => {
  project = await forTest(LocalProject.create());
});

const env = () => ({
  ...project.env,
  GEMINI_API_KEY: 'any-key',
  GOOGLE_GEMINI_BASE_URL: simulator.url,
  CALLBACK_URL,
});

const ago = (millis: number) => new Date(Date.now() - millis);
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const delivery = (state: string, millis: number): DocumentData => ({
  webhookId: 'msg_1',
  type: 'batch.succeeded',
  jobId: 'batches/a',
  state,
  firstReceivedAt: ago(millis),
});
const job = (state: string, results: DocumentData): DocumentData => ({
  jobId: 'batches/a',
  kind: 'batch',
  state,
  updatedAt: new Date(),
  results: { updatedAt: new Date(), ...results },
});

async function write(documents: Readonly<Record<string, DocumentData>>): Promise<void> {
  const writer = project.firestore.bulkWriter();
  for (const [path, fields] of Object.entries(documents)) void writer.set(project.firestore.doc(path), fields);
  await writer.close();
}

async function publishDeadLetter(): Promise<void> {
  await project.publish('gemini-dead-letter', { data: Buffer.from('x'), attributes: {} });
}

async function status() {
  const { exitCode, stdout, stderr } = await cli(['status', '--json'], env());
  return { exitCode, stderr, status: JSON.parse(stdout) as Readonly<Record<string, unknown>> };
}

test('an installation without problems exits with 0, and shows all of its state on one screen', async () => {
  const usage = { inputTokens: 10, outputTokens: 5, thoughtTokens: 0, cachedTokens: 0, totalTokens: 15, results: 2 };
  await write({
    'deliveries/msg_1': delivery('published', MINUTE_MILLIS),
    'deliveries/msg_2': delivery('pending', 1_000),
    'jobs/a': job('running', { state: 'running' }),
    'jobs/b': job('succeeded', { state: 'complete', usage }),
    'jobs/c': job('succeeded', { state: 'failed', updatedAt: ago(8 * 24 * HOUR_MILLIS) }),
  });
  expect(await status()).toMatchObject({
    exitCode: 0,
    stderr: '',
    status: {
      attention: [],
      lastDelivery: { webhookId: 'msg_1', state: 'pending' },
      deliveries: { pending: 1, stuck: 0, quarantined: 0 },
      jobs: { running: 1, succeeded: 2, failed: 0 },
      results: { stalled: 0, failed: 0 },
      tokens: { total: 15, input: 10, output: 5, jobs: 1 },
      deadLetters: { count: 0, hasMore: false, subscription: 'gemini-dead-letter' },
      webhook: { id: webhook, state: 'enabled' },
    },
  });
  const { stdout } = await cli(['status'], env());
  expect(stdout.split('\n').length).toBeLessThan(24);
  expect(stdout).toMatch(/^last delivery +\d+ s ago: batch\.succeeded batches\/a \(pending\)$/m);
  expect(stdout).toMatch(/^jobs +1 running, 2 succeeded$/m);
  expect(stdout).toMatch(/^tokens +15 in 1 job \(10 in, 5 out\)$/m);
  expect(stdout).toMatch(/Nothing needs attention\.\n$/);
});

describe('a problem for a person exits with 1, and names the command', () => {
  const ONE = {
    'deliveries/stuck': delivery('pending', HOUR_MILLIS),
    'deliveries/quarantined': delivery('quarantined', 0),
    'jobs/stalled': job('succeeded', { state: 'running', updatedAt: ago(2 * HOUR_MILLIS) }),
    'jobs/failed': job('succeeded', { state: 'failed', updatedAt: ago(HOUR_MILLIS) }),
  };

  test.for<[keyof typeof ONE, RegExp, string]>([
    ['deliveries/stuck', /^1 delivery stuck/, 'jobs reconcile'],
    ['deliveries/quarantined', /^1 delivery quar/, 'deliveries list'],
    ['jobs/stalled', /^1 job with stalled results/, 'jobs retry --failed'],
    ['jobs/failed', /^1 job with failed results/, 'jobs retry --failed'],
  ])('%s', async ([path, what, fix]) => {
    await write({ [path]: ONE[path] });
    const { exitCode, status: read, stderr } = await status();
    expect(exitCode).toBe(1);
    expect(read['attention']).toEqual([{ what: expect.stringMatching(what), fix: expect.stringContaining(fix) }]);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'ATTENTION_NEEDED' } });
  });

  test('dead letters, which stay where they are', async () => {
    await publishDeadLetter();
    for (let run = 0; run < 3; run += 1)
      expect(await status()).toMatchObject({
        exitCode: 1,
        status: {
          deadLetters: { count: 1 },
          attention: [
            { what: expect.stringMatching(/^1 message/), fix: expect.stringContaining('pull gemini-dead-letter') },
          ],
        },
      });
  });

  test('a disabled webhook', async () => {
    await webhooks.update(webhook, { state: 'disabled' });
    onTestFinished(async () => void (await webhooks.update(webhook, { state: 'enabled' })));
    const fix = `gemini-callbacks webhooks update ${webhook} --enable`;
    expect(await status()).toMatchObject({ exitCode: 1, status: { attention: [{ fix }] } });
  });
});

test('a part that cannot be checked is unchecked, and is no problem', async () => {
  const { exitCode, stdout } = await cli(['status'], project.env);
  expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^webhook +unchecked: CALLBACK_URL is not known$/m)]);
});

test('does not read more where there are more records', async () => {
  const jobs = numbers(500).map((n) => [`jobs/batches~${n}`, job('succeeded', { state: 'complete' })]);
  const deliveries = numbers(500).map((n) => [`deliveries/msg_${n}`, delivery('published', n * 1_000)]);
  await write(Object.fromEntries([...jobs, ...deliveries]) as Record<string, DocumentData>);
  const { reads } = await billedDuring(async () => {
    const { firestore } = project;
    expect(await readStore(firestore, ago(HOUR_MILLIS), new Date())).toMatchObject({ jobs: { succeeded: 500 } });
  });
  // The tokens of 200 jobs, the last delivery, and a count for each state.
  expect(reads).toBeLessThan(220);
});

test('--watch refreshes until Ctrl-C', async () => {
  const watch = await observe(startCli(['status', '--watch', '--interval=1'], env()));
  await watch.says(/^last delivery[^]*^last delivery/m);
  expect(await watch.end('SIGINT')).toBe(0);
});
