import { type DocumentData, Timestamp } from '@google-cloud/firestore';
import { describe, expect, test } from 'vitest';
import type { JobRecord } from '../../../cli/jobs/records.ts';
import { watchOutcomeOf } from '../../../cli/jobs/watchOutcome.ts';
import { jobDocumentId } from '../../../functions/model/jobName.ts';
import { LocalProject } from '../../../local/project.ts';
import { cli, type CliRun, startCli } from '../../support/cli.ts';
import { observe } from '../../support/observed.ts';
import { forFile, forTest } from '../../support/opened.ts';
import { Proxy } from '../../support/proxy.ts';
import { errorOf, resultOf } from './harness.ts';

const LONG_AGO = new Date('2026-01-02T03:04:05Z');

const project = await forFile(LocalProject.create());

/** A record as the functions write it. */
function recordOf(jobId: string, fields: DocumentData = {}): DocumentData {
  const entry = { webhookId: 'msg_1', type: 'batch.succeeded', time: LONG_AGO };
  const times = { createdAt: LONG_AGO, updatedAt: LONG_AGO };
  return { jobId, kind: 'batch', state: 'succeeded', timeline: [entry], lastEvent: entry, ...times, ...fields };
}

function results(fields: DocumentData): DocumentData {
  const counts = { published: 10, failed: 0 };
  return { state: 'complete', event: 'batch.succeeded', updatedAt: LONG_AGO, ...counts, ...fields };
}

async function write(jobId: string, fields: DocumentData = {}): Promise<void> {
  await project.firestore.doc(`jobs/${jobDocumentId(jobId)}`).set(recordOf(jobId, fields));
}

async function jobs(...args: readonly string[]): Promise<CliRun> {
  return await cli(['jobs', ...args], project.env);
}

describe('show', () => {
  test.for([
    ['a batch', 'batches/shown', 'batches~shown', 'shown'],
    ['an interaction', 'interactions/chat', 'interactions~chat', 'chat'],
    ['a video', 'files/video', 'files~video'],
    ['a name that Firestore would refuse as an id', 'x'.repeat(1_501)],
  ])('finds %s by all its names', async ([, jobId = '', ...others]) => {
    await write(jobId);
    for (const id of [jobId, ...others])
      expect(await resultOf(['jobs', 'show', id], project.env)).toMatchObject({ jobId });
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

  test('shows people everything but internal fields', async () => {
    await write('batches/full', FIELDS);
    const { stdout } = await jobs('show', 'full');
    const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(Object.fromEntries(rows.map(([name, ...cells]) => [name, cells.join(' ')]))).toMatchObject({
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
    const leaseUntil = Timestamp.fromDate(LONG_AGO);
    await write('batches/json', { ...FIELDS, results: { ...FIELDS.results, leaseUntil } });
    const expected = { ...recordOf('batches/json', FIELDS), results: { ...FIELDS.results, leaseUntil: LONG_AGO } };
    expect(await resultOf(['jobs', 'show', 'json'], project.env)).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  test('says where to look for a job that is missing', async () => {
    const run = await jobs('show', 'batches/none', '--json');
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    expect(errorOf(run)).toEqual({ code: 'JOB_NOT_FOUND', message: expect.stringContaining('jobs list') });
  });
});

describe('watch', () => {
  const watching = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    await observe(startCli(['jobs', 'watch', ...args], { ...project.env, ...env }));

  test('waits for the record, follows each change, and ends when all results are out', async () => {
    const watch = await watching(['followed']);
    await watch.says('There is no record of followed yet');
    await write('batches/followed', { state: 'submitted' });
    await watch.says('batches/followed: submitted\n');
    await write('batches/followed', { updatedAt: new Date() });
    await watch.says('batches/followed: succeeded\n');
    await write('batches/followed', { results: results({ state: 'running', total: 10, published: 3 }) });
    await watch.says('results running, 3 of 10 published\n');
    await write('batches/followed', { results: results({ state: 'running', total: 10, published: 3, position: 7 }) });
    await write('batches/followed', { results: results({ total: 10 }) });
    expect(await watch.exited).toBe(0);
    expect(watch.stdout()).toMatch(/^id +batches\/followed\n[^]*^results +complete, 10 of 10 published$/m);
    expect(watch.stderr().trimEnd().split('\n')).toHaveLength(5);
  });

  test('reconnects when the connection to Firestore is cut', async () => {
    const proxy = await Proxy.start(project.env['FIRESTORE_EMULATOR_HOST'] ?? '');
    await forTest({ close: () => proxy.refuse() });
    await write('batches/cut', { state: 'running' });
    const watch = await watching(['cut'], { FIRESTORE_EMULATOR_HOST: proxy.host });
    await watch.says('running');
    proxy.cut();
    await write('batches/cut', { results: results({}) });
    expect(await watch.exited).toBe(0);
  });

  test('draws a bar on a terminal', async () => {
    await write('batches/bar', { results: results({ state: 'running', total: 10, published: 5 }) });
    const terminal = 'data:text/javascript,process.stderr.isTTY=true;process.stderr.columns=80;process.stderr.rows=24';
    const watch = await watching(['bar'], { NODE_OPTIONS: `--import=${terminal}` });
    await watch.says(`${'█'.repeat(15)}${'░'.repeat(15)} 50 %  5/10`);
    await write('batches/bar', { results: results({ total: 10 }) });
    expect(await watch.exited).toBe(0);
    expect(watch.stderr()).toContain(`${'█'.repeat(30)} 100 %  10/10`);
    expect(watch.stdout()).not.toContain('█');
  });

  test('exits with the failure of the job, and prints it', async () => {
    await write('batches/ended', { state: 'failed', error: { code: '8', message: 'Too much' } });
    const run = await jobs('watch', 'ended', '--json');
    expect([run.exitCode, errorOf(run)]).toEqual([
      1,
      { code: 'JOB_FAILED', message: expect.stringContaining('8: Too much') },
    ]);
    expect(JSON.parse(run.stdout)).toMatchObject({ jobId: 'batches/ended' });
  });

  test('reports a succeeded job whose results were never fetched', async () => {
    await write('batches/unfetched');
    const run = await jobs('watch', 'unfetched');
    expect(run).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('No results were fetched') });
  });

  test('ends with TIMEOUT, and prints what is known', async () => {
    await write('batches/slow', { state: 'running' });
    const run = await jobs('watch', 'slow', '--timeout', '1', '--json');
    expect([run.exitCode, errorOf(run).code]).toEqual([1, 'TIMEOUT']);
    expect(JSON.parse(run.stdout)).toMatchObject({ state: 'running' });
    expect(await jobs('watch', 'nothing', '--timeout', '1')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await jobs('watch', 'slow', '--timeout', 'soon')).toMatchObject({ exitCode: 2 });
  });

  test('ends cleanly with Ctrl-C', async () => {
    await write('batches/left', { state: 'running' });
    const watch = await watching(['left']);
    await watch.says('running');
    expect(await watch.end('SIGINT')).toBe(130);
    expect(watch.stderr()).toMatch(/Stopped\. The job itself continues\.\n$/);
  });
});

describe('the outcome of a watch', () => {
  const GONE = { state: 'failed', error: { code: 'GONE', message: 'Late' } } as const;
  const HALT = 'interaction.requires_action';

  /** The outcome for a record that was read `seconds` after its last change. */
  function outcome(fields: Partial<JobRecord>, seconds: number) {
    const updatedAt = LONG_AGO.toISOString();
    const readAt = new Date(LONG_AGO.getTime() + seconds * 1_000);
    const record = { jobId: 'batches/x', kind: 'batch', state: 'succeeded', updatedAt, ...fields } as const;
    return watchOutcomeOf({ path: 'jobs/batches~x', readAt, record });
  }

  test.for<[string, Partial<JobRecord>]>([
    ['runs', { state: 'running' }],
    ['has an unknown state', { state: 'unknown' }],
    ['waits for its function calls to be read', { state: 'requires_action', results: { state: 'pending' } }],
    ['has results that are read', { results: { state: 'running' } }],
    ['failed with results that are read', { state: 'failed', results: { state: 'running', event: 'batch.failed' } }],
    ['waits for its function calls', { state: 'requires_action' }],
    ['runs again after a halt', { state: 'running', results: { state: 'complete', event: HALT } }],
  ])('of a job that %s is open', ([, fields]) => {
    expect(outcome(fields, 3_600)).toEqual({ isOver: false });
  });

  test.for<[string, Partial<JobRecord>, object | undefined]>([
    ['failed', { state: 'failed' }, { code: 'JOB_FAILED' }],
    ['failed without results', { state: 'failed', results: { state: 'pending' } }, { code: 'JOB_FAILED' }],
    ['was cancelled', { state: 'cancelled' }, { code: 'JOB_FAILED', message: expect.stringContaining('cancelled') }],
    ['expired', { state: 'expired' }, { code: 'JOB_FAILED' }],
    ['succeeded', { results: { state: 'complete' } }, undefined],
    [
      'has failed results',
      { results: GONE },
      { code: 'RESULTS_FAILED', message: expect.stringContaining('GONE: Late') },
    ],
    ['halted', { state: 'requires_action', results: { state: 'complete' } }, { code: 'JOB_REQUIRES_ACTION' }],
    ['failed after a halt', { state: 'failed', results: { state: 'complete', event: HALT } }, { code: 'JOB_FAILED' }],
  ])('of a job that %s is final', ([, fields, failure]) => {
    const found: { readonly isOver: boolean; readonly failure?: unknown } = outcome(fields, 0);
    expect({ failure: 'none', ...found }).toMatchObject({ isOver: true, failure: failure ?? 'none' });
  });

  test.for<[string, Partial<JobRecord>]>([
    ['without results', {}],
    ['whose results were read at a halt', { results: { state: 'complete', event: HALT } }],
    ['whose results are pending', { results: { state: 'pending', event: 'batch.succeeded' } }],
  ])('of a succeeded job %s is open for 15 s from its last change', ([, fields]) => {
    expect(outcome(fields, 5)).toEqual({ isOver: false, forMillis: 10_000 });
    expect(outcome(fields, 15)).toMatchObject({ isOver: true, remark: expect.any(String) });
  });
});
