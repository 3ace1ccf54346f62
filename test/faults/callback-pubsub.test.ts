import { describe, expect, test, vi } from 'vitest';
import { Publisher } from '../../functions/messaging/publisher.ts';
import { Deadline } from '../../functions/runtime/deadline.ts';
import type { RunningFunction } from '../../local/functions.ts';
import { ProxiedProject } from '../support/proxiedProject.ts';
import { expectUnavailable, newCallback, PING, RECOVERED_MILLIS, TOPICS } from './support.ts';

// Most of these wait for a clock; each has its own process.
vi.setConfig({ maxConcurrency: 4, testTimeout: 45_000 });

describe.concurrent('when Pub/Sub is unavailable, the record stays pending and its lease is released at once', () => {
  interface Outage {
    readonly name: string;
    readonly begin: (world: ProxiedProject, instance: RunningFunction) => Promise<unknown>;
    /** Messages that Pub/Sub may have taken without saying so. */
    readonly unanswered: number;
  }

  const outages: readonly Outage[] = [
    { name: 'it refuses connections', begin: (world) => world.pubsub.refuse(), unanswered: 0 },
    {
      name: 'it refuses connections that there were',
      begin: async (world, instance) => {
        expect(await world.send(instance, newCallback())).toMatchObject({ status: 200 });
        expect(await world.published()).toHaveLength(1);
        await world.pubsub.refuse();
      },
      unanswered: 0,
    },
    { name: 'it takes bytes and does not answer', begin: async (world) => world.pubsub.stall(), unanswered: 1 },
    {
      name: 'it takes the message, and the connection ends before the answer',
      begin: async (world) => {
        world.pubsub.stall('down');
        void world.pubsub.at('up', 'webhook_id', () => {
          setTimeout(() => void world.pubsub.refuse(), 500);
        });
      },
      unanswered: 1,
    },
  ];

  test.for(outages)('$name', async ({ begin, unanswered }, { annotate }) => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    await begin(world, instance);

    const refused = await world.send(instance, callback);
    expectUnavailable(refused, 'PUBLISH_UNAVAILABLE');
    const { state, leaseUntil } = (await world.delivery(callback)) ?? {};
    expect(state).toBe('pending');
    expect(leaseUntil.toMillis()).toBeLessThanOrEqual(Date.now());

    await world.pubsub.forward();
    const retried = await world.send(instance, callback);
    expect(retried).toMatchObject({ status: 200, outcome: 'published' });
    expect(retried.millis).toBeLessThan(RECOVERED_MILLIS);
    const ids = await world.published();
    expect(new Set(ids)).toEqual(new Set([callback.id]));
    expect(ids.length).toBeLessThanOrEqual(1 + unanswered);
    expect(await world.recorded(callback, 'published')).toMatchObject({ attempts: 2 });
    await annotate(`answered after ${refused.millis} ms, recovered after ${retried.millis} ms`);
  });

  test('a dropped connection is re-established within the same delivery', async () => {
    await using world = await ProxiedProject.create();
    const callback = newCallback();
    const instance = await world.start();
    void world.pubsub.at('up', 'webhook_id', () => world.pubsub.cut());
    expect(await world.send(instance, callback)).toMatchObject({ status: 200, outcome: 'published' });
    expect(await world.published()).toEqual([callback.id]);
  });
});

test('a connection that failed to open is opened again for the next message', async () => {
  await using world = await ProxiedProject.create();
  const publisher = new Publisher({
    projectId: undefined,
    pubsubEmulator: process.env['PUBSUB_EMULATOR_HOST'],
    topics: TOPICS,
  });
  const message = PING;
  const publish = () => publisher.publish('events', message, Deadline.inMillis(5_000));
  // As where the metadata server does not tell the project yet.
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', '');
  await expect(publish()).rejects.toMatchObject({ reason: 'PUBLISH_UNAVAILABLE' });
  vi.stubEnv('GOOGLE_CLOUD_PROJECT', world.project.projectId);
  await publish();
  vi.unstubAllEnvs();
  expect(await world.published()).toEqual(['any']);
});
