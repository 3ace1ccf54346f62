import type { GeminiEvent } from './event.ts';
import type { JsonObject } from './json.ts';
import { isLeased, type Lease } from './lease.ts';

/** How a delivery was proved genuine. */
export type Scheme = 'v1' | 'v1a' | 'jwt' | 'reconciled';

export type QuarantineReason = 'NOT_AN_EVENT' | 'TIMESTAMP_OUT_OF_TOLERANCE';

/** A genuine delivery on its way through the pipeline. */
export interface Delivery {
  /** Unique per event and the same on every retry: the idempotency key. */
  readonly webhookId: string;
  readonly scheme: Scheme;
  /** The user's name for a pipeline, of a dynamic delivery. */
  readonly route?: string;
  /** The event's bytes as they came, proved genuine. */
  readonly payload: Buffer;
  /** SHA-256 of the request's body as it came, in hex. */
  readonly bodySha256: string;
  /** The same of what a token's sender does not renew on each attempt: a retry of it has another body. */
  readonly claimsSha256?: string;
  readonly receivedAt: Date;
  /** W3C's trace context of the request that brought it. */
  readonly traceparent?: string;
  /** Absent where the payload is no event. */
  readonly event?: GeminiEvent;
}

/** What a decision needs of a delivery's stored record. */
export interface DeliveryRecord extends Lease {
  readonly state: 'pending' | 'published' | 'quarantined';
  readonly bodySha256: string;
  readonly claimsSha256?: string | undefined;
  readonly quarantineReason?: QuarantineReason | undefined;
  readonly repeatOf?: string | undefined;
}

/**
 * What to do with a delivery, given what is stored under its webhook-id:
 *
 * - `record`: nothing is, or only a copy that came too late: record it, change its job, publish it
 * - `resume`: recorded, and whoever was to publish it is gone: publish it
 * - `wait`: recorded, and somebody is at work on it
 * - `done`: recorded and published, or quarantined
 * - `conflict`: something else is recorded under this id; the first stays
 */
export type Decision = 'record' | 'resume' | 'wait' | 'done' | 'conflict';

/**
 * ```text
 *   claimed          leaseUntil
 *      │  one owner      │  anybody may take over
 *   ───┼─────────────────┼──────────────────────▶  the store's clock
 *      └ publish, settle ┘
 * ```
 *
 * @param now by the clock that `leaseUntil` was written by: the store's, so that instances' clocks may differ.
 */
export function decide(stored: DeliveryRecord | undefined, delivery: Delivery, owner: string, now: Date): Decision {
  if (stored === undefined) return 'record';
  if (!hasSameContent(stored, delivery)) return 'conflict';
  if (isKeptForAge(stored)) return 'record';
  if (isSettled(stored)) return 'done';
  if (isOwnedBy(stored, owner)) return 'resume';
  return isLeased(stored, now) ? 'wait' : 'resume';
}

function hasSameContent(stored: DeliveryRecord, delivery: Delivery): boolean {
  const { claimsSha256 } = delivery;
  return claimsSha256 === undefined ? stored.bodySha256 === delivery.bodySha256 : stored.claimsSha256 === claimsSha256;
}

/** Recorded, and whoever was to publish it is gone. */
export function isAbandoned(stored: DeliveryRecord, now: Date): boolean {
  return stored.state === 'pending' && !isLeased(stored, now);
}

/** Kept because it was signed too long ago; a copy signed in time takes its place. */
function isKeptForAge(stored: DeliveryRecord): boolean {
  return stored.state === 'quarantined' && stored.quarantineReason === 'TIMESTAMP_OUT_OF_TOLERANCE';
}

function isSettled(stored: DeliveryRecord): boolean {
  return stored.state !== 'pending';
}

/** Our own claim, whose answer was lost on the way. */
function isOwnedBy(stored: DeliveryRecord, owner: string): boolean {
  return stored.leaseOwner === owner;
}

/** What became of the attempt to take a delivery on; a `Claim` is the right to publish it and to settle it afterwards. */
export type ClaimResult<Claim> =
  | {
      readonly status: 'claimed';
      readonly claim: Claim;
      readonly repeatOf?: string | undefined;
      readonly userMetadata?: JsonObject | undefined;
    }
  | { readonly status: 'published' | 'quarantined' | 'conflict' }
  | { readonly status: 'in_progress'; readonly retryAfterSeconds: number };

/** How a claimed delivery ended: on the events' topic, or on the dead-letter topic. */
export interface Settlement {
  readonly state: 'published' | 'quarantined';
  readonly messageId: string;
  readonly publishedAt: Date;
}
