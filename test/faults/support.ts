import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { RunningFunction } from '../../local/functions.ts';
import { eventually } from '../../local/process.ts';
import type { Answer, Callback, ProxiedProject } from '../support/proxiedProject.ts';

/** The function promises an answer in 8 s; this is what a sender may see of it. */
export const ANSWERED_MILLIS = 8_500;
/** From the return of a backend to the first success: what is called "within seconds". */
export const RECOVERED_MILLIS = 5_000;
/** A ping after 10 s of silence, and 3 s for its answer. */
export const NOTICED_MILLIS = 13_000;
/** The longest lease of a killed owner, or of a write whose response was lost. */
export const LEASE_MILLIS = 10_000;

/** Texts in the requests that the function sends, by which a proxy knows the step. */
export const CLAIM = 'bodySha256';
export const SETTLE = 'messageId';
export const TAKE_OVER = 'leaseOwner';

export const PING = {
  data: Buffer.from('{"type":"webhook.ping"}'),
  attributes: {
    'ce-specversion': '1.0',
    'ce-id': 'any',
    'ce-type': 'webhook.ping',
    'ce-source': '//generativelanguage.googleapis.com/',
    'ce-time': '2026-05-28T20:26:40Z',
    'content-type': 'application/json',
    webhook_id: 'any',
    event_type: 'webhook.ping',
  },
};

export const TOPICS = { events: 'gemini-events', deadLetter: 'gemini-dead-letter' };

let callbacks = 0;

export function newCallback(): Callback {
  const id = `msg_fault_${++callbacks}`;
  const timestamp = new Date().toISOString();
  return { id, body: JSON.stringify({ type: 'batch.succeeded', timestamp, data: { id: `batches/${id}` } }) };
}

/** The sender's retries, four a second, until one is accepted. */
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

export function expectUnavailable(answer: Answer, reason: string): void {
  expect(answer).toMatchObject({ status: 503, outcome: reason });
  expect(answer.retryAfterSeconds).toBeGreaterThan(0);
  expect(answer.millis).toBeLessThan(ANSWERED_MILLIS);
}
