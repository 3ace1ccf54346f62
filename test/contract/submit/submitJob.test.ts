import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Timestamp } from '@google-cloud/firestore';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Stage } from '../results/harness.ts';
import { clockAhead, type RunningFunction } from '../../../local/functions.ts';
import { eventually, freePort } from '../../../local/process.ts';
import { Proxy } from '../../support/proxy.ts';

const ROUTE_KEY = 'route-key-of-a-test-with-32-characters';
const BASE = 'http://127.0.0.1:9/hooks';
const MODEL = 'gemini-3.8-flash';
const contents = [{ role: 'user', parts: [{ text: 'hello' }] }];

const batch = { kind: 'batch', request: { model: MODEL, src: [{ contents }] }, route: 'nightly' };
const interaction = { kind: 'interaction', request: { model: MODEL, input: 'hello' }, route: 'agents' };

/** Longer than a job can take to come into the list. */
const LONG_AGO_MILLIS = 90_000;

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

/** Gemini as the simulator cannot be: a test answers each request itself, or ends its connection. */
async function startGemini(
  answer: (method: string, body: Record<string, unknown>, response: ServerResponse, text: string) => void,
): Promise<{ readonly GOOGLE_GEMINI_BASE_URL: string }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      answer(request.method ?? '', text === '' ? {} : (JSON.parse(text) as Record<string, unknown>), response, text);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function say(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Ends the owner's lease and dates its attempt back, as after a crash long ago. */
async function endLease(stage: Stage, ageMillis?: number): Promise<void> {
  const [submission] = await stage.project.firestore.collection('submissions').listDocuments();
  const asked = ageMillis === undefined ? {} : { startedAt: Timestamp.fromMillis(Date.now() - ageMillis) };
  await submission?.update({ leaseUntil: Timestamp.fromMillis(0), ...asked });
}

/** Returns the milliseconds until the submission's lease expires. */
async function leaseMillis(stage: Stage): Promise<number> {
  const { docs } = await stage.project.firestore.collection('submissions').get();
  const until = docs[0]?.get('leaseUntil') as Timestamp | undefined;
  return (until?.toMillis() ?? Infinity) - Date.now();
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

  test("is recorded by Firestore's clock, so that a clock ahead does not delay its recovery", async () => {
    const stage = await Stage.open();
    const { status } = await submit(await start(stage, clockAhead(250_000)), batch);
    expect(status).toBe(202);
    const { submittedAt, createdAt, updatedAt } = (await stage.record(started(stage)[0] ?? '')) ?? {};
    const times = [submittedAt, createdAt, updatedAt].map((time) => (time as Timestamp).toMillis());
    expect(Math.max(...times)).toBeLessThan(Date.now() + 60_000);
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

  test('reaches Gemini whole, with every field and every digit', async () => {
    const bodies: Record<string, unknown>[] = [];
    const texts: string[] = [];
    const gemini = await startGemini((_method, body, response, text) => {
      bodies.push(body);
      texts.push(text);
      say(response, 200, bodies.length === 1 ? { name: 'batches/b1' } : { id: 'v1_i1', status: 'in_progress' });
    });
    const running = await start(await Stage.open(), gemini);
    const tools = [{ functionDeclarations: [{ name: 'f', parameters: { type: 'OBJECT' } }] }, { google_search: {} }];
    const inline =
      `{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{"id":1234567890123456789}}}]}],` +
      `"systemInstruction":"Be brief","generationConfig":{"temperature":0.20},"tools":${JSON.stringify(tools)},` +
      `"safety_settings":[{"category":"X","threshold":"Y"}],"metadata":{"key":"r1"}}`;
    const sdk = `{"contents":"hello","config":{"system_instruction":"Be brief","maxOutputTokens":5,"seed":7}}`;
    const request = `{"model":"${MODEL}","src":[${inline},${sdk}]}`;
    expect((await submit(running, `{"kind":"batch","route":"r","request":${request}}`)).status).toBe(202);
    const systemInstruction = { parts: [{ text: 'Be brief' }] };
    expect(bodies[0]).toMatchObject({
      batch: {
        inputConfig: {
          requests: {
            requests: [
              {
                request: {
                  systemInstruction,
                  generationConfig: { temperature: 0.2 },
                  tools,
                  safety_settings: [{ category: 'X', threshold: 'Y' }],
                },
                metadata: { key: 'r1' },
              },
              {
                request: {
                  contents: [{ role: 'user', parts: [{ text: 'hello' }] }],
                  system_instruction: systemInstruction,
                  generationConfig: { maxOutputTokens: 5, seed: 7 },
                },
              },
            ],
          },
        },
        webhookConfig: { uris: [urlOf('r')] },
      },
    });
    expect(texts[0]).toContain('"response":{"id":1234567890123456789}');
    expect(texts[0]).toContain('"temperature":0.20');

    const result = '{"type":"function_result","call_id":"c","name":"n","result":{"id":1234567890123456789}}';
    const interactive = `{"kind":"interaction","route":"r","request":{"model":"${MODEL}","input":[${result}]}}`;
    expect((await submit(running, interactive)).status).toBe(202);
    expect(texts[1]).toContain(result);
  });

  test('learns of its end by the callback, on the same record', async () => {
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
    const known = { jobId: job, kind: 'batch', state: 'succeeded', finishedAt: at, createdAt: at, updatedAt: at };
    await stage.project.firestore.doc(`jobs/${job.replace('/', '~')}`).set(known);
    await simulated.forward();
    expect((await submitted).status).toBe(202);
    expect(await stage.record(job)).toMatchObject({ ...known, route: 'nightly', submittedAt: expect.any(Timestamp) });
    await simulated.refuse();
  });
});

describe('what cannot be used is refused before anything is sent', () => {
  test.for([
    ['no JSON', '{', ''],
    ['another kind', { ...batch, kind: 'video' }, 'kind'],
    ['a route that cannot be one', { ...batch, route: 'a/b' }, 'route'],
    ['an unknown field', { ...batch, priority: 1 }, 'priority'],
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

  test('and values that the SDK or Firestore cannot take', async () => {
    const stage = await Stage.open();
    const running = await start(stage);
    const ofBatch = (fields: object) => ({ ...batch, request: { ...batch.request, ...fields } });
    const ofInteraction = (fields: object) => ({ ...interaction, request: { ...interaction.request, ...fields } });
    const webhook = { uris: ['https://elsewhere.test'] };
    const cases: readonly [object, string][] = [
      [ofBatch({ src: [{ contents: [] }] }), 'request.src.0.contents'],
      [ofBatch({ src: [{ contents, temprature: 1 }] }), 'request.src.0.temprature: is not a field'],
      [ofBatch({ src: [{ contents, config: { temprature: 1 } }] }), 'request.src.0.config.temprature: is not a field'],
      [ofBatch({ src: [{ contents, generationConfig: { tools: [] } }] }), 'request.src.0.generationConfig.tools'],
      [ofBatch({ src: [{ contents, generation_config: { topp: 1 } }] }), 'request.src.0.generation_config.topp'],
      [ofBatch({ src: { inlinedRequests: [{ contents, tool: [] }] } }), 'request.src.inlinedRequests.0.tool'],
      [
        ofBatch({ src: [{ contents, tools: [], config: { tools: [] } }] }),
        'request.src.0.config.tools: is given twice',
      ],
      [ofBatch({ src: [{ contents, toolConfig: {}, tool_config: {} }] }), 'request.src.0.tool_config: is given twice'],
      [ofInteraction({ temperature: 1 }), 'request.temperature: is not a field'],
      [ofInteraction({ systemInstruction: 'x' }), 'request.systemInstruction: is not a field'],
      [ofInteraction({ generation_config: { temprature: 1 } }), 'request.generation_config.temprature'],
      [ofBatch({ src: [{ contents: 5 }] }), 'request.src'],
      [ofBatch({ config: { dest: 'gs://x' } }), 'dest'],
      [ofBatch({ config: { httpOptions: { baseUrl: 'https://elsewhere.test' } } }), 'httpOptions'],
      [ofBatch({ model: 'x?y' }), 'request.model'],
      [ofBatch({ model: '../x' }), 'request.model'],
      [ofBatch({ webhook_config: webhook }), 'request.webhook_config: is set by submitJob'],
      [ofBatch({ config: { webhook_config: webhook } }), 'request.config.webhook_config: is set by submitJob'],
      [ofInteraction({ webhookConfig: webhook }), 'request.webhookConfig: is set by submitJob'],
      [{ ...batch, webhookConfig: webhook }, 'webhookConfig: is set by submitJob'],
      [{ ...interaction, webhook_config: webhook }, 'webhook_config: is set by submitJob'],
      [ofInteraction({ automatic_continuation: false }), 'request.automatic_continuation'],
      [ofInteraction({ labels: 'x' }), 'request.labels'],
      [ofInteraction({ labels: { 'A B': 'x' } }), 'request.labels'],
      [ofInteraction({ api_version: 'v1/webhooks/..' }), 'request.api_version'],
      [{ ...batch, metadata: { a: [[1]] } }, 'metadata'],
      [{ ...batch, metadata: { __x__: 1 } }, 'metadata'],
      [{ ...batch, metadata: { '': 1 } }, 'metadata'],
      [{ ...batch, metadata: { a: '\ud800' } }, 'metadata'],
      [{ ...interaction, metadata: { root: 'mine' } }, 'metadata'],
    ];
    for (const [request, message] of cases) {
      const answer = await submit(running, request, 'key');
      expect([answer.status, reasonOf(answer)]).toEqual([400, 'INVALID_ARGUMENT']);
      expect((answer.body['error'] as { message: string }).message).toContain(message);
    }
    expect(stage.simulator.ledger.requests).toEqual([]);
    expect(await stage.project.documentIds('submissions')).toEqual([]);
  });

  test('a refused request leaves its key free', async () => {
    const stage = await Stage.open();
    const running = await start(stage);
    const mixed = { ...batch, request: { model: MODEL, src: [{ contents: [...contents, { text: 'a part' }] }] } };
    const answer = await submit(running, mixed, 'key');
    expect([answer.status, reasonOf(answer)]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(stage.simulator.ledger.requests).toEqual([]);
    expect((await submit(running, batch, 'key')).status).toBe(202);
  });

  test('2,500 levels of JSON', async () => {
    const stage = await Stage.open();
    const nested = `{"kind":"batch","route":"r","request":{"model":"m","src":${'['.repeat(2_500)}${']'.repeat(2_500)}}}`;
    const answer = await submit(await start(stage), nested, 'key');
    expect([answer.status, reasonOf(answer)]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(JSON.stringify(answer.body)).toContain('nested deeper than 100 levels');
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
    const withNumber = (digits: string) =>
      `{"kind":"batch","route":"r","request":{"model":"${MODEL}","src":[{"contents":"x","config":{"seed":${digits}}}]}}`;
    expect((await submit(running, withNumber('9007199254740993'), 'number')).status).toBe(202);
    expect((await submit(running, withNumber('9007199254740993.0'), 'number')).status).toBe(202);
    expect((await submit(running, withNumber('9007199254740992'), 'number')).status).toBe(422);
    const other = await submit(running, { ...batch, route: 'weekly' }, 'key');
    expect([other.status, reasonOf(other)]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect((await submit(running, { ...batch, route: 'weekly' }, 'another')).status).toBe(202);
    expect(started(stage)).toHaveLength(3);
  });

  test('that is used again after its time starts one job more, however many ask at once', async () => {
    const stage = await Stage.open();
    const running = await start(stage);
    const first = await submit(running, batch, 'key');
    const [submission] = await stage.project.firestore.collection('submissions').listDocuments();
    await submission?.update({ expireAt: Timestamp.fromMillis(Date.now() - 1_000) });
    const answers = await Promise.all(Array.from({ length: 20 }, async () => await submit(running, batch, 'key')));
    const ids = new Set(answers.filter(({ status }) => status === 202).map(({ body }) => body['submissionId']));
    expect(ids.size).toBe(1);
    expect(ids).not.toContain(first.body['submissionId']);
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
    [503, 503, 'GEMINI_UNAVAILABLE', '7'],
    [500, 503, 'GEMINI_UNAVAILABLE', '7'],
  ] as const)('%s becomes %s', async ([status, answered, reason, retryAfter]) => {
    const faults = [{ method: 'interactions.create', status, retryAfterSeconds: 7, times: 1 }];
    const stage = await Stage.open({ settings: { api: { faults } } });
    const running = await start(stage, { GEMINI_API_KEY: 'key-of-a-test' });
    const answer = await submit(running, interaction, 'key');
    expect([answer.status, reasonOf(answer), answer.retryAfter]).toEqual([answered, reason, retryAfter]);
    expect(running.output() + JSON.stringify(answer.body)).not.toContain('key-of-a-test');
  });

  test('of a refusal, or that it is overloaded, leaves the key free', async () => {
    const faults = [
      { method: 'batches.create', status: 429, retryAfterSeconds: 7, times: 1 },
      { method: 'interactions.create', status: 503, times: 1 },
    ];
    const stage = await Stage.open({ settings: { api: { faults } } });
    const running = await start(stage);
    const refused = await submit(running, batch, 'key');
    expect([refused.status, refused.retryAfter]).toEqual([429, '7']);
    expect((await submit(running, batch, 'key')).status).toBe(202);
    expect((await submit(running, interaction, 'another')).status).toBe(503);
    expect((await submit(running, interaction, 'another')).status).toBe(202);
    expect(started(stage)).toHaveLength(2);
  });

  test.for([
    ['that the key is not valid', 400, 'API key not valid. Please pass a valid API key.', 'GEMINI_REFUSED', true],
    ['that the caller is unknown', 401, 'unauthenticated', 'GEMINI_REFUSED', true],
    ['with the key in it', 403, "Consumer 'api_key:key-of-a-test' has been suspended.", 'GEMINI_REFUSED', true],
    ['with the key, of a limit', 429, "Quota exceeded for 'api_key:key-of-a-test'", 'RATE_LIMITED', true],
    ['that the time is over', 408, 'timeout', 'GEMINI_UNAVAILABLE', false],
    ['of a proxy before it', 503, 'key-of-a-test', 'GEMINI_UNAVAILABLE', false],
  ] as const)('%s', async ([, status, message, reason, isFree]) => {
    const stage = await Stage.open();
    const gemini = await startGemini((_method, _body, response) => {
      say(response, status, { error: { code: status, message, status: 'ANY' } });
    });
    const running = await start(stage, { ...gemini, GEMINI_API_KEY: 'key-of-a-test' });
    for (const one of [batch, interaction]) {
      const answer = await submit(running, one, one.kind);
      expect(reasonOf(answer)).toBe(reason);
      expect(running.output() + JSON.stringify(answer.body)).not.toContain('key-of-a-test');
    }
    expect(await stage.project.documentIds('submissions')).toHaveLength(isFree ? 0 : 2);
  });
});

describe('an answer that is lost', () => {
  test('without a key is reported, with the id that identifies the job', async () => {
    const stage = await Stage.open({
      settings: { api: { faults: [{ method: 'batches.create', loseAnswer: true, times: 1 }] } },
    });
    const { status, body } = await submit(await start(stage), batch);
    const { message } = body['error'] as { message: string };
    expect(status).toBe(503);
    expect(message).toContain('Without an Idempotency-Key');
    expect(message).toContain(String(stage.simulator.jobs()[0]?.webhookConfig?.userMetadata?.['submission_id']));
  });

  test('of a second start is waited for as that of the first, in any order of the list', async () => {
    const stage = await Stage.open();
    const old = { name: 'batches/old', metadata: { displayName: 'old', createTime: '2026-01-01T00:00:00Z' } };
    const asked: string[] = [];
    let listed = 0;
    const gemini = await startGemini((method, body, response) => {
      if (method === 'POST') {
        asked.push((body['batch'] as { displayName: string }).displayName);
        response.destroy();
      } else {
        const jobs = asked.slice(asked.length - listed).map((displayName) => ({
          name: 'batches/new',
          metadata: { displayName, createTime: new Date().toISOString() },
        }));
        say(response, 200, { operations: [old, ...jobs] });
      }
    });
    const running = await start(stage, gemini);
    expect(reasonOf(await submit(running, batch, 'key'))).toBe('GEMINI_UNAVAILABLE');
    await endLease(stage, LONG_AGO_MILLIS);
    expect(reasonOf(await submit(running, batch, 'key'))).toBe('GEMINI_UNAVAILABLE');
    expect(reasonOf(await submit(running, batch, 'key'))).toBe('SUBMISSION_UNKNOWN');
    expect(asked).toHaveLength(2);
    listed = 1;
    expect(await submit(running, batch, 'key')).toMatchObject({ status: 202, body: { jobId: 'batches/new' } });
    expect(asked).toHaveLength(2);
  });

  test('is not waited for longer than the submission is held, where the list does not come', async () => {
    const stage = await Stage.open();
    const gemini = await startGemini((method, _body, response) => {
      if (method === 'POST') response.destroy();
    });
    const running = await start(stage, gemini);
    expect((await submit(running, batch, 'key')).status).toBe(503);
    await endLease(stage, LONG_AGO_MILLIS);
    const startedAt = performance.now();
    expect(reasonOf(await submit(running, batch, 'key'))).toBe('SUBMISSION_UNKNOWN');
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

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

test('a Gemini that cannot be reached has started nothing, and the key is free', async () => {
  const stage = await Stage.open();
  const unreachable = await start(stage, { GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${await freePort()}` });
  for (const one of [batch, interaction]) {
    const answer = await submit(unreachable, one, one.kind);
    expect([answer.status, reasonOf(answer)]).toEqual([503, 'GEMINI_UNAVAILABLE']);
  }
  expect(await stage.project.documentIds('submissions')).toEqual([]);
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
  test('before it has asked Gemini: the retry starts the job, an interaction too', async () => {
    const stage = await Stage.open();
    const firestore = await Proxy.start(stage.project.env['FIRESTORE_EMULATOR_HOST'] ?? '');
    const doomed = await start(stage, { FIRESTORE_EMULATOR_HOST: firestore.host });
    const written = firestore.at('up', 'fingerprint', () => firestore.stall('down'));
    const submitting = submit(doomed, interaction, 'key').catch(() => undefined);
    await written;
    await eventually('it is written', 5_000, async () => (await stage.project.documentIds('submissions'))[0]);
    await doomed.end('SIGKILL');
    await submitting;
    const running = await start(stage);
    expect((await submit(running, interaction, 'key')).status).toBe(409);
    // Shorter than the lease of a caller whose request is in flight.
    expect(await leaseMillis(stage)).toBeLessThanOrEqual(20_000);
    await endLease(stage);
    expect((await submit(running, interaction, 'key')).status).toBe(202);
    expect(started(stage)).toHaveLength(1);
    await firestore.refuse();
  });

  test('before Gemini has heard of the job: the retry starts it, once it is certain', async () => {
    const stage = await Stage.open();
    const simulated = await Proxy.start(new URL(stage.simulator.url).host);
    simulated.stall('up');
    const doomed = await start(stage, { GOOGLE_GEMINI_BASE_URL: `http://${simulated.host}` });
    const asked = simulated.at('up', 'batchGenerateContent');
    const submitting = submit(doomed, batch, 'key').catch(() => undefined);
    await asked;
    await doomed.end('SIGKILL');
    await submitting;
    await simulated.refuse();
    const running = await start(stage);
    await endLease(stage);
    expect(reasonOf(await submit(running, batch, 'key'))).toBe('SUBMISSION_UNKNOWN');
    await endLease(stage, LONG_AGO_MILLIS);
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
    await endLease(stage, LONG_AGO_MILLIS);
    const answer = await submit(await start(stage), batch, 'key');
    expect(answer).toMatchObject({ status: 202, body: { jobId: started(stage)[0] } });
    expect(started(stage)).toHaveLength(1);
    await firestore.refuse();
  });
});
