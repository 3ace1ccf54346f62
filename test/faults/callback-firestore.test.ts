import { describe, expect } from 'vitest';
import { eventually } from '../../local/process.ts';
import { newCallback, type ProxiedProject } from '../support/proxiedProject.ts';
import {
  acceptedAt,
  CLAIM,
  expectPublishedOnce,
  expectUnavailable,
  LEASE_MILLIS,
  NOTICED_MILLIS,
  PUBLISHED,
  RECOVERED_MILLIS,
  SETTLE,
  TAKE_OVER,
  test,
} from './support.ts';

/** Loses the answers on their way: they wait at the proxy, and the connection ends. */
async function loseAnswers({ firestore }: ProxiedProject): Promise<void> {
  await firestore.forward();
  firestore.cut();
}

describe.concurrent('while Firestore is unavailable, nothing is recorded or published', () => {
  interface Outage {
    readonly name: string;
    readonly begin: (world: ProxiedProject) => unknown;
    /** A write is in flight that cannot be cancelled, and whose lease has to expire. */
    readonly mayClaim?: true;
  }

  const outages: readonly Outage[] = [
    { name: 'it refuses connections', begin: ({ firestore }) => firestore.refuse() },
    { name: 'it accepts bytes and does not answer', begin: ({ firestore }) => firestore.stall() },
    {
      name: 'it answers the read and stalls before the write',
      begin: ({ firestore }) => void firestore.at('up', CLAIM, () => firestore.stall()),
      mayClaim: true,
    },
    {
      name: 'it refuses connections from the write on',
      begin: ({ firestore }) => void firestore.at('up', CLAIM, () => void firestore.refuse()),
    },
  ];

  test.for(outages)('$name', async ({ begin, mayClaim }, { world, callback, instance, annotate }) => {
    await begin(world);
    const refused = await world.send(instance, callback);
    expectUnavailable(refused, 'STORE_UNAVAILABLE');
    expect(await world.delivery(callback)).toBeUndefined();
    expect(await world.published()).toEqual([]);

    await world.firestore.forward();
    const retried = await acceptedAt(world, instance, callback);
    await annotate(`answered after ${refused.millis} ms, recovered after ${retried.millis} ms`);
    await expectPublishedOnce(world, callback);
    expect(retried.millis).toBeLessThan(mayClaim ? LEASE_MILLIS : RECOVERED_MILLIS);
  });
});

describe.concurrent('a delivery repairs within its own request', () => {
  test.for([
    ['claim', CLAIM],
    ['settlement', SETTLE],
  ] as const)('a cut before the %s', async ([, step], { world, callback, instance }) => {
    void world.firestore.at('up', step, () => world.firestore.cut());
    expect(await world.send(instance, callback)).toMatchObject(PUBLISHED);
    await expectPublishedOnce(world, callback, 1);
  });

  test.for([
    ['claim', CLAIM, 'pending'],
    ['settlement', SETTLE, 'published'],
  ] as const)('a %s whose response is lost', async ([, step, state], { world, callback, instance }) => {
    void world.firestore.at('up', step, () => world.firestore.stall('down'));
    const answer = world.send(instance, callback);
    await world.recorded(callback, state);
    await loseAnswers(world);
    expect(await answer).toMatchObject(PUBLISHED);
    await expectPublishedOnce(world, callback, 1);
    const job = await world.project.document(`jobs/batches~${callback.id}`);
    expect(job).toMatchObject({ state: 'succeeded', timeline: [{ webhookId: callback.id }] });
  });

  test('a take-over whose response is lost', async ({ world, callback, instance }) => {
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
    await loseAnswers(world);
    expect(await answer).toMatchObject(PUBLISHED);
    await expectPublishedOnce(world, callback, 2);
  });
});

describe.concurrent('when Firestore is lost after the message, the delivery succeeds only with its settlement', () => {
  const outages: readonly { name: string; begin: (world: ProxiedProject) => unknown }[] = [
    { name: 'it refuses connections', begin: ({ firestore }) => void firestore.refuse() },
    { name: 'it accepts bytes and does not answer', begin: ({ firestore }) => firestore.stall() },
    { name: 'it settles, but its answers are lost', begin: ({ firestore }) => firestore.stall('down') },
  ];

  test.for(outages)('$name', async ({ begin }, { world, callback, instance, annotate }) => {
    const settling = world.firestore.at('up', SETTLE, () => begin(world));
    const refused = await world.send(instance, callback);
    await settling;
    expectUnavailable(refused, 'STORE_UNAVAILABLE');
    expect(await world.published()).toEqual([callback.id]);

    await world.firestore.forward();
    const retried = await acceptedAt(world, instance, callback);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published' });
    expect(retried.millis).toBeLessThan(LEASE_MILLIS + RECOVERED_MILLIS);
    await annotate(`answered after ${refused.millis} ms, recovered after ${retried.millis} ms`);
  });
});

describe.concurrent('a connection that loses every byte without closing is replaced', () => {
  test.for(['firestore', 'pubsub'] as const)('%s', async (backend, { world, callback, instance, annotate }) => {
    expect(await world.send(instance, newCallback())).toMatchObject({ status: 200 });
    world[backend].swallow();
    const retried = await acceptedAt(world, instance, callback);
    await annotate(`recovered after ${retried.millis} ms`);
    expect(retried.millis).toBeLessThan(NOTICED_MILLIS + LEASE_MILLIS);
    expect(await world.published()).toContain(callback.id);
  });
});
