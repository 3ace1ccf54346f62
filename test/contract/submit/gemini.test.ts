import { describe, expect, test } from 'vitest';
import { Stage } from '../results/harness.ts';
import { eventually, freePort } from '../../../local/process.ts';
import {
  batch,
  endLease,
  interaction,
  LONG_AGO_MILLIS,
  reasonOf,
  ROUTE_KEY,
  say,
  start,
  started,
  startGemini,
  submit,
} from './support.ts';

describe('an error of Gemini', () => {
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

  test('releases the idempotency key after a refusal or an overload', async () => {
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
    ['an invalid API key', 400, 'API key not valid. Please pass a valid API key.', 'GEMINI_REFUSED', true],
    ['an unauthenticated caller', 401, 'unauthenticated', 'GEMINI_REFUSED', true],
    ['a message with the API key', 403, "Consumer 'api_key:key-of-a-test' has been suspended.", 'GEMINI_REFUSED', true],
    ['a quota message with the API key', 429, "Quota exceeded for 'api_key:key-of-a-test'", 'RATE_LIMITED', true],
    ['a time-out', 408, 'timeout', 'GEMINI_UNAVAILABLE', false],
    ['a 503 of a proxy', 503, 'key-of-a-test', 'GEMINI_UNAVAILABLE', false],
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

describe('a lost response of Gemini', () => {
  test('without an idempotency key is reported with the submission id that identifies the job', async () => {
    const stage = await Stage.open({
      settings: { api: { faults: [{ method: 'batches.create', loseAnswer: true, times: 1 }] } },
    });
    const { status, body } = await submit(await start(stage), batch);
    const { message } = body['error'] as { message: string };
    expect(status).toBe(503);
    expect(message).toContain('Without an Idempotency-Key');
    expect(message).toContain(String(stage.simulator.jobs()[0]?.webhookConfig?.userMetadata?.['submission_id']));
  });

  test('to a second start is awaited like the first, in any order of the list', async () => {
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

  test('is not awaited longer than the lease while the list does not respond', async () => {
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

  test('to a batch: the retry finds the batch by its display name', async () => {
    const faults = [{ method: 'batches.create', loseAnswer: true, times: 1 }];
    const stage = await Stage.open({ settings: { api: { faults } } });
    const running = await start(stage);
    const lost = await submit(running, batch, 'key');
    expect([lost.status, reasonOf(lost)]).toEqual([503, 'GEMINI_UNAVAILABLE']);
    expect(await submit(running, batch, 'key')).toMatchObject({ status: 202, body: { jobId: started(stage)[0] } });
    expect(started(stage)).toHaveLength(1);
  });

  test('to an interaction: the callback identifies it, because interactions cannot be listed', async () => {
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

test('an unreachable Gemini starts nothing, and the idempotency key stays free', async () => {
  const stage = await Stage.open();
  const unreachable = await start(stage, { GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${await freePort()}` });
  for (const one of [batch, interaction]) {
    const answer = await submit(unreachable, one, one.kind);
    expect([answer.status, reasonOf(answer)]).toEqual([503, 'GEMINI_UNAVAILABLE']);
  }
  expect(await stage.project.documentIds('submissions')).toEqual([]);
});
