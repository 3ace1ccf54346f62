import { once } from 'node:events';
import { Agent, get, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { Publisher } from '../../functions/messaging/publisher.ts';
import { Deadline } from '../../functions/runtime/deadline.ts';
import { eventually } from '../../local/process.ts';
import { ProxiedProject } from '../support/proxiedProject.ts';
import { ANSWERED_MILLIS, expectUnavailable, newCallback, PING, TOPICS } from './support.ts';

// Most of these wait for a clock; each has its own process.
vi.setConfig({ maxConcurrency: 4, testTimeout: 45_000 });

describe.concurrent('the deadline of 8 s', () => {
  test('ends a slow body, whose rest claims nothing', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    const length = Buffer.byteLength(callback.body);
    const sending = request(instance.url, {
      method: 'POST',
      headers: { ...world.sign(callback), 'content-length': length },
    });
    sending.flushHeaders();
    const startedAt = performance.now();
    const drip = setInterval(() => sending.write(callback.body.slice(dripped, ++dripped)), 1_000);
    let dripped = 0;
    const [response] = await once(sending, 'response');
    clearInterval(drip);
    expect(response.statusCode).toBe(503);
    expect(JSON.stringify(await response.toArray().then(String))).toContain('DEADLINE_EXCEEDED');
    expect(performance.now() - startedAt).toBeLessThan(ANSWERED_MILLIS);

    sending.end(callback.body.slice(dripped));
    await sleep(1_000);
    expect(await world.published()).toEqual([]);
    expect(await world.send(instance, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
  });

  test('a late response of Firestore is no claim', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    void world.firestore.at('up', callback.id, () => world.firestore.stall('down'));
    expectUnavailable(await world.send(instance, callback), 'STORE_UNAVAILABLE');
    await world.firestore.forward();
    await sleep(1_000);
    expect(await world.send(instance, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
  });

  test('publishes nothing when no time is left', async () => {
    await using world = await ProxiedProject.create();
    const { projectId } = world.project;
    const publisher = new Publisher({ projectId, pubsubEmulator: process.env['PUBSUB_EMULATOR_HOST'], topics: TOPICS });
    const message = PING;
    await publisher.publish('events', message, Deadline.inMillis(5_000));
    expect(await world.published()).toEqual(['any']);
    await expect(publisher.publish('events', message, Deadline.inMillis(0))).rejects.toMatchObject({
      reason: 'PUBLISH_UNAVAILABLE',
    });
    await sleep(500);
    expect(await world.published()).toEqual([]);
  });
});

describe.concurrent('geminiCallback on SIGTERM', () => {
  test('finishes requests in flight, refuses new ones and exits with 0', async ({ annotate }) => {
    await using world = await ProxiedProject.create();
    const inFlight = Array.from({ length: 10 }, newCallback);
    const instance = await world.start();
    expect(await world.send(instance, newCallback())).toMatchObject({ status: 200 });
    world.pubsub.delayMillis = { up: 1_500, down: 0 };
    const answers = Promise.all(inFlight.map((callback) => world.send(instance, callback)));
    await Promise.all(inFlight.map((callback) => world.recorded(callback, 'pending')));
    const startedAt = performance.now();
    const ended = instance.end('SIGTERM');
    let late = 0;
    await eventually('refusal', 3_000, async () => {
      const { status } = await world.send(instance, newCallback());
      // The signal is on its way for a moment.
      if (status === 200) late += 1;
      return status === 0 || undefined;
    });
    expect((await answers).map(({ status }) => status)).toEqual(inFlight.map(() => 200));
    expect(await ended).toBe(0);
    const millis = Math.round(performance.now() - startedAt);
    await annotate(`ended after ${millis} ms`);
    expect(millis).toBeLessThan(4_000);
    expect(new Set(await world.published()).size).toBe(inFlight.length + 1 + late);
  });

  test('accepts a second SIGTERM', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    world.pubsub.delayMillis = { up: 1_500, down: 0 };
    const answer = world.send(instance, callback);
    await world.recorded(callback, 'pending');
    const ended = instance.end('SIGTERM');
    await eventually('the first signal', 1_000, async () => instance.output().includes('SIGTERM') || undefined);
    process.kill(instance.pid, 'SIGTERM');
    expect(await answer).toMatchObject({ status: 200, outcome: 'published' });
    expect(await ended).toBe(0);
  });

  test('does not wait for idle connections', async () => {
    await using world = await ProxiedProject.create();
    const instance = await world.start();
    const agent = new Agent({ keepAlive: true });
    const [response] = await once(get(instance.url, { agent }), 'response');
    await response.toArray();
    const startedAt = performance.now();
    expect(await instance.end('SIGTERM')).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    agent.destroy();
  });
});
