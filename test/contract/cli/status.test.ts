import { GoogleGenAI } from '@google/genai';
import { type DocumentData } from '@google-cloud/firestore';
import { PubSub } from '@google-cloud/pubsub';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Simulator, startSimulator } from '../../../simulator/simulator.ts';
import { LocalProject } from '../../../local/project.ts';
import { cli, startCli } from '../../support/cli.ts';

const HOUR_MILLIS = 3_600_000;
const CALLBACK_URL = 'https://callback.example.test/';
const MANY = 10_000;
const BATCH = 500;

let simulator: Simulator;
let project: LocalProject;
let webhook: string;
let ai: GoogleGenAI;

beforeAll(async () => {
  simulator = await startSimulator();
  ai = new GoogleGenAI({ apiKey: 'any-key', httpOptions: { baseUrl: simulator.url } });
  webhook = (await ai.webhooks.create({ uri: CALLBACK_URL, subscribed_events: ['batch.succeeded'] })).id ?? '';
});

afterAll(async () => {
  await simulator.close();
});

beforeEach(async () => {
  project = await LocalProject.create();
  onTestFinished(async () => await project.close());
});

const env = () => ({
  ...project.env,
  GEMINI_API_KEY: 'any-key',
  GOOGLE_GEMINI_BASE_URL: simulator.url,
  CALLBACK_URL,
});

const ago = (millis: number) => new Date(Date.now() - millis);

async function write(path: string, fields: DocumentData): Promise<void> {
  await project.firestore.doc(path).set(fields);
}

function delivery(state: string, millis: number): DocumentData {
  return { webhookId: 'msg_1', type: 'batch.succeeded', jobId: 'batches/a', state, firstReceivedAt: ago(millis) };
}

function job(state: string, results?: DocumentData): DocumentData {
  return { jobId: 'batches/a', kind: 'batch', state, updatedAt: new Date(), ...(results ? { results } : {}) };
}

interface Status {
  readonly attention: readonly { readonly what: string; readonly fix: string }[];
  readonly [name: string]: unknown;
}

async function status(): Promise<{ exitCode: number; status: Status; stderr: string }> {
  const { exitCode, stdout, stderr } = await cli(['status', '--json'], env());
  return { exitCode, status: JSON.parse(stdout) as Status, stderr };
}

test('an installation without problems exits with 0, and shows all of its state on one screen', async () => {
  const usage = { inputTokens: 10, outputTokens: 5, thoughtTokens: 0, cachedTokens: 0, totalTokens: 15, results: 2 };
  await write('deliveries/msg_1', delivery('published', 60_000));
  await write('deliveries/msg_2', delivery('pending', 1_000));
  await write('jobs/a', job('running', { state: 'running', updatedAt: new Date() }));
  await write('jobs/b', job('succeeded', { state: 'complete', updatedAt: new Date(), usage }));
  await write('jobs/c', job('succeeded', { state: 'failed', updatedAt: ago(8 * 24 * HOUR_MILLIS) }));
  const read = await status();
  expect(read).toMatchObject({
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

describe('something that needs a person exits with 1, and names the command', () => {
  test.for<[string, () => Promise<unknown>, RegExp, string]>([
    ['stuck', () => write('deliveries/a', delivery('pending', HOUR_MILLIS)), /^1 delivery stuck/, 'jobs reconcile'],
    ['quarantined', () => write('deliveries/a', delivery('quarantined', 0)), /^1 delivery quar/, 'deliveries list'],
    [
      'stalled',
      () => write('jobs/a', job('succeeded', { state: 'running', updatedAt: ago(2 * HOUR_MILLIS) })),
      /^1 job with stalled results/,
      'jobs retry --failed',
    ],
    [
      'failed',
      () => write('jobs/a', job('succeeded', { state: 'failed', updatedAt: ago(HOUR_MILLIS) })),
      /^1 job with failed results/,
      'jobs retry --failed',
    ],
    [
      'dead letters',
      async () => {
        const topic = new PubSub({ projectId: project.projectId }).topic('gemini-dead-letter');
        await topic.publishMessage({ data: Buffer.from('x') });
      },
      /^1 message on the dead-letter topic/,
      'gcloud pubsub subscriptions pull gemini-dead-letter',
    ],
  ])('%s', async ([, prepare, what, fix]) => {
    await prepare();
    const read = await status();
    expect(read.exitCode).toBe(1);
    expect(read.status.attention).toEqual([{ what: expect.stringMatching(what), fix: expect.stringContaining(fix) }]);
    expect(JSON.parse(read.stderr)).toMatchObject({ error: { code: 'ATTENTION_NEEDED' } });
  });

  test('a disabled webhook', async () => {
    await ai.webhooks.update(webhook, { state: 'disabled' });
    onTestFinished(async () => void (await ai.webhooks.update(webhook, { state: 'enabled' })));
    const { exitCode, stdout } = await cli(['status'], env());
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`gemini-callbacks webhooks update ${webhook} --enable`);
  });
});

test('looking at dead letters leaves them where they are', async () => {
  await new PubSub({ projectId: project.projectId })
    .topic('gemini-dead-letter')
    .publishMessage({ data: Buffer.from('x') });
  const counts = [];
  for (let time = 0; time < 3; time += 1) counts.push((await status()).status['deadLetters']);
  expect(counts).toEqual(Array.from({ length: 3 }, () => expect.objectContaining({ count: 1 })));
});

test('what cannot be checked is said to be unchecked, and is no problem', async () => {
  const { exitCode, stdout } = await cli(['status'], project.env);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^webhook +unchecked: CALLBACK_URL is not known$/m);
});

test(`reads ${MANY} records in less than 2 s`, { timeout: 120_000 }, async () => {
  const { firestore } = project;
  for (let first = 0; first < MANY / 2; first += BATCH) {
    const batch = firestore.batch();
    for (let index = first; index < first + BATCH; index += 1) {
      batch.set(firestore.doc(`deliveries/msg_${index}`), delivery('published', index * 1_000));
      const results = { state: 'complete', updatedAt: ago(index * 1_000) };
      batch.set(firestore.doc(`jobs/batches~${index}`), job('succeeded', results));
    }
    await batch.commit();
  }
  const { exitCode, status: read } = await status();
  expect([exitCode, read['jobs']]).toEqual([0, expect.objectContaining({ succeeded: MANY / 2 })]);
  // Other tests run beside this one, so that one run says little.
  await expect
    .poll(
      async () => {
        const startedAt = performance.now();
        await status();
        return (performance.now() - startedAt) / 1_000;
      },
      { timeout: 60_000 },
    )
    .toBeLessThan(2);
});

test('--watch refreshes until Ctrl-C', async () => {
  const watch = await startCli(['status', '--watch', '--interval=1'], env());
  let output = '';
  watch.stdout.on('data', (chunk) => (output += String(chunk)));
  await expect.poll(() => output.match(/^last delivery/gm)?.length ?? 0, { timeout: 20_000 }).toBeGreaterThan(1);
  expect(await watch.end('SIGINT')).toBe(0);
});
