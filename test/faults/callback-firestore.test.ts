import { describe, expect, test, vi } from 'vitest';
import { eventually } from '../../local/process.ts';
import { ProxiedProject } from '../support/proxiedProject.ts';
import {
  acceptedAt,
  CLAIM,
  expectUnavailable,
  LEASE_MILLIS,
  newCallback,
  NOTICED_MILLIS,
  RECOVERED_MILLIS,
  SETTLE,
  TAKE_OVER,
} from './support.ts';

// Most of these wait for a clock; each has its own process.
vi.setConfig({ maxConcurrency: 4, testTimeout: 45_000 });

describe.concurrent('when Firestore is unavailable', () => {
  interface Outage {
    readonly name: string;
    readonly begin: (world: ProxiedProject) => unknown;
    /** True while a write is in flight that cannot be cancelled. */
    readonly mayClaim: boolean;
  }

  const outages: readonly Outage[] = [
    { name: 'it refuses connections', begin: (world) => world.firestore.refuse(), mayClaim: false },
    { name: 'it takes bytes and does not answer', begin: (world) => world.firestore.stall(), mayClaim: false },
    {
      name: 'it answers the read, but takes the write no more',
      begin: (world) => void world.firestore.at('up', CLAIM, () => world.firestore.stall()),
      mayClaim: true,
    },
    {
      name: 'it refuses connections from the write on',
      begin: (world) => void world.firestore.at('up', CLAIM, () => void world.firestore.refuse()),
      mayClaim: false,
    },
  ];

  test.for(outages)('nothing is recorded or published while $name', async ({ begin, mayClaim }, { annotate }) => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    await begin(world);
    const refused = await world.send(instance, callback);
    expectUnavailable(refused, 'STORE_UNAVAILABLE');
    expect(await world.delivery(callback)).toBeUndefined();
    expect(await world.published()).toEqual([]);

    await world.firestore.forward();
    const retried = await acceptedAt(world, instance, callback);
    await annotate(`answered after ${refused.millis} ms, recovered after ${retried.millis} ms`);
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published' });
    expect(retried.millis).toBeLessThan(mayClaim ? LEASE_MILLIS : RECOVERED_MILLIS);
  });
});

describe.concurrent('when Firestore fails during a delivery', () => {
  test('a cut before the claim is written is repaired within the same delivery', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    void world.firestore.at('up', CLAIM, () => world.firestore.cut());
    expect(await world.send(instance, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 1 });
  });

  test('a claim whose response is lost is recognized as its own', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    void world.firestore.at('up', CLAIM, () => world.firestore.stall('down'));
    const answer = world.send(instance, callback);
    await world.recorded(callback, 'pending');
    await world.firestore.forward();
    world.firestore.cut();
    expect(await answer).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 1 });
    const job = await world.project.document(`jobs/batches~${callback.id}`);
    expect(job).toMatchObject({ state: 'succeeded', timeline: [{ webhookId: callback.id }] });
  });

  test('a take-over whose response is lost is recognized as its own', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    await world.pubsub.refuse();
    expectUnavailable(await world.send(instance, callback), 'PUBLISH_UNAVAILABLE');
    await world.pubsub.forward();
    const { leaseOwner } = (await world.delivery(callback)) ?? {};
    void world.firestore.at('up', TAKE_OVER, () => world.firestore.stall('down'));
    const answer = world.send(instance, callback);
    await eventually('the take-over', 5_000, async () => {
      const record = await world.delivery(callback);
      return record?.['leaseOwner'] === leaseOwner ? undefined : record;
    });
    await world.firestore.forward();
    world.firestore.cut();
    expect(await answer).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 2 });
  });

  test('a cut before or after the mark is repaired within the same delivery', async () => {
    await using world = await ProxiedProject.create();
    const [before, after] = [newCallback(), newCallback()];
    const instance = await world.start();
    void world.firestore.at('up', SETTLE, () => world.firestore.cut());
    expect(await world.send(instance, before)).toMatchObject({ status: 200, outcome: 'published' });

    void world.firestore.at('up', SETTLE, () => world.firestore.stall('down'));
    const answer = world.send(instance, after);
    await world.recorded(after, 'published');
    await world.firestore.forward();
    world.firestore.cut();
    expect(await answer).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([before.id, after.id]);
    for (const callback of [before, after]) {
      expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 1 });
    }
  });
});

describe.concurrent('when Firestore is lost after the message is published', () => {
  const outages: readonly { name: string; begin: (world: ProxiedProject) => unknown }[] = [
    { name: 'it refuses connections', begin: (world) => void world.firestore.refuse() },
    { name: 'it takes bytes and does not answer', begin: (world) => world.firestore.stall() },
    { name: 'it marks, but its answers are lost', begin: (world) => world.firestore.stall('down') },
  ];

  test.for(outages)('there is no success without the mark: $name', async ({ begin }, { annotate }) => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    const settling = world.firestore.at('up', SETTLE, () => begin(world));
    const refused = await world.send(instance, callback);
    await settling;
    expectUnavailable(refused, 'STORE_UNAVAILABLE');
    expect(await world.published()).toEqual([callback.id]);

    await world.firestore.forward();
    const retried = await acceptedAt(world, instance, callback);
    expect(await world.recorded(callback, 'published')).toMatchObject({ webhookId: callback.id });
    expect(retried.millis).toBeLessThan(LEASE_MILLIS + RECOVERED_MILLIS);
    await annotate(`answered after ${refused.millis} ms, recovered after ${retried.millis} ms`);
  });
});

describe.concurrent('when a connection stalls without closing', () => {
  test.for(['firestore', 'pubsub'] as const)('it is replaced: %s', async (backend, { annotate }) => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    expect(await world.send(instance, newCallback())).toMatchObject({ status: 200 });
    world[backend].swallow();
    const retried = await acceptedAt(world, instance, callback);
    await annotate(`recovered after ${retried.millis} ms`);
    expect(retried.millis).toBeLessThan(NOTICED_MILLIS + LEASE_MILLIS);
    expect(await world.published()).toContain(callback.id);
  });

  test('of both backends: responses arrive in time, and deliveries succeed after recovery', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    world.firestore.stall();
    world.pubsub.stall();
    expectUnavailable(await world.send(instance, callback), 'STORE_UNAVAILABLE');
    await Promise.all([world.firestore.forward(), world.pubsub.forward()]);
    await acceptedAt(world, instance, callback);
    expect(await world.published()).toEqual([callback.id]);
  });
});
