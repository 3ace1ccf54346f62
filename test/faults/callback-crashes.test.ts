import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { RunningFunction } from '../../local/functions.ts';
import type { Callback, ProxiedProject } from '../support/proxiedProject.ts';
import {
  acceptedAt,
  CLAIM,
  expectPublishedOnce,
  expectUnavailable,
  LEASE_MILLIS,
  PUBLISHED,
  RECOVERED_MILLIS,
  SETTLE,
  test,
} from './support.ts';

type Reach = (world: ProxiedProject, callback: Callback, instance: RunningFunction) => Promise<unknown>;

/** Sends a callback to an instance and kills the instance when it has reached a step. */
async function killAt(world: ProxiedProject, callback: Callback, reach: Reach): Promise<void> {
  const instance = await world.start();
  const reached = reach(world, callback, instance);
  const cut = world.send(instance, callback);
  await reached;
  await instance.end('SIGKILL');
  expect(await cut).toMatchObject({ status: 0 });
  await Promise.all([world.firestore.forward(), world.pubsub.forward()]);
}

const beforeRecord: Reach = async ({ firestore }) => await firestore.at('up', CLAIM, () => firestore.stall());
const beforeSettlement: Reach = async ({ firestore }) => await firestore.at('up', SETTLE, () => firestore.stall());

const beforePublish: Reach = async (world, callback) => {
  world.pubsub.stall();
  await world.recorded(callback, 'pending');
};

/** A copy counts itself in the record, so that the owner's first settlement fails and it reads the record again. */
const beforeSecondSettlement: Reach = async (world, callback, instance) => {
  await beforePublish(world, callback, instance);
  expectUnavailable(await world.send(instance, callback), 'DELIVERY_IN_PROGRESS');
  const { firestore } = world;
  const reached = new Promise<void>((resolve) => {
    void firestore.at('up', SETTLE, () => {
      void firestore.at('up', SETTLE, () => firestore.stall()).then(resolve);
    });
  });
  await world.pubsub.forward();
  await reached;
};

const beforeAnswer: Reach = async (world, callback) => {
  await world.firestore.at('up', SETTLE, () => world.firestore.stall('down'));
  await world.recorded(callback, 'published');
};

describe.concurrent('after an instance is killed', () => {
  test('before the record: nothing is recorded, and the retry succeeds at once', async ({ world, callback }) => {
    await killAt(world, callback, beforeRecord);
    expect(await world.delivery(callback)).toBeUndefined();
    expect(await world.project.documentIds('jobs')).toEqual([]);
    expect(await world.send(await world.start(), callback)).toMatchObject(PUBLISHED);
    await expectPublishedOnce(world, callback, 1);
  });

  test.for([
    { step: 'between record and publish', reach: beforePublish, published: 0 },
    { step: 'between publish and settlement', reach: beforeSettlement, published: 1 },
  ])('$step: the next instance publishes when the lease has expired', async (kill, { world, callback }) => {
    const { reach, published } = kill;
    await killAt(world, callback, reach);
    expect(await world.published()).toHaveLength(published);
    const { state, leaseUntil } = (await world.delivery(callback)) ?? {};
    expect(state).toBe('pending');

    const next = await world.start();
    const early = await world.send(next, callback);
    expectUnavailable(early, 'DELIVERY_IN_PROGRESS');
    expect(early.retryAfterSeconds).toBeLessThanOrEqual(10);
    await sleep(early.retryAfterSeconds * 1_000);
    expect(Date.now()).toBeGreaterThanOrEqual(leaseUntil.toMillis());
    expect(await world.send(next, callback)).toMatchObject(PUBLISHED);
    await expectPublishedOnce(world, callback, 3);
  });

  test('during a settlement that copies have delayed: no document stays locked', async ({ world, callback }) => {
    await killAt(world, callback, beforeSecondSettlement);
    const retried = await acceptedAt(world, await world.start(), callback);
    expect(retried.millis).toBeLessThan(LEASE_MILLIS + RECOVERED_MILLIS);
    expect(await world.delivery(callback)).toMatchObject({ state: 'published' });
  });

  test('between settlement and answer: the retry is a duplicate', async ({ world, callback }) => {
    await killAt(world, callback, beforeAnswer);
    expect(await world.send(await world.start(), callback)).toMatchObject({ status: 200, outcome: 'duplicate' });
    await expectPublishedOnce(world, callback);
  });
});

test.concurrent(
  'an instance that slept through its lease does not publish what another has published',
  async ({ world, callback, instance: sleeper }) => {
    const other = await world.start();
    // The answer arrives while the owner is stopped, which finds it in its socket later.
    void world.firestore.at('up', CLAIM, () => world.firestore.stall('down'));
    const late = world.send(sleeper, callback);
    await world.recorded(callback, 'pending');
    process.kill(sleeper.pid, 'SIGSTOP');
    await world.firestore.forward();
    await acceptedAt(world, other, callback);
    process.kill(sleeper.pid, 'SIGCONT');
    expect(await late).toMatchObject({ status: 503 });
    await sleep(1_000);
    await expectPublishedOnce(world, callback);
  },
);
