import type { DocumentData } from '@google-cloud/firestore';
import { beforeEach, describe, expect, test } from 'vitest';
import { LocalProject } from '../../../local/project.ts';
import { cli } from '../../support/cli.ts';
import { forFile, forTest } from '../../support/opened.ts';
import { errorOf, misused, resultOf } from './harness.ts';

const MINUTE_MILLIS = 60_000;

/** The fields that lists filter by; each is some minutes old. */
const DELIVERIES: readonly (readonly [string, DocumentData, number])[] = [
  ['msg_1', { state: 'published', type: 'batch.succeeded', jobId: 'batches/a', route: 'nightly' }, 300],
  ['msg_2', { state: 'published', type: 'batch.failed', jobId: 'batches/b', route: 'nightly' }, 90],
  ['msg_3', { state: 'quarantined', type: 'batch.succeeded', jobId: 'batches/c', route: 'hourly' }, 45],
  ['msg_4', { state: 'pending', type: 'interaction.completed', jobId: 'interactions/a' }, 10],
  ['msg_5', { state: 'published', type: 'batch.succeeded', jobId: 'batches/d', route: 'hourly' }, 1],
];

const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE_MILLIS);

async function write(project: LocalProject): Promise<void> {
  const batch = project.firestore.batch();
  for (const [id, { state, type, jobId, route }, minutes] of DELIVERIES) {
    const event = { type, timestamp: ago(minutes).toISOString(), data: { id: jobId } };
    const common = { type, jobId, ...(route === undefined ? {} : { route }) };
    batch.set(project.firestore.doc(`deliveries/${id}`), {
      ...common,
      webhookId: id,
      state,
      scheme: 'v1',
      attempts: 1,
      bodySha256: id.slice(-1).repeat(64),
      ...(state === 'quarantined' ? { quarantineReason: 'TIMESTAMP_OUT_OF_TOLERANCE' } : {}),
      event,
      payload: Buffer.from(JSON.stringify(event)),
      firstReceivedAt: ago(minutes),
      eventTime: ago(minutes),
    });
    batch.set(project.firestore.doc(`jobs/${String(jobId).replace('/', '~')}`), {
      ...common,
      kind: String(type).split('.')[0],
      state: jobId === 'batches/d' ? 'succeeded' : 'running',
      updatedAt: ago(minutes),
      lastEvent: { type },
      ...(jobId === 'batches/b' ? { results: { state: 'running', published: 3, total: 10, failed: 1 } } : {}),
    });
  }
  await batch.commit();
}

describe('a list', async () => {
  const project = await forFile(LocalProject.create());
  await write(project);

  async function listed(noun: string, args: readonly string[]) {
    const page = await resultOf<{ nextPageToken?: string }>([noun, 'list', ...args], project.env);
    const records = (page as Record<string, unknown>)[noun] as readonly Record<string, string>[];
    return { names: records.map((one) => one['webhookId'] ?? one['jobId']), token: page.nextPageToken };
  }

  test.for<[string, string]>([
    ['deliveries', 'msg_5 msg_4 msg_3 msg_2 msg_1'],
    ['deliveries --state=published', 'msg_5 msg_2 msg_1'],
    ['deliveries --type=batch.succeeded', 'msg_5 msg_3 msg_1'],
    ['deliveries --route=nightly', 'msg_2 msg_1'],
    ['deliveries --job=batches/b', 'msg_2'],
    ['deliveries --job=batches~b', 'msg_2'],
    ['deliveries --job=a', 'msg_4 msg_1'],
    ['deliveries --since=1h', 'msg_5 msg_4 msg_3'],
    ['deliveries --since=2h --state=published --route=nightly --type=batch.failed', 'msg_2'],
    ['deliveries --since=2h --limit=1', 'msg_5'],
    ['deliveries --type=video.generated', ''],
    ['jobs', 'batches/d interactions/a batches/c batches/b batches/a'],
    ['jobs --limit=1', 'batches/d'],
    ['jobs --state=running', 'interactions/a batches/c batches/b batches/a'],
    ['jobs --kind=interaction', 'interactions/a'],
    ['jobs --type=batch.succeeded', 'batches/d batches/c batches/a'],
    ['jobs --route=hourly', 'batches/d batches/c'],
    ['jobs --job=a', 'interactions/a batches/a'],
    ['jobs --since=30m', 'batches/d interactions/a'],
    ['jobs --state=running --kind=batch --route=nightly --since=2h', 'batches/b'],
    ['jobs --state=expired', ''],
  ])('of %s holds %s', async ([words, expected]) => {
    const [noun = '', ...args] = words.split(' ');
    expect((await listed(noun, args)).names.join(' ')).toBe(expected);
  });

  test('is a table for people', async () => {
    const rowsOf = async (noun: string, ...args: readonly string[]) => {
      const { stdout } = await cli([noun, 'list', '--limit=4', ...args], project.env);
      return stdout.split('\n').map((line) => line.split(/ {2,}/));
    };
    const jobs = await rowsOf('jobs');
    expect(jobs[0]).toEqual(['ID', 'KIND', 'STATE', 'RESULTS', 'UPDATED']);
    const time = expect.stringMatching(/^\d{4}-.*Z$/) as string;
    expect(jobs).toContainEqual(['batches/b', 'batch', 'running', 'running, 3 of 10 published, 1 failed', time]);
    expect(jobs).toContainEqual(['batches/d', 'batch', 'succeeded', time]);
    const [, delivery] = await rowsOf('deliveries');
    expect(delivery?.slice(0, 4)).toEqual(['msg_5', 'published', 'batch.succeeded', 'batches/d']);
    expect(await rowsOf('jobs', '--kind=video')).toEqual([['No jobs.'], ['']]);
  });

  test.for([
    ['deliveries', []],
    ['deliveries', ['--type=batch.succeeded']],
    ['jobs', []],
  ] as const)('of %s with %j is read page by page, each record once', async ([noun, args]) => {
    const pages: (string | undefined)[] = [];
    let next: readonly string[] = [];
    do {
      const { names, token } = await listed(noun, [...args, '--limit=2', ...next]);
      pages.push(...names);
      next = token === undefined ? [] : [`--page-token=${token}`];
    } while (next.length > 0);
    expect(pages).toEqual((await listed(noun, args)).names);
  });

  test('says how to print the next page, and refuses a token that no page printed', async () => {
    const { stdout, stderr } = await cli(['deliveries', 'list', '--limit=2'], project.env);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
    expect(stderr).toBe('More items exist. Add --page-token=msg_4\n');
    const refused = await cli(['deliveries', 'list', '--page-token=msg_9', '--json'], project.env);
    expect([refused.exitCode, errorOf(refused).code]).toEqual([2, 'USAGE']);
  });
});

describe('in bulk', () => {
  let project: LocalProject;

  beforeEach(async () => {
    project = await forTest(LocalProject.create());
    await write(project);
  });

  const ALL = ['deliveries', 'replay', '--all'];
  const published = async () => (await project.messages('gemini-events')).map(({ attributes }) => attributes['ce-id']);

  test('replay --all says how many, asks, and publishes what the filters select, oldest first', async () => {
    expect(await cli([...ALL, '--since=2h'], project.env)).toMatchObject(misused('replay 2 deliveries'));
    expect(await published()).toEqual([]);
    const summary = await resultOf([...ALL, '--since=2h', '--yes'], project.env);
    expect(summary).toEqual({ selected: 2, done: 2, skipped: 0, failures: [] });
    expect(new Set(await published())).toEqual(new Set(['msg_2', 'msg_5']));
  });

  test('replay --all skips quarantined deliveries', async () => {
    const summary = await resultOf([...ALL, '--state=quarantined', '--yes'], project.env);
    expect(summary).toEqual({ selected: 1, done: 0, skipped: 1, failures: [] });
  });

  test('release --all releases deliveries that were quarantined for their timestamp', async () => {
    const { exitCode, stdout } = await cli(['deliveries', 'release', '--all', '--route=hourly', '--yes'], project.env);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^released +1$/m)]);
    expect(await published()).toEqual(['msg_3']);
    expect(await project.document('deliveries/msg_3')).toMatchObject({ state: 'published' });
  });

  test('where nothing is selected nothing is asked', async () => {
    const run = await cli([...ALL, '--route=nowhere'], project.env);
    expect(run).toMatchObject({ exitCode: 0, stdout: 'No deliveries.\n', stderr: '' });
  });

  test('without Pub/Sub the summary counts the failures, and the command fails', { timeout: 60_000 }, async () => {
    const away = { ...project.env, PUBSUB_EMULATOR_HOST: '127.0.0.1:1' };
    const run = await cli([...ALL, '--route=nightly', '--yes', '--json'], away);
    expect([run.exitCode, errorOf(run).code]).toEqual([1, 'INCOMPLETE']);
    const failure = { code: 'PUBSUB_UNAVAILABLE' };
    expect(JSON.parse(run.stdout)).toMatchObject({ selected: 2, done: 0, failures: [failure, failure] });
  });
});
