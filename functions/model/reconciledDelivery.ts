import { createHash } from 'node:crypto';
import type { Delivery } from './delivery.ts';
import { parseEvent } from './event.ts';
import type { JobKind } from './jobName.ts';
import type { JsonObject } from './json.ts';

/** A job of which something was found out without a callback. */
export interface KnownJob {
  readonly name: string;
  readonly kind: JobKind;
  readonly route?: string | undefined;
}

/** Gemini's words for ends (G 7.3, 9.3), and for the halt that an event tells. A word that is not known ends nothing. */
const ENDS: ReadonlySet<string> = new Set([
  'succeeded',
  'partially_succeeded',
  'completed',
  'generated',
  'failed',
  'cancelled',
  'expired',
  'incomplete',
  'budget_exceeded',
  'requires_action',
]);

/** Words for which an event's type has another. */
const VERBS: Readonly<Record<string, string>> = { partially_succeeded: 'succeeded' };

export const OVERDUE = 'job.overdue';

export function hasEnded(status: string): boolean {
  return ENDS.has(status);
}

/**
 * The delivery of an end that Gemini never told, or not yet: it goes the same way as a callback's, under an id that
 * every reconciler gives it, and whatever comes after it is its repeat.
 */
export function foundDelivery(
  job: KnownJob,
  status: { readonly name: string; readonly endTime?: string | undefined; readonly data: JsonObject },
  now: Date,
): Delivery {
  const type = `${job.kind}.${VERBS[status.name] ?? status.name}`;
  const timestamp = status.endTime === undefined ? {} : { timestamp: status.endTime };
  const event = { type, version: 'v1', ...timestamp, data: { id: job.name, ...status.data } };
  return ownDelivery(job, `reconciled_${digestOf(`${job.name}${status.name}`).slice(0, 32)}`, event, now);
}

/** The one event that says that a job takes too long; no webhook can. */
export function overdueDelivery(job: KnownJob, since: Date, now: Date): Delivery {
  const event = { type: OVERDUE, version: 'v1', data: { id: job.name, kind: job.kind, since: since.toISOString() } };
  return ownDelivery(job, `overdue_${digestOf(job.name).slice(0, 32)}`, event, now);
}

function ownDelivery(job: KnownJob, webhookId: string, fields: JsonObject, receivedAt: Date): Delivery {
  const payload = Buffer.from(JSON.stringify(fields));
  const parsed = parseEvent(payload, receivedAt);
  if (parsed === undefined) throw new TypeError('An event of our own is no event.');
  return {
    webhookId,
    scheme: 'reconciled',
    payload,
    bodySha256: digestOf(payload),
    receivedAt,
    event: { ...parsed, job: { name: job.name, kind: job.kind } },
    ...(job.route === undefined ? {} : { route: job.route }),
  };
}

function digestOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
