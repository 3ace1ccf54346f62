import type { DocumentData } from '@google-cloud/firestore';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { LocalProject } from '../../../local/project.ts';
import { cli, type CliRun } from '../../support/cli.ts';

const MINUTE_MILLIS = 60_000;

/** The fields that lists filter by; each is some minutes old. */
const DELIVERIES: readonly (readonly [string, DocumentData, number])[] = [
  ['msg_1', { state: 'published', type: 'batch.succeeded', jobId: 'batches/a', route: 'nightly' }, 300],
  ['msg_2', { state: 'published', type: 'batch.failed', jobId: 'batches/b', route: 'nightly' }, 90],
  ['msg_3', { state: 'quarantined', type: 'batch.succeeded', jobId: 'batches/c', route: 'hourly' }, 45],
  ['msg_4', { state: 'pending', type: 'interaction.completed', jobId: 'interactions/a' }, 10],
  ['msg_5', { state: 'published', type: 'batch.succeeded', jobId: 'batches/d', route: 'hourly' }, 1],
];

const errorOf = ({ stderr }: CliRun) => (JSON.parse(stderr) as { error: { code: string; message: string } }).error;
const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE_MILLIS);

async function write(project: LocalProject): Promise<void> {
  const batch = project.firestore.batch();
  for (const [id, { state, type, jobId, route }, minutes] of DELIVERIES) {
    const event = { type, timestamp: ago(minutes).toISOString(), data: { id: jobId } };
    batch.set(project.firestore.doc(`deliveries/${id}`), {
      webhookId: id,
      state,
      type,
      jobId,
      scheme: 'v1',
      attempts: 1,
      bodySha256: id.slice(-1).repeat(64),
      ...(route === undefined ? {} : { route }),
      ...(state === 'quarantined' ? { quarantineReason: 'TIMESTAMP_OUT_OF_TOLERANCE' } : {}),
      event,
      payload: Buffer.from(JSON.stringify(event)),
      firstReceivedAt: ago(minutes),
      eventTime: ago(minutes),
    });
    batch.set(project.firestore.doc(`jobs/${String(jobId).replace('/', '~')}`), {
      jobId,
      kind: String(type).split('.')[0],
      state: 'running',
      updatedAt: ago(minutes),
      lastEvent: { type },
      ...(route === undefined ? {} : { route }),
    });
  }
  await batch.commit();
}

describe('a list', () => {
  let project: LocalProject;

  beforeAll(async () => {
    project = await LocalProject.create();
    await write(project);
  });

  afterAll(async () => {
    await project.close();
  });

  async function listed(noun: string, args: readonly string[]) {
    const run = await cli([noun, 'list', '--json', ...args], project.env);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const page = JSON.parse(run.stdout) as { nextPageToken?: string } & Record<string, Record<string, string>[]>;
    const names = (page[noun] ?? []).map((one) => one['webhookId'] ?? one['jobId']);
    return { names, token: page.nextPageToken };
  }

  test.for<[readonly string[], readonly string[]]>([
    [[], ['msg_5', 'msg_4', 'msg_3', 'msg_2', 'msg_1']],
    [['--state=published'], ['msg_5', 'msg_2', 'msg_1']],
    [['--type=batch.succeeded'], ['msg_5', 'msg_3', 'msg_1']],
    [['--route=nightly'], ['msg_2', 'msg_1']],
    [['--job=batches/b'], ['msg_2']],
    [['--job=batches~b'], ['msg_2']],
    [['--job=a'], ['msg_4', 'msg_1']],
    [['--since=1h'], ['msg_5', 'msg_4', 'msg_3']],
    [['--since=2h', '--state=published', '--route=nightly', '--type=batch.failed'], ['msg_2']],
    [['--since=2h', '--limit=1'], ['msg_5']],
    [['--type=video.generated'], []],
  ])('of deliveries with %j holds %j', async ([args, expected]) => {
    expect((await listed('deliveries', args)).names).toEqual(expected);
  });

  test.for<[readonly string[], readonly string[]]>([
    [['--type=batch.succeeded'], ['batches/d', 'batches/c', 'batches/a']],
    [['--route=hourly'], ['batches/d', 'batches/c']],
    [['--job=a'], ['interactions/a', 'batches/a']],
    [['--since=30m'], ['batches/d', 'interactions/a']],
    [['--state=running', '--kind=batch', '--route=nightly', '--since=2h'], ['batches/b']],
  ])('of jobs with %j holds %j', async ([args, expected]) => {
    expect((await listed('jobs', args)).names).toEqual(expected);
  });

  test.for([
    ['deliveries', []],
    ['deliveries', ['--type=batch.succeeded']],
    ['jobs', []],
  ] as const)('of %s with %j is read page by page, each record once', async ([noun, args]) => {
    const all = (await listed(noun, args)).names;
    const pages: string[] = [];
    let token: string | undefined;
    do {
      const page = await listed(noun, [
        ...args,
        '--limit=2',
        ...(token === undefined ? [] : [`--page-token=${token}`]),
      ]);
      pages.push(...page.names.map(String));
      token = page.token;
    } while (token !== undefined);
    expect(pages).toEqual(all);
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
    project = await LocalProject.create();
    onTestFinished(async () => await project.close());
    await write(project);
  });

  const published = async () => (await project.messages('gemini-events')).map(({ attributes }) => attributes['ce-id']);

  test('replay --all says how many, asks, and publishes what the filters select, oldest first', async () => {
    const unsure = await cli(['deliveries', 'replay', '--all', '--since=2h'], project.env);
    expect(unsure).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('replay 2 deliveries') });
    expect(await published()).toEqual([]);
    const { exitCode, stdout } = await cli(
      ['deliveries', 'replay', '--all', '--since=2h', '--yes', '--json'],
      project.env,
    );
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, { selected: 2, done: 2, skipped: 0, failures: [] }]);
    expect(new Set(await published())).toEqual(new Set(['msg_2', 'msg_5']));
  });

  test('replay --all passes over what is quarantined', async () => {
    const args = ['deliveries', 'replay', '--all', '--state=quarantined', '--yes', '--json'];
    const { exitCode, stdout } = await cli(args, project.env);
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, { selected: 1, done: 0, skipped: 1, failures: [] }]);
  });

  test('release --all releases what was quarantined for its timestamp', async () => {
    const { exitCode, stdout } = await cli(['deliveries', 'release', '--all', '--route=hourly', '--yes'], project.env);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^released +1$/m);
    expect(await published()).toEqual(['msg_3']);
    expect(await project.document('deliveries/msg_3')).toMatchObject({ state: 'published' });
  });

  test('where nothing is selected nothing is asked', async () => {
    const run = await cli(['deliveries', 'replay', '--all', '--route=nowhere'], project.env);
    expect(run).toMatchObject({ exitCode: 0, stdout: 'No deliveries.\n', stderr: '' });
  });

  test('without Pub/Sub the summary counts the failures, and the command fails', { timeout: 60_000 }, async () => {
    const away = { ...project.env, PUBSUB_EMULATOR_HOST: '127.0.0.1:1' };
    const run = await cli(['deliveries', 'replay', '--all', '--route=nightly', '--yes', '--json'], away);
    expect([run.exitCode, errorOf(run).code]).toEqual([1, 'INCOMPLETE']);
    expect(JSON.parse(run.stdout)).toMatchObject({
      selected: 2,
      done: 0,
      failures: [{ code: 'PUBSUB_UNAVAILABLE' }, { code: 'PUBSUB_UNAVAILABLE' }],
    });
  });
});
