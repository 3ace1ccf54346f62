import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DocumentData, Timestamp } from '@google-cloud/firestore';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { FoundJob, JobRecord } from '../../../cli/jobs/records.ts';
import { watchOutcomeOf } from '../../../cli/jobs/watchOutcome.ts';
import { jobDocumentId } from '../../../functions/model/jobName.ts';
import { cli, type CliRun, startCli } from '../../support/cli.ts';
import { eventually, freePort } from '../../../local/process.ts';
import { LocalProject } from '../../../local/project.ts';
import { Proxy } from '../../support/proxy.ts';

const MINUTE = 60_000;
const TOO_LONG_FOR_AN_ID = 'x'.repeat(1_501);
const LONG_AGO = new Date('2026-01-02T03:04:05Z');

let project: LocalProject;

beforeAll(async () => {
  project = await LocalProject.create();
});

afterAll(async () => {
  await project.close();
});

/** A record as the functions write it, which changed `minutes` after the first moment of them all. */
function recordOf(jobId: string, fields: DocumentData = {}, minutes = 0): DocumentData {
  const updatedAt = new Date(LONG_AGO.getTime() + minutes * MINUTE);
  const entry = { webhookId: 'msg_1', type: 'batch.succeeded', time: LONG_AGO };
  const times = { createdAt: LONG_AGO, updatedAt };
  return { jobId, kind: 'batch', state: 'succeeded', timeline: [entry], lastEvent: entry, ...times, ...fields };
}

const results = (fields: DocumentData) => ({
  state: 'complete',
  published: 10,
  failed: 0,
  event: 'batch.succeeded',
  updatedAt: LONG_AGO,
  ...fields,
});

async function write(jobId: string, fields: DocumentData = {}, minutes = 0, into = project): Promise<void> {
  await into.firestore.doc(`jobs/${jobDocumentId(jobId)}`).set(recordOf(jobId, fields, minutes));
}

async function jobs(...args: readonly string[]): Promise<CliRun> {
  return await cli(['jobs', ...args], project.env);
}

const errorOf = ({ stderr }: CliRun) => (JSON.parse(stderr) as { error: { code: string; message: string } }).error;

describe('list', () => {
  let own: LocalProject;

  beforeAll(async () => {
    own = await LocalProject.create();
    const written: readonly [string, DocumentData][] = [
      ['batches/old', {}],
      ['interactions/mid', { kind: 'interaction', state: 'running', results: { state: 'pending' } }],
      ['batches/new', { state: 'running', results: results({ state: 'running', published: 3, total: 10, failed: 1 }) }],
    ];
    for (const [minutes, [jobId, fields]] of written.entries()) {
      await write(jobId, fields, minutes, own);
    }
  });

  afterAll(async () => {
    await own.close();
  });

  async function listed(...args: readonly string[]): Promise<readonly string[]> {
    const run = await cli(['jobs', 'list', '--json', ...args], own.env);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    return (JSON.parse(run.stdout) as { jobs: { jobId: string }[] }).jobs.map(({ jobId }) => jobId);
  }

  test('shows a table, the newest first', async () => {
    const { exitCode, stdout } = await cli(['jobs', 'list'], own.env);
    expect(exitCode).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['ID', 'KIND', 'STATE', 'RESULTS', 'UPDATED'],
      ['batches/new', 'batch', 'running', 'running, 3 of 10 published, 1 failed', '2026-01-02T03:06:05.000Z'],
      ['interactions/mid', 'interaction', 'running', 'pending', '2026-01-02T03:05:05.000Z'],
      ['batches/old', 'batch', 'succeeded', '2026-01-02T03:04:05.000Z'],
    ]);
  });

  test.for([
    [[], ['batches/new', 'interactions/mid', 'batches/old']],
    [['--limit', '1'], ['batches/new']],
    [
      ['--state', 'running'],
      ['batches/new', 'interactions/mid'],
    ],
    [
      ['--kind', 'batch'],
      ['batches/new', 'batches/old'],
    ],
    [['--state', 'running', '--kind', 'interaction'], ['interactions/mid']],
    [['--state', 'expired'], []],
  ] as const)('with %j gives %j', async ([args, expected]) => {
    expect(await listed(...args)).toEqual(expected);
  });

  test('says where there is nothing', async () => {
    expect(await cli(['jobs', 'list', '--kind', 'video'], own.env)).toMatchObject({
      exitCode: 0,
      stdout: 'No jobs.\n',
    });
  });

  test.for([
    [['--state', 'done'], 'requires_action'],
    [['--limit', '0'], '--limit 0 must be a whole number'],
  ] as const)('does not understand %j', async ([args, message]) => {
    const run = await cli(['jobs', 'list', ...args], own.env);
    expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
  });

  test('has an index for each filter, which the emulator would not miss', () => {
    const { indexes } = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../../firestore.indexes.json'), 'utf8'),
    ) as {
      indexes: readonly { fields: readonly object[] }[];
    };
    for (const fieldPath of ['state', 'kind']) {
      const fields = [
        { fieldPath, order: 'ASCENDING' },
        { fieldPath: 'updatedAt', order: 'DESCENDING' },
      ];
      expect(indexes).toContainEqual({ collectionGroup: 'jobs', queryScope: 'COLLECTION', fields });
    }
  });
});

describe('show', () => {
  test.for([
    ['a batch', 'batches/shown', 'batches~shown', 'shown'],
    ['an interaction', 'interactions/chat', 'interactions~chat', 'chat'],
    ['a video', 'files/video', 'files~video'],
    ['a name that Firestore would refuse as an id', TOO_LONG_FOR_AN_ID],
  ])('finds %s by all its names', async ([, jobId = '', ...others]) => {
    await write(jobId);
    const runs = await Promise.all([jobId, ...others].map(async (id) => await jobs('show', id, '--json')));
    for (const { stdout } of runs) expect(JSON.parse(stdout)).toMatchObject({ jobId });
  });

  const FIELDS = {
    state: 'failed',
    error: { code: '13', message: 'It\u001B[31m broke' },
    userMetadata: { team: 'a' },
    outputFileUri: 'https://example.test/out',
    results: results({ state: 'failed', total: 12, position: 4_711, error: { code: 'GONE', message: 'Too late' } }),
    finishedAt: LONG_AGO,
    submittedBy: { name: 'nightly', at: LONG_AGO },
  };

  test('shows people everything but what is internal', async () => {
    await write('batches/full', FIELDS);
    const { stdout } = await jobs('show', 'full');
    const lines = new Map(
      stdout.split('\n').map((line) => [line.split(/ {2,}/)[0], line.split(/ {2,}/).slice(1).join(' ')]),
    );
    expect(Object.fromEntries(lines)).toMatchObject({
      id: 'batches/full',
      record: 'jobs/batches~full',
      state: 'failed',
      error: '13: It\u{FFFD}[31m broke',
      results: 'failed, 10 of 12 published',
      'results error': 'GONE: Too late',
      output: 'https://example.test/out',
      metadata: '{"team":"a"}',
      finished: LONG_AGO.toISOString(),
      submittedBy: `{"name":"nightly","at":"${LONG_AGO.toISOString()}"}`,
      TIME: 'EVENT WEBHOOK-ID',
      [LONG_AGO.toISOString()]: 'batch.succeeded msg_1',
    });
    expect(stdout).not.toContain('4711');
  });

  test('gives programs all of it, times as ISO strings', async () => {
    await write('batches/json', {
      ...FIELDS,
      results: { ...FIELDS.results, leaseUntil: Timestamp.fromDate(LONG_AGO) },
    });
    const shown = JSON.parse((await jobs('show', 'json', '--json')).stdout) as unknown;
    const expected = { ...recordOf('batches/json', FIELDS), results: { ...FIELDS.results, leaseUntil: LONG_AGO } };
    expect(shown).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  test('says where to look for what is not there', async () => {
    const run = await jobs('show', 'batches/none', '--json');
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    expect(errorOf(run)).toEqual({ code: 'JOB_NOT_FOUND', message: expect.stringContaining('jobs list') });
  });
});

describe('watch', () => {
  /** A watch that runs, what it has printed so far, and its end. */
  async function watching(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const child = await startCli(['jobs', 'watch', ...args], { ...project.env, ...env });
    onTestFinished(async () => void (await child.end('SIGKILL')));
    const printed = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk) => (printed[name] += String(chunk)));
    return {
      saysOnStderr: async (text: string) => {
        await eventually(`"${text}" on stderr`, 15_000, async () => printed.stderr.includes(text) || undefined);
      },
      end: async (signal?: NodeJS.Signals): Promise<CliRun> => {
        const exitCode = await (signal ? child.end(signal) : child.exited);
        return { exitCode, ...printed };
      },
    };
  }

  test('waits for the record, follows each change, and ends when all results are out', async () => {
    const watch = await watching(['followed']);
    await watch.saysOnStderr('There is no record of followed yet');
    await write('batches/followed', { state: 'submitted' });
    await watch.saysOnStderr('batches/followed: submitted\n');
    await write('batches/followed', { updatedAt: new Date() });
    await watch.saysOnStderr('batches/followed: succeeded\n');
    await write('batches/followed', { results: results({ state: 'running', total: 10, published: 3 }) });
    await watch.saysOnStderr('results running, 3 of 10 published\n');
    await write('batches/followed', { results: results({ state: 'running', total: 10, published: 3, position: 7 }) });
    await write('batches/followed', { results: results({ total: 10 }) });
    const { exitCode, stdout, stderr } = await watch.end();
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^id +batches\/followed\n[^]*^results +complete, 10 of 10 published$/m);
    expect(stderr.trimEnd().split('\n')).toHaveLength(5);
  });

  test('reconnects when the connection to Firestore is cut', async () => {
    const proxy = await Proxy.start(project.env['FIRESTORE_EMULATOR_HOST'] ?? '');
    onTestFinished(() => proxy.refuse());
    await write('batches/cut', { state: 'running' });
    const watch = await watching(['cut'], { FIRESTORE_EMULATOR_HOST: proxy.host });
    await watch.saysOnStderr('running');
    proxy.cut();
    await write('batches/cut', { results: results({}) });
    expect(await watch.end()).toMatchObject({ exitCode: 0 });
  });

  test('draws a bar on a terminal', async () => {
    await write('batches/bar', { results: results({ state: 'running', total: 10, published: 5 }) });
    const terminal = 'data:text/javascript,process.stderr.isTTY=true;process.stderr.columns=80;process.stderr.rows=24';
    const watch = await watching(['bar'], { NODE_OPTIONS: `--import=${terminal}` });
    await watch.saysOnStderr(`${'█'.repeat(15)}${'░'.repeat(15)} 50 %  5/10`);
    await write('batches/bar', { results: results({ total: 10 }) });
    const run = await watch.end();
    expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`${'█'.repeat(30)} 100 %  10/10`) });
    expect(run.stdout).not.toContain('█');
  });

  test.for([
    ['JOB_FAILED', '8: Too much', { state: 'failed', error: { code: '8', message: 'Too much' } }],
    ['JOB_FAILED', 'cancelled', { state: 'cancelled', results: results({ event: 'batch.cancelled' }) }],
    [
      'RESULTS_FAILED',
      'GONE: Late',
      { results: results({ state: 'failed', error: { code: 'GONE', message: 'Late' } }) },
    ],
  ] as const)('ends with %s, %s', async ([code, message, fields]) => {
    await write('batches/ended', fields);
    const run = await jobs('watch', 'ended', '--json');
    expect(run.exitCode).toBe(1);
    expect(errorOf(run)).toEqual({ code, message: expect.stringContaining(message) });
    expect(JSON.parse(run.stdout)).toMatchObject({ jobId: 'batches/ended' });
  });

  test('reports a succeeded job whose results were never fetched', async () => {
    await write('batches/unfetched');
    expect(await jobs('watch', 'unfetched')).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('No results were fetched'),
    });
  });

  test('ends with TIMEOUT, and prints what is known', async () => {
    await write('batches/slow', { state: 'running' });
    const run = await jobs('watch', 'slow', '--timeout', '1', '--json');
    expect(run.exitCode).toBe(1);
    expect(errorOf(run)).toMatchObject({ code: 'TIMEOUT' });
    expect(JSON.parse(run.stdout)).toMatchObject({ state: 'running' });
    expect(await jobs('watch', 'nothing', '--timeout', '1')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await jobs('watch', 'slow', '--timeout', 'soon')).toMatchObject({ exitCode: 2 });
  });

  test('ends cleanly with Ctrl-C', async () => {
    await write('batches/left', { state: 'running' });
    const watch = await watching(['left']);
    await watch.saysOnStderr('running');
    expect(await watch.end('SIGINT')).toMatchObject({
      exitCode: 130,
      stderr: expect.stringMatching(/Stopped\. The job itself continues\.\n$/),
    });
  });
});

describe('a job stands', () => {
  const AT = '2026-01-02T03:04:05.000Z';

  /** A record that was read `seconds` after its last change. */
  function found(fields: Partial<JobRecord>, seconds = 0): FoundJob {
    const readAt = new Date(Date.parse(AT) + seconds * 1_000);
    const known = { jobId: 'batches/x', kind: 'batch', state: 'succeeded', updatedAt: AT } as const;
    return { path: 'jobs/batches~x', readAt, record: { ...known, ...fields } };
  }

  test.for([
    ['not final', { state: 'running' }],
    ['of no known state', { state: 'unknown' }],
    ['its function calls have yet to be read', { state: 'requires_action', results: { state: 'pending' } }],
    ['results come', { results: { state: 'running' } }],
    ['results come of a job that failed', { state: 'failed', results: { state: 'running', event: 'batch.failed' } }],
    ['its function calls are not out', { state: 'requires_action' }],
    ['it runs again after a halt', { state: 'running', results: { state: 'complete', event: 'i.requires_action' } }],
  ] as const)('before its end: %s', ([, fields]) => {
    expect(watchOutcomeOf(found(fields, 3_600))).toEqual({ isOver: false });
  });

  test.for([
    ['failed', { state: 'failed' }, 'JOB_FAILED'],
    ['failed, and nothing was read', { state: 'failed', results: { state: 'pending' } }, 'JOB_FAILED'],
    ['cancelled', { state: 'cancelled' }, 'JOB_FAILED'],
    ['expired', { state: 'expired' }, 'JOB_FAILED'],
    ['succeeded', { results: { state: 'complete' } }, undefined],
    ['with results that failed', { results: { state: 'failed' } }, 'RESULTS_FAILED'],
    ['halted', { state: 'requires_action', results: { state: 'complete' } }, 'JOB_REQUIRES_ACTION'],
    [
      'failed after a halt',
      { state: 'failed', results: { state: 'complete', event: 'i.requires_action' } },
      'JOB_FAILED',
    ],
  ] as const)('at its end: %s', ([, fields, code]) => {
    const standing = watchOutcomeOf(found(fields));
    expect(standing).toMatchObject({ isOver: true });
    expect('failure' in standing ? standing.failure?.code : undefined).toBe(code);
  });

  test('for a while without results, from its last change', () => {
    expect(watchOutcomeOf(found({}, 5))).toEqual({ isOver: false, forMillis: 10_000 });
    const stale = { state: 'complete', event: 'interaction.requires_action' } as const;
    expect(watchOutcomeOf(found({ results: stale }, 5))).toEqual({ isOver: false, forMillis: 10_000 });
    const pending = { state: 'pending', event: 'batch.succeeded' } as const;
    expect(watchOutcomeOf(found({ results: pending }, 5))).toEqual({ isOver: false, forMillis: 10_000 });
    expect(watchOutcomeOf(found({ results: pending }, 15))).toMatchObject({ isOver: true, remark: expect.any(String) });
    expect(watchOutcomeOf(found({}, 15))).toMatchObject({ isOver: true, remark: expect.any(String) });
  });
});

describe('without Firestore', () => {
  test('every command gives up in time, and says what to check', async () => {
    const silent = await Proxy.start(project.env['FIRESTORE_EMULATOR_HOST'] ?? '');
    onTestFinished(() => silent.refuse());
    silent.stall();
    const refused = `127.0.0.1:${await freePort()}`;
    const given = async (args: readonly string[], host: string) => {
      const run = await cli(['jobs', ...args, '--json'], { ...project.env, FIRESTORE_EMULATOR_HOST: host });
      expect(run).toMatchObject({ exitCode: 1, stdout: '' });
      expect(errorOf(run)).toEqual({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining(host) });
    };
    const startedAt = performance.now();
    await Promise.all([
      given(['list'], refused),
      given(['show', 'x'], silent.host),
      given(['watch', 'x'], refused),
      given(['watch', 'x'], silent.host),
    ]);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test('a setting that is missing is named', async () => {
    const run = await cli(['jobs', 'list'], { FIRESTORE_EMULATOR_HOST: '127.0.0.1:1' });
    expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('GOOGLE_CLOUD_PROJECT must be set') });
  });
});
