import { describe, expect, test } from 'vitest';
import { eventually, freePort } from '../../../local/process.ts';
import { sendJson } from '../../support/server.ts';
import { startCallback } from '../pipeline.ts';
import { Stage } from '../results/harness.ts';
import {
  batch,
  endLease,
  interaction,
  LONG_AGO_MILLIS,
  open,
  outcomeOf,
  start,
  started,
  startGemini,
  submit,
} from './support.ts';

const KEY = 'key-of-a-test';
const faulty = (...faults: readonly object[]) => ({ settings: { api: { faults: faults as [] } } });

describe('an error of Gemini', () => {
  test('becomes one of submitJob, which says when to retry', async () => {
    const { stage, running } = await open({ GEMINI_API_KEY: KEY });
    for (const [status, outcome, retryAfter] of [
      [400, '400 GEMINI_REFUSED', null],
      [404, '400 GEMINI_REFUSED', null],
      [429, '429 RATE_LIMITED', '7'],
      [503, '503 GEMINI_UNAVAILABLE', '7'],
      [500, '503 GEMINI_UNAVAILABLE', '7'],
    ] as const) {
      const faults = [{ method: 'interactions.create', status, retryAfterSeconds: 7, times: 1 }];
      stage.simulator.settings.patch({ api: { faults } });
      const answer = await submit(running, interaction, String(status));
      expect([status, outcomeOf(answer), answer.retryAfter]).toEqual([status, outcome, retryAfter]);
      expect(running.output() + JSON.stringify(answer.body)).not.toContain(KEY);
    }
  });

  test('releases the idempotency key after a refusal or an overload', async () => {
    const { stage, running } = await open(
      {},
      faulty(
        { method: 'batches.create', status: 429, retryAfterSeconds: 7, times: 1 },
        { method: 'interactions.create', status: 503, times: 1 },
      ),
    );
    for (const [request, status] of [
      [batch, 429],
      [interaction, 503],
    ] as const) {
      expect((await submit(running, request, request.kind)).status).toBe(status);
      expect((await submit(running, request, request.kind)).status).toBe(202);
    }
    expect(started(stage)).toHaveLength(2);
  });

  test('never shows the API key, and keeps the idempotency key where the job may have started', async () => {
    let error: { code: number; message: string } = { code: 500, message: '' };
    const gemini = await startGemini((_method, _body, response) => {
      sendJson(response, error.code, { error: { ...error, status: 'ANY' } });
    });
    const { stage, running } = await open({ ...gemini, GEMINI_API_KEY: KEY });
    for (const [code, message, reason, isFree] of [
      [400, 'API key not valid. Please pass a valid API key.', 'GEMINI_REFUSED', true],
      [401, 'unauthenticated', 'GEMINI_REFUSED', true],
      [403, `Consumer 'api_key:${KEY}' has been suspended.`, 'GEMINI_REFUSED', true],
      [429, `Quota exceeded for 'api_key:${KEY}'`, 'RATE_LIMITED', true],
      [408, 'timeout', 'GEMINI_UNAVAILABLE', false],
      [503, KEY, 'GEMINI_UNAVAILABLE', false],
    ] as const) {
      error = { code, message };
      const before = (await stage.project.documentIds('submissions')).length;
      for (const one of [batch, interaction]) {
        const answer = await submit(running, one, `${one.kind} ${code}`);
        expect([code, outcomeOf(answer)]).toEqual([code, expect.stringContaining(reason)]);
        expect(running.output() + JSON.stringify(answer.body)).not.toContain(KEY);
      }
      const kept = (await stage.project.documentIds('submissions')).length - before;
      expect([code, kept]).toEqual([code, isFree ? 0 : 2]);
    }
  });
});

describe('a lost response of Gemini', () => {
  test('without an idempotency key is reported with the submission id that identifies the job', async () => {
    const { stage, running } = await open({}, faulty({ method: 'batches.create', loseAnswer: true, times: 1 }));
    const { status, body } = await submit(running, batch);
    const { message } = body['error'] as { message: string };
    expect([status, message]).toEqual([503, expect.stringContaining('Without an Idempotency-Key')]);
    expect(message).toContain(String(stage.simulator.jobs()[0]?.webhookConfig?.userMetadata?.['submission_id']));
  });

  test('to a second start is awaited like the first, in any order of the list', async () => {
    const old = { name: 'batches/old', metadata: { displayName: 'old', createTime: '2026-01-01T00:00:00Z' } };
    const asked: string[] = [];
    let listed = 0;
    const gemini = await startGemini((method, body, response) => {
      if (method === 'POST') {
        asked.push((body['batch'] as { displayName: string }).displayName);
        response.destroy();
        return;
      }
      const createTime = new Date().toISOString();
      const jobs = asked
        .slice(asked.length - listed)
        .map((displayName) => ({ name: 'batches/new', metadata: { displayName, createTime } }));
      sendJson(response, 200, { operations: [old, ...jobs] });
    });
    const { stage, running } = await open(gemini);
    const outcome = async () => outcomeOf(await submit(running, batch, 'key'));
    expect(await outcome()).toBe('503 GEMINI_UNAVAILABLE');
    await endLease(stage, LONG_AGO_MILLIS);
    expect(await outcome()).toBe('503 GEMINI_UNAVAILABLE');
    expect(await outcome()).toBe('503 SUBMISSION_UNKNOWN');
    expect(asked).toHaveLength(2);
    listed = 1;
    expect(await outcome()).toBe('202 batches/new');
    expect(asked).toHaveLength(2);
  });

  test('is not awaited longer than the lease while the list does not respond', async () => {
    const gemini = await startGemini((method, _body, response) => {
      if (method === 'POST') response.destroy();
    });
    const { stage, running } = await open(gemini);
    expect((await submit(running, batch, 'key')).status).toBe(503);
    await endLease(stage, LONG_AGO_MILLIS);
    const startedAt = performance.now();
    expect(outcomeOf(await submit(running, batch, 'key'))).toBe('503 SUBMISSION_UNKNOWN');
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test('to a batch: the retry finds the batch by its display name', async () => {
    const { stage, running } = await open({}, faulty({ method: 'batches.create', loseAnswer: true, times: 1 }));
    expect(outcomeOf(await submit(running, batch, 'key'))).toBe('503 GEMINI_UNAVAILABLE');
    expect(outcomeOf(await submit(running, batch, 'key'))).toBe(`202 ${started(stage)[0]}`);
    expect(started(stage)).toHaveLength(1);
  });

  test('to an interaction: the callback identifies it, because interactions cannot be listed', async () => {
    const stage = await Stage.open(faulty({ method: 'interactions.create', loseAnswer: true, times: 1 }));
    const running = await start(stage, { CALLBACK_URL: await startCallback(stage) });
    expect((await submit(running, interaction, 'key')).status).toBe(503);
    const unknown = await submit(running, interaction, 'key');
    expect([outcomeOf(unknown), unknown.retryAfter]).toEqual(['503 SUBMISSION_UNKNOWN', '60']);
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
  const { stage, running } = await open({ GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${await freePort()}` });
  for (const one of [batch, interaction])
    expect(outcomeOf(await submit(running, one, one.kind))).toBe('503 GEMINI_UNAVAILABLE');
  expect(await stage.project.documentIds('submissions')).toEqual([]);
});
