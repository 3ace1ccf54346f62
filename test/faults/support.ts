import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test as base } from 'vitest';
import type { RunningFunction } from '../../local/functions.ts';
import { eventually } from '../../local/process.ts';
import { type Answer, type Callback, newCallback, ProxiedProject } from '../support/proxiedProject.ts';

/** The function promises an answer in 8 s; the rest is the sender's part. */
export const ANSWERED_MILLIS = 8_500;
/** From the return of a backend to the first success: "within seconds". */
export const RECOVERED_MILLIS = 5_000;
/** A ping after 10 s of silence, and 3 s for its answer. */
export const NOTICED_MILLIS = 13_000;
/** The longest lease of a killed owner, or of a write whose response was lost. */
export const LEASE_MILLIS = 10_000;

/** Texts in the function's requests, by which a proxy recognizes the step. */
export const CLAIM = 'bodySha256';
export const SETTLE = 'messageId';
export const TAKE_OVER = 'leaseOwner';

/** A test with a project behind proxies, a callback, and an instance where the test names one. */
export const test = base
  .extend('world', async ({ onTestFinished }) => {
    const world = await ProxiedProject.create();
    onTestFinished(async () => await world[Symbol.asyncDispose]());
    return world;
  })
  .extend('callback', () => newCallback())
  .extend('instance', async ({ world }) => await world.start());

/** Retries four times a second, as a sender, until the callback is accepted. */
export async function acceptedAt(
  world: ProxiedProject,
  instance: RunningFunction,
  callback: Callback,
): Promise<Answer> {
  const startedAt = performance.now();
  const accepted = await eventually(`${callback.id} is accepted`, 20_000, async () => {
    const answer = await world.send(instance, callback);
    if (answer.status === 200) return answer;
    await sleep(250);
    return undefined;
  });
  return { ...accepted, millis: Math.round(performance.now() - startedAt) };
}

export const PUBLISHED = { status: 200, outcome: 'published' };

export function expectUnavailable(answer: Answer, reason: string): void {
  expect(answer).toMatchObject({ status: 503, outcome: reason });
  expect(answer.retryAfterSeconds).toBeGreaterThan(0);
  expect(answer.millis).toBeLessThan(ANSWERED_MILLIS);
}

/** Expects one message of a callback, and its record with so many attempts. */
export async function expectPublishedOnce(world: ProxiedProject, callback: Callback, attempts?: number): Promise<void> {
  expect(await world.published()).toEqual([callback.id]);
  const counted = attempts === undefined ? {} : { attempts };
  expect(await world.delivery(callback)).toMatchObject({ state: 'published', ...counted });
}
