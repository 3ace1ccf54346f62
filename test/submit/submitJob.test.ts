import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Timestamp } from '@google-cloud/firestore';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Stage } from '../results/harness.ts';
import type { RunningFunction } from '../support/functions.ts';
import { eventually, freePort } from '../support/process.ts';
import { Proxy } from '../support/proxy.ts';

const ROUTE_KEY = 'route-key-of-a-test-with-32-characters';
const BASE = 'http://127.0.0.1:9/hooks';
const MODEL = 'gemini-3.8-flash';
const contents = [{ role: 'user', parts: [{ text: 'hello' }] }];

const batch = { kind: 'batch', request: { model: MODEL, src: [{ contents }] }, route: 'nightly' };
const interaction = { kind: 'interaction', request: { model: MODEL, input: 'hello' }, route: 'agents' };

const urlOf = (route: string, base = BASE) =>
  `${base}/dynamic/${route}/${createHmac('sha256', ROUTE_KEY).update(route).digest('base64url')}`;

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: Record<string, unknown>;
}

async function start(stage: Stage, env: NodeJS.ProcessEnv = {}): Promise<RunningFunction> {
  return await stage.start({ CALLBACK_URL: BASE, DYNAMIC_ROUTE_KEY: ROUTE_KEY, ...env }, 'submitJob');
}

async function submit({ url }: RunningFunction, request: unknown, key?: string): Promise<Answer> {
  const body = typeof request === 'string' ? request : JSON.stringify(request);
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  const response = await fetch(url, { method: 'POST', body, headers });
  const answer = (await response.json()) as Record<string, unknown>;
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: answer };
}

const reasonOf = ({ body }: Answer) =>
  (body['error'] as { details: { reason?: string }[] } | undefined)?.details[0]?.reason;

const started = ({ simulator }: Stage) => simulator.jobs().map(({ name }) => name);

/** As if whoever holds the submission were gone, and had asked long ago. */
async function endLease(stage: Stage, { ageMillis = 0 } = {}): Promise<void> {
  const [submission] = await stage.project.firestore.collection('submissions').listDocuments();
  const startedAt = Timestamp.fromMillis(Date.now() - ageMillis);
  await submission?.update({ leaseUntil: Timestamp.fromMillis(0), startedAt });
}

describe('a submission', () => {
  test('of a batch starts it with our webhook, and records it before it answers', async () => {
    const stage = await Stage.open();
    const { status, body } = await submit(await start(stage), {
      ...batch,
      metadata: { team: 'red' },
      displayName: 'Nightly',
    });
    expect(status).toBe(202);
    const [job = ''] = started(stage);
    const submissionId = String(body['submissionId']);
    expect(body).toEqual({ jobId: job, kind: 'batch', state: 'submitted', route: 'nightly', submissionId });
    const userMetadata = { team: 'red', submission_id: submissionId };
    expect(stage.simulator.jobs()[0]?.webhookConfig).toEqual({ uris: [urlOf('nightly')], userMetadata });
    expect((await stage.ai.batches.get({ name: job })).displayName).toBe(`Nightly (${submissionId})`);
    expect(await stage.record(job)).toEqual({
      jobId: job,
      kind: 'batch',
      state: 'submitted',
      route: 'nightly',
      submissionId,
      userMetadata,
      submittedAt: expect.any(Timestamp),
      createdAt: expect.any(Timestamp),
      updatedAt: expect.any(Timestamp),
    });
  });

  test('of an interaction starts it in the background', async () => {
    const stage = await Stage.open();
    const request = { ...interaction.request, labels: { cost: 'low' } };
    const { status, body } = await submit(await start(stage), { ...interaction, request });
    const [id = ''] = started(stage);
    expect([status, body['jobId']]).toEqual([202, `interactions/${id}`]);
    expect(await stage.ai.interactions.get(id)).toMatchObject({
      labels: { cost: 'low', submission_id: body['submissionId'] },
      webhook_config: { uris: [urlOf('agents')] },
    });
    expect(await stage.record(`interactions/${id}`)).toMatchObject({ kind: 'interaction', state: 'submitted' });
  });

  test('is told of its end by the callback, on the same record', async () => {
    const stage = await Stage.open();
    const jwks = { GEMINI_JWKS_URL: `${stage.simulator.url}/.well-known/jwks.json` };
    const callback = await stage.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, ...jwks }, 'geminiCallback');
    const { body } = await submit(await start(stage, { CALLBACK_URL: callback.url }), { ...batch, metadata: { n: 1 } });
    const job = String(body['jobId']);
    await stage.simulator.finish(job);
    const record = await eventually('the callback', 10_000, async () => {
      const found = await stage.record(job);
      return found?.['state'] === 'succeeded' ? found : undefined;
    });
    expect(record).toMatchObject({ route: 'nightly', submissionId: body['submissionId'], userMetadata: { n: 1 } });
    const [message] = await stage.project.messages('gemini-events');
    expect(message?.attributes).toMatchObject({
      route: 'nightly',
      meta_n: '1',
      meta_submission_id: body['submissionId'],
    });
  });

  test('whose callback was quicker keeps what that said', async () => {
    const stage = await Stage.open();
    const simulated = await Proxy.start(new URL(stage.simulator.url).host);
    const slow = await start(stage, { GOOGLE_GEMINI_BASE_URL: `http://${simulated.host}` });
    simulated.stall('down');
    const submitted = submit(slow, batch, 'key');
    const [job = ''] = await eventually('it has started', 5_000, async () => {
      const names = started(stage);
      return names.length > 0 ? names : undefined;
    });
    const at = Timestamp.fromMillis(1_780_000_000_000);
    const told = { jobId: job, kind: 'batch', state: 'succeeded', finishedAt: at, createdAt: at, updatedAt: at };
    await stage.project.firestore.doc(`jobs/${job.replace('/', '~')}`).set(told);
    await simulated.pass();
    expect((await submitted).status).toBe(202);
    expect(await stage.record(job)).toMatchObject({ ...told, route: 'nightly', submittedAt: expect.any(Timestamp) });
    await simulated.refuse();
  });
});

describe('what cannot be used is refused before anything is sent', () => {
  test.for([
    ['no JSON', '{', ''],
    ['another kind', { ...batch, kind: 'video' }, 'kind'],
    ['a route that cannot be one', { ...batch, route: 'a/b' }, 'route'],
    ['an unknown field', { ...batch, priority: 1 }, ''],
    ['no model', { ...batch, request: { src: [{ contents }] } }, 'request.model'],
    ['no prompts', { ...batch, request: { model: MODEL, src: [] } }, 'request.src'],
    ['a src that is no file', { ...batch, request: { model: MODEL, src: 'gs://x/y' } }, 'request.src'],
    [
      'a webhook of the caller’s own',
      { ...batch, request: { ...batch.request, config: { webhookConfig: { uris: [] } } } },
      'request.config.webhookConfig',
    ],
    [
      'a webhook of the caller’s own, of an interaction',
      { ...interaction, request: { ...interaction.request, webhook_config: {} } },
      'request.webhook_config',
    ],
    ['neither model nor agent', { ...interaction, request: { input: 'x' } }, 'request.model'],
    ['no input', { ...interaction, request: { model: MODEL } }, 'request.input'],
    [
      'what is not in the background',
      { ...interaction, request: { ...interaction.request, background: false } },
      'request.background',
    ],
  ] as const)('%s', async ([, request, field]) => {
    const stage = await Stage.open();
    const answer = await submit(await start(stage), request, 'key');
    expect([answer.status, reasonOf(answer)]).toEqual([400, 'INVALID_ARGUMENT']);
    const { details } = answer.body['error'] as { details: { fieldViolations?: { field: string }[] }[] };
    expect(details[1]?.fieldViolations?.map((violation) => violation.field)).toContain(field);
    expect(stage.simulator.ledger.requests).toEqual([]);
    expect(await stage.project.documentIds('submissions')).toEqual([]);
  });

  test('over 20 MB: with the advice to upload', async () => {
    const stage = await Stage.open();
    const text = 'x'.repeat(21_000_000);
    const answer = await submit(await start(stage), { ...interaction, request: { model: MODEL, input: text } });
    expect([answer.status, reasonOf(answer)]).toEqual([413, 'REQUEST_TOO_LARGE']);
    expect(JSON.stringify(answer.body)).toContain('Files API');
  });

  test('other methods', async () => {
    const stage = await Stage.open();
    const { url } = await start(stage);
    expect((await fetch(url)).status).toBe(405);
  });
});

describe('one key', () => {
  test('a hundred times at once, on two instances, starts one job', async () => {
    const stage = await Stage.open();
    const instances = [await start(stage), await start(stage)];
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => await submit(instances[n % 2] as RunningFunction, batch, 'key')),
    );
    expect(started(stage)).toHaveLength(1);
    const [job] = started(stage);
    const shown = answers.map((answer) => [answer.status, answer.body['jobId'] ?? reasonOf(answer), answer.retryAfter]);
    for (const one of shown) {
      expect([
        [202, job, null],
        [409, 'SUBMISSION_IN_PROGRESS', '5'],
      ]).toContainEqual(one);
    }
    expect(await submit(instances[0] as RunningFunction, batch, 'key')).toMatchObject({
      status: 202,
      body: { jobId: job },
    });
    expect(await stage.project.documentIds('jobs')).toHaveLength(1);
  });

  test('is for one request, however its fields are ordered', async () => {
    const stage = await Stage.open();
    const running = await start(stage);
    expect((await submit(running, batch, 'key')).status).toBe(202);
    const reordered = { route: batch.route, request: { src: batch.request.src, model: MODEL }, kind: 'batch' };
    expect((await submit(running, reordered, 'key')).status).toBe(202);
    const other = await submit(running, { ...batch, route: 'weekly' }, 'key');
    expect([other.status, reasonOf(other)]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect((await submit(running, { ...batch, route: 'weekly' }, 'another')).status).toBe(202);
    expect(started(stage)).toHaveLength(2);
  });

  test('that is none, is empty or too long', async () => {
    const stage = await Stage.open();
    const running = await start(stage);
    expect((await submit(running, batch)).status).toBe(202);
    expect((await submit(running, batch)).status).toBe(202);
    expect(started(stage)).toHaveLength(2);
    for (const key of ['', 'k'.repeat(256)]) expect((await submit(running, batch, key)).status).toBe(400);
  });
});

describe('what Gemini answers', () => {
  test.for([
    [400, 400, 'GEMINI_REFUSED', null],
    [404, 400, 'GEMINI_REFUSED', null],
    [429, 429, 'RATE_LIMITED', '7'],
    [503, 503, 'GEMINI_UNAVAILABLE', '10'],
  ] as const)('%s becomes %s', async ([status, answered, reason, retryAfter]) => {
    const faults = [{ method: 'interactions.create', status, retryAfterSeconds: 7, times: 1 }];
    const stage = await Stage.open({ settings: { api: { faults } } });
    const running = await start(stage, { GEMINI_API_KEY: 'key-of-a-test' });
    const answer = await submit(running, interaction, 'key');
    expect([answer.status, reasonOf(answer), answer.retryAfter]).toEqual([answered, reason, retryAfter]);
    expect(running.output() + JSON.stringify(answer.body)).not.toContain('key-of-a-test');
  });

  test('of a refusal leaves the key free', async () => {
    const faults = [{ method: 'batches.create', status: 429, times: 1 }];
    const stage = await Stage.open({ settings: { api: { faults } } });
    const running = await start(stage);
    expect((await submit(running, batch, 'key')).status).toBe(429);
    expect((await submit(running, batch, 'key')).status).toBe(202);
    expect(started(stage)).toHaveLength(1);
  });
});

describe('an answer that is lost', () => {
  test('a batch is found again by its name, and not started twice', async () => {
    const faults = [{ method: 'batches.create', loseAnswer: true, times: 1 }];
    const stage = await Stage.open({ settings: { api: { faults } } });
    const running = await start(stage);
    const lost = await submit(running, batch, 'key');
    expect([lost.status, reasonOf(lost)]).toEqual([503, 'GEMINI_UNAVAILABLE']);
    expect(await submit(running, batch, 'key')).toMatchObject({ status: 202, body: { jobId: started(stage)[0] } });
    expect(started(stage)).toHaveLength(1);
  });

  test('an interaction, which cannot be listed, is found by its callback', async () => {
    const faults = [{ method: 'interactions.create', loseAnswer: true, times: 1 }];
    const stage = await Stage.open({ settings: { api: { faults } } });
    const jwks = { GEMINI_JWKS_URL: `${stage.simulator.url}/.well-known/jwks.json` };
    const callback = await stage.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, ...jwks }, 'geminiCallback');
    const running = await start(stage, { CALLBACK_URL: callback.url });
    expect((await submit(running, interaction, 'key')).status).toBe(503);
    const unknown = await submit(running, interaction, 'key');
    expect([unknown.status, reasonOf(unknown), unknown.retryAfter]).toEqual([503, 'SUBMISSION_UNKNOWN', '60']);
    const [id = ''] = started(stage);
    await stage.simulator.finish(id);
    const found = await eventually('it is found', 10_000, async () => {
      const answer = await submit(running, interaction, 'key');
      return answer.status === 202 ? answer : undefined;
    });
    expect(found.body['jobId']).toBe(`interactions/${id}`);
    expect(started(stage)).toHaveLength(1);
    expect(await stage.record(`interactions/${id}`)).toMatchObject({ state: 'succeeded', route: 'agents' });
  });
});

test('the keys come from files too, as the platform mounts secrets', async () => {
  const stage = await Stage.open();
  const folder = mkdtempSync(join(tmpdir(), 'mounted-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const mounted = (name: string, content: string) => {
    writeFileSync(join(folder, name), `${content}\n`);
    return join(folder, name);
  };
  stage.simulator.settings.patch({ api: { key: 'the-key-of-the-file' } });
  const running = await start(stage, {
    GEMINI_API_KEY: '',
    GEMINI_API_KEY_FILE: mounted('api', 'the-key-of-the-file'),
    DYNAMIC_ROUTE_KEY: '',
    DYNAMIC_ROUTE_KEY_FILE: mounted('route', ROUTE_KEY),
  });
  expect((await submit(running, batch)).status).toBe(202);
  expect(stage.simulator.jobs()[0]?.webhookConfig?.uris).toEqual([urlOf('nightly')]);
});

describe('an instance that is killed', () => {
  test('before Gemini has heard of the job: the retry starts it, once it is certain', async () => {
    const stage = await Stage.open();
    const doomed = await start(stage, { GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${await freePort()}` });
    expect((await submit(doomed, batch, 'key')).status).toBe(503);
    await doomed.end('SIGKILL');
    const running = await start(stage);
    await endLease(stage);
    expect(reasonOf(await submit(running, batch, 'key'))).toBe('SUBMISSION_UNKNOWN');
    await endLease(stage, { ageMillis: 60_000 });
    expect((await submit(running, batch, 'key')).status).toBe(202);
    expect(started(stage)).toHaveLength(1);
  });

  test('after Gemini has started the job: the retry finds it', async () => {
    const stage = await Stage.open();
    const simulated = await Proxy.start(new URL(stage.simulator.url).host);
    const doomed = await start(stage, { GOOGLE_GEMINI_BASE_URL: `http://${simulated.host}` });
    simulated.stall('down');
    const submitting = submit(doomed, batch, 'key').catch(() => undefined);
    await eventually('it has started', 5_000, async () => (started(stage).length > 0 ? true : undefined));
    await doomed.end('SIGKILL');
    await submitting;
    const running = await start(stage);
    expect((await submit(running, batch, 'key')).status).toBe(409);
    await endLease(stage);
    expect(await submit(running, batch, 'key')).toMatchObject({ status: 202, body: { jobId: started(stage)[0] } });
    expect(started(stage)).toHaveLength(1);
    expect(await stage.record(started(stage)[0] ?? '')).toMatchObject({ state: 'submitted' });
    await simulated.refuse();
  });

  test.for([
    ['submission', 'fingerprint'],
    ['job', 'submittedAt'],
  ] as const)('when it has written the %s, and has not heard so: there is one job', async ([, field]) => {
    const stage = await Stage.open();
    const firestore = await Proxy.start(stage.project.env['FIRESTORE_EMULATOR_HOST'] ?? '');
    const doomed = await start(stage, { FIRESTORE_EMULATOR_HOST: firestore.host });
    const written = firestore.at('up', field, () => firestore.stall('down'));
    const submitting = submit(doomed, batch, 'key').catch(() => undefined);
    await written;
    await eventually('it is written', 5_000, async () => {
      const [id = ''] = await stage.project.documentIds(field === 'submittedAt' ? 'jobs' : 'submissions');
      return id === '' ? undefined : id;
    });
    await doomed.end('SIGKILL');
    await submitting;
    await endLease(stage, { ageMillis: 60_000 });
    const answer = await submit(await start(stage), batch, 'key');
    expect(answer).toMatchObject({ status: 202, body: { jobId: started(stage)[0] } });
    expect(started(stage)).toHaveLength(1);
    await firestore.refuse();
  });
});
