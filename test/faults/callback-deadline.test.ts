import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { ANSWERED_MILLIS, CLAIM, expectPublishedOnce, expectUnavailable, PUBLISHED, test } from './support.ts';

describe.concurrent('the deadline of 8 s', () => {
  test('ends a slow body, whose rest has no effect', async ({ world, callback, instance }) => {
    const { body } = callback;
    const headers = { ...world.sign(callback), 'content-length': Buffer.byteLength(body) };
    const sending = request(instance.url, { method: 'POST', headers });
    sending.flushHeaders();
    const startedAt = performance.now();
    let sent = 0;
    const drip = setInterval(() => sending.write(body.slice(sent, ++sent)), 1_000);
    const [response] = await once(sending, 'response');
    clearInterval(drip);
    expect(response.statusCode).toBe(503);
    expect(String(await response.toArray())).toContain('DEADLINE_EXCEEDED');
    expect(performance.now() - startedAt).toBeLessThan(ANSWERED_MILLIS);

    sending.end(body.slice(sent));
    await sleep(1_000);
    expect(await world.published()).toEqual([]);
    expect(await world.send(instance, callback)).toMatchObject(PUBLISHED);
    await expectPublishedOnce(world, callback);
  });

  test('ends a claim whose response is late, and the retry succeeds', async ({ world, callback, instance }) => {
    void world.firestore.at('up', CLAIM, () => world.firestore.stall('down'));
    expectUnavailable(await world.send(instance, callback), 'STORE_UNAVAILABLE');
    await world.firestore.forward();
    await sleep(1_000);
    expect(await world.send(instance, callback)).toMatchObject(PUBLISHED);
    await expectPublishedOnce(world, callback);
  });
});
