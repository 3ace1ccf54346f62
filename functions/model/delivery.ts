import type { GeminiEvent } from './event.ts';
import { isLeased, type Lease } from './lease.ts';

/** The ways in which a delivery is verified; `reconciled` ones come from the reconciler. */
export const SCHEMES = ['v1', 'v1a', 'jwt', 'reconciled'] as const;

export type Scheme = (typeof SCHEMES)[number];

/** `pending` ones are recorded and not yet on Pub/Sub. */
export const DELIVERY_STATES = ['pending', 'published', 'quarantined'] as const;

export type DeliveryState = (typeof DELIVERY_STATES)[number];

export type QuarantineReason = 'NOT_AN_EVENT' | 'TIMESTAMP_OUT_OF_TOLERANCE';

/** A genuine delivery on its way through the pipeline. */
export interface Delivery {
  /** Unique per event and the same on every retry: the idempotency key. */
  readonly webhookId: string;
  readonly scheme: Scheme;
  /** The user's name for a pipeline; dynamic deliveries only. */
  readonly route?: string | undefined;
  /** The event's verified bytes, unchanged. */
  readonly payload: Buffer;
  /** SHA-256 of the request's body, in hex. */
  readonly bodySha256: string;
  /** SHA-256 of a token's claims without those that its sender renews: a retry has another body. */
  readonly claimsSha256?: string | undefined;
  /** By the instance's clock. It dates an event that names no time, and the record's expiry. */
  readonly receivedAt: Date;
  /** W3C trace context of the request. */
  readonly traceparent?: string | undefined;
  /** Absent where the payload is not an event. */
  readonly event?: GeminiEvent | undefined;
}

/** The fields of a stored delivery that a decision depends on. */
export interface DeliveryRecord extends Lease {
  readonly state: DeliveryState;
  readonly bodySha256: string;
  readonly claimsSha256?: string | undefined;
  readonly quarantineReason?: QuarantineReason | undefined;
  readonly repeatOf?: string | undefined;
}

/**
 * The decision about a delivery, by the record under its webhook-id:
 *
 * - `record`: no record, or a copy outside the tolerance: record the delivery, change its job, publish it
 * - `resume`: recorded, and the lease has expired: publish it
 * - `wait`: recorded, and another request holds the lease
 * - `done`: published or quarantined
 * - `conflict`: another body is recorded under this id; the first stays
 */
export type Decision = 'record' | 'resume' | 'wait' | 'done' | 'conflict';

/**
 * Decides what to do with a delivery.
 *
 * ```text
 *   claimed          leaseUntil
 *      │  one owner      │  any request may claim
 *   ───┼─────────────────┼──────────────────────▶  the store's clock
 *      └ publish, settle ┘
 * ```
 *
 * @param now by the store's clock, as `leaseUntil`: the instances' clocks may differ.
 */
export function decide(stored: DeliveryRecord | undefined, delivery: Delivery, owner: string, now: Date): Decision {
  if (stored === undefined) return 'record';
  if (!hasSameContent(stored, delivery)) return 'conflict';
  if (isQuarantinedForAge(stored)) return 'record';
  if (isSettled(stored)) return 'done';
  if (isOwnedBy(stored, owner)) return 'resume';
  return isLeased(stored, now) ? 'wait' : 'resume';
}

function hasSameContent(stored: DeliveryRecord, delivery: Delivery): boolean {
  const { claimsSha256 } = delivery;
  return claimsSha256 === undefined ? stored.bodySha256 === delivery.bodySha256 : stored.claimsSha256 === claimsSha256;
}

/** Returns `true` for a pending delivery whose lease has expired. */
export function isAbandoned(stored: DeliveryRecord, now: Date): boolean {
  return stored.state === 'pending' && !isLeased(stored, now);
}

/** Quarantined because of its age; a copy signed in time replaces it. */
function isQuarantinedForAge(stored: DeliveryRecord): boolean {
  return stored.state === 'quarantined' && stored.quarantineReason === 'TIMESTAMP_OUT_OF_TOLERANCE';
}

function isSettled(stored: DeliveryRecord): boolean {
  return stored.state !== 'pending';
}

/** The same request's claim, whose confirmation was lost. */
function isOwnedBy(stored: DeliveryRecord, owner: string): boolean {
  return stored.leaseOwner === owner;
}

/** The end of a claimed delivery: published to the events topic, or to the dead-letter topic. */
export interface Settlement {
  readonly state: 'published' | 'quarantined';
  readonly messageId: string;
}
