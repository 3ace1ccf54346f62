import { Timestamp } from '@google-cloud/firestore';
import { describe, expect, test } from 'vitest';
import { batch, MODEL, open, outcomeOf, start, started, submit } from './support.ts';

describe('an idempotency key', () => {
  test('starts one job for a hundred concurrent requests to two instances', async () => {
    const { stage, running } = await open();
    const another = await start(stage);
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => await submit(n % 2 === 0 ? running : another, batch, 'key')),
    );
    expect(started(stage)).toHaveLength(1);
    const success = `202 ${started(stage)[0]}`;
    for (const answer of answers)
      expect([
        [success, null],
        ['409 SUBMISSION_IN_PROGRESS', '5'],
      ]).toContainEqual([outcomeOf(answer), answer.retryAfter]);
    expect(outcomeOf(await submit(running, batch, 'key'))).toBe(success);
    expect(await stage.project.documentIds('jobs')).toHaveLength(1);
  });

  test('belongs to one request in any order of its fields', async () => {
    const { stage, running } = await open();
    const statusOf = async (request: unknown, key: string) => (await submit(running, request, key)).status;
    const reordered = { route: batch.route, request: { src: batch.request.src, model: MODEL }, kind: 'batch' };
    expect([await statusOf(batch, 'key'), await statusOf(reordered, 'key')]).toEqual([202, 202]);
    const withNumber = (digits: string) =>
      `{"kind":"batch","route":"r","request":{"model":"${MODEL}","src":[{"contents":"x","config":{"seed":${digits}}}]}}`;
    expect(await statusOf(withNumber('9007199254740993'), 'number')).toBe(202);
    expect(await statusOf(withNumber('9007199254740993.0'), 'number')).toBe(202);
    expect(await statusOf(withNumber('9007199254740992'), 'number')).toBe(422);
    const other = { ...batch, route: 'weekly' };
    expect(outcomeOf(await submit(running, other, 'key'))).toBe('422 IDEMPOTENCY_KEY_REUSED');
    expect(await statusOf(other, 'another')).toBe(202);
    expect(started(stage)).toHaveLength(3);
  });

  test('starts one more job after it has expired, for any number of concurrent requests', async () => {
    const { stage, running } = await open();
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
    const { stage, running } = await open();
    expect((await submit(running, batch)).status).toBe(202);
    expect((await submit(running, batch)).status).toBe(202);
    expect(started(stage)).toHaveLength(2);
    for (const key of ['', 'k'.repeat(256)]) expect((await submit(running, batch, key)).status).toBe(400);
  });
});
