import { Timestamp } from '@google-cloud/firestore';
import { describe, expect, test } from 'vitest';
import { Stage } from '../results/harness.ts';
import { type RunningFunction } from '../../../local/functions.ts';
import { batch, MODEL, reasonOf, start, started, submit } from './support.ts';

describe('an idempotency key', () => {
  test('starts one job for a hundred concurrent requests to two instances', async () => {
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

  test('belongs to one request in any order of its fields', async () => {
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

  test('starts one more job after it has expired, for any number of concurrent requests', async () => {
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

  test('is optional, not empty, and at most 255 characters', async () => {
    const stage = await Stage.open();
    const running = await start(stage);
    expect((await submit(running, batch)).status).toBe(202);
    expect((await submit(running, batch)).status).toBe(202);
    expect(started(stage)).toHaveLength(2);
    for (const key of ['', 'k'.repeat(256)]) expect((await submit(running, batch, key)).status).toBe(400);
  });
});
