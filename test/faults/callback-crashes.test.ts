import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { ProxiedProject } from '../support/proxiedProject.ts';
import {
  acceptedAt,
  CLAIM,
  expectUnavailable,
  LEASE_MILLIS,
  newCallback,
  RECOVERED_MILLIS,
  SETTLE,
} from './support.ts';

// Most of these wait for a clock; each has its own process.
vi.setConfig({ maxConcurrency: 4, testTimeout: 45_000 });

describe.concurrent('an instance killed', () => {
  test('between record and publish: one message, once the lease is over', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const first = await world.start();
    world.pubsub.stall();
    const cut = world.send(first, callback);
    const { leaseUntil } = await world.recorded(callback, 'pending');
    await first.end('SIGKILL');
    expect(await cut).toMatchObject({ status: 0 });
    await world.pubsub.forward();

    const second = await world.start();
    const early = await world.send(second, callback);
    expectUnavailable(early, 'DELIVERY_IN_PROGRESS');
    expect(early.retryAfterSeconds).toBeLessThanOrEqual(10);
    expect(await world.published()).toEqual([]);

    await sleep(early.retryAfterSeconds * 1_000);
    expect(Date.now()).toBeGreaterThanOrEqual(leaseUntil.toMillis());
    expect(await world.send(second, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 3 });
  });

  test('between publish and mark: a second message with the same webhook_id, and the mark', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const first = await world.start();
    const settling = world.firestore.at('up', SETTLE, () => world.firestore.stall());
    const cut = world.send(first, callback);
    await settling;
    await first.end('SIGKILL');
    expect(await cut).toMatchObject({ status: 0 });
    await world.firestore.forward();
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'pending' });

    const second = await world.start();
    const early = await world.send(second, callback);
    expectUnavailable(early, 'DELIVERY_IN_PROGRESS');
    await sleep(early.retryAfterSeconds * 1_000);
    expect(await world.send(second, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published' });
  });

  test('before the record: nothing is left behind, and the retry works at once', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const first = await world.start();
    const claiming = world.firestore.at('up', CLAIM, () => world.firestore.stall());
    const cut = world.send(first, callback);
    await claiming;
    await first.end('SIGKILL');
    expect(await cut).toMatchObject({ status: 0 });
    await world.firestore.forward();
    expect(await world.delivery(callback)).toBeUndefined();
    expect(await world.project.documentIds('jobs')).toEqual([]);

    const second = await world.start();
    expect(await world.send(second, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 1 });
  });

  test('in the middle of a mark that copies have made harder: nothing stays locked', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const first = await world.start();
    world.pubsub.stall();
    const cut = world.send(first, callback);
    await world.recorded(callback, 'pending');
    expectUnavailable(await world.send(first, callback), 'DELIVERY_IN_PROGRESS');
    // The copy has counted itself, so the first mark fails, and the owner reads the record again.
    await new Promise<void>((resolve) => {
      void world.firestore.at('up', SETTLE, () => {
        void world.firestore.at('up', SETTLE, () => world.firestore.stall()).then(resolve);
      });
      void world.pubsub.forward();
    });
    await first.end('SIGKILL');
    expect(await cut).toMatchObject({ status: 0 });
    await world.firestore.forward();

    const second = await world.start();
    const retried = await acceptedAt(world, second, callback);
    expect(retried.millis).toBeLessThan(LEASE_MILLIS + RECOVERED_MILLIS);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published' });
  });

  test('between mark and answer: the retry is a duplicate, and nothing is published again', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const first = await world.start();
    const settling = world.firestore.at('up', SETTLE, () => world.firestore.stall('down'));
    const cut = world.send(first, callback);
    await settling;
    await world.recorded(callback, 'published');
    await first.end('SIGKILL');
    expect(await cut).toMatchObject({ status: 0 });
    await world.firestore.forward();

    const second = await world.start();
    expect(await world.send(second, callback)).toMatchObject({ status: 200, outcome: 'duplicate' });
    expect(await world.published()).toEqual([callback.id]);
  });
});
