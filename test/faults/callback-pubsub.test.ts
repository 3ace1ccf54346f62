import { describe, expect } from 'vitest';
import type { RunningFunction } from '../../local/functions.ts';
import { newCallback, type ProxiedProject } from '../support/proxiedProject.ts';
import { expectPublishedOnce, expectUnavailable, PUBLISHED, RECOVERED_MILLIS, test } from './support.ts';

describe.concurrent('while Pub/Sub is unavailable, the record stays pending and its lease is released at once', () => {
  interface Outage {
    readonly name: string;
    readonly begin: (world: ProxiedProject, instance: RunningFunction) => Promise<unknown>;
    /** Messages that Pub/Sub may have accepted without an answer. */
    readonly unanswered: number;
  }

  const outages: readonly Outage[] = [
    { name: 'it refuses connections', begin: (world) => world.pubsub.refuse(), unanswered: 0 },
    {
      name: 'it closes and refuses open connections',
      begin: async (world, instance) => {
        expect(await world.send(instance, newCallback())).toMatchObject({ status: 200 });
        expect(await world.published()).toHaveLength(1);
        await world.pubsub.refuse();
      },
      unanswered: 0,
    },
    { name: 'it accepts bytes and does not answer', begin: async (world) => world.pubsub.stall(), unanswered: 1 },
    {
      name: 'it accepts the message, and the connection ends before the answer',
      begin: async ({ pubsub }) => {
        pubsub.stall('down');
        void pubsub.at('up', 'webhook_id', () => void setTimeout(() => void pubsub.refuse(), 500));
      },
      unanswered: 1,
    },
  ];

  test.for(outages)('$name', async ({ begin, unanswered }, { world, callback, instance, annotate }) => {
    await begin(world, instance);
    const refused = await world.send(instance, callback);
    expectUnavailable(refused, 'PUBLISH_UNAVAILABLE');
    const { state, leaseUntil } = (await world.delivery(callback)) ?? {};
    expect(state).toBe('pending');
    expect(leaseUntil.toMillis()).toBeLessThanOrEqual(Date.now());

    await world.pubsub.forward();
    const retried = await world.send(instance, callback);
    expect(retried).toMatchObject(PUBLISHED);
    expect(retried.millis).toBeLessThan(RECOVERED_MILLIS);
    const ids = await world.published();
    expect(new Set(ids)).toEqual(new Set([callback.id]));
    expect(ids.length).toBeLessThanOrEqual(1 + unanswered);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published', attempts: 2 });
    await annotate(`answered after ${refused.millis} ms, recovered after ${retried.millis} ms`);
  });

  test('a cut connection is opened again within the same delivery', async ({ world, callback, instance }) => {
    void world.pubsub.at('up', 'webhook_id', () => world.pubsub.cut());
    expect(await world.send(instance, callback)).toMatchObject(PUBLISHED);
    await expectPublishedOnce(world, callback);
  });
});
