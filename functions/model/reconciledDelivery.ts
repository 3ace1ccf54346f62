import { sha256 } from '../runtime/sha256.ts';
import type { Delivery } from './delivery.ts';
import { parseEvent } from './event.ts';
import type { KnownEventType } from './eventTypes.ts';
import type { JobKind } from './jobName.ts';
import type { JsonObject } from './json.ts';

/** A job that the reconciler announces something about. */
export interface AnnouncedJob {
  readonly name: string;
  readonly kind: JobKind;
  readonly route?: string | undefined;
}

/** The status of a job at Gemini. */
export interface JobStatus {
  /** Gemini's term in lower case: `succeeded`, `in_progress`, `budget_exceeded`. */
  readonly name: string;
  /** RFC 3339. */
  readonly endTime?: string | undefined;
  /** The fields that an event of the end has beside the job's id (docs/gemini-wire.md 4.3). */
  readonly data: JsonObject;
}

/**
 * Returns the delivery that announces a job's end in place of a callback that never arrived.
 *
 * Its id is the same in every reconciler, so the end is announced once. A callback that arrives later is its repeat.
 */
export function reconciledDelivery(job: AnnouncedJob, type: KnownEventType, status: JobStatus, now: Date): Delivery {
  const timestamp = status.endTime === undefined ? {} : { timestamp: status.endTime };
  const event = { type, version: 'v1', ...timestamp, data: { id: job.name, ...status.data } };
  return deliveryOf(job, `reconciled_${sha256(`${job.name}${status.name}`).slice(0, 32)}`, event, now);
}

/** Returns the delivery of `job.overdue`, which is announced once for a job without an end. */
export function overdueDelivery(job: AnnouncedJob, since: Date, now: Date): Delivery {
  const type: KnownEventType = 'job.overdue';
  const event = { type, version: 'v1', data: { id: job.name, kind: job.kind, since: since.toISOString() } };
  return deliveryOf(job, `overdue_${sha256(job.name).slice(0, 32)}`, event, now);
}

function deliveryOf(job: AnnouncedJob, webhookId: string, fields: JsonObject, receivedAt: Date): Delivery {
  const payload = Buffer.from(JSON.stringify(fields));
  const parsed = parseEvent(payload, receivedAt);
  if (parsed === undefined) throw new TypeError('The event that the reconciler made cannot be parsed.');
  return {
    webhookId,
    scheme: 'reconciled',
    payload,
    bodySha256: sha256(payload),
    receivedAt,
    event: { ...parsed, job: { name: job.name, kind: job.kind } },
    route: job.route,
  };
}
