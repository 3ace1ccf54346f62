import { type DocumentReference, type DocumentSnapshot, FieldValue, type Timestamp } from '@google-cloud/firestore';
import type { Lease } from '../model/lease.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { untilDecided } from './contention.ts';
import type { Change } from './documents/converter.ts';

/**
 * Leases on records, by Firestore's clock alone: an expiry is a number of milliseconds after the time of a read, and it
 * is compared with the time of a later read. An instance whose clock is wrong acquires nothing too early.
 *
 * A lease is acquired and renewed by writing {@link leaseFrom} under the precondition that the record is as it was read.
 */

/** Returns the fields of a lease that starts at the time of a read. */
export function leaseFrom(readTime: Timestamp, owner: string, millis: number): Required<Lease> {
  return { leaseOwner: owner, leaseUntil: new Date(readTime.toMillis() + millis) };
}

/** Ends a lease at once, so that the next owner need not wait for the expiry. */
export const RELEASED: Change<Lease> = {
  leaseOwner: FieldValue.delete(),
  leaseUntil: FieldValue.serverTimestamp(),
};

/** Removes a lease together with the work that it was for. */
export const NO_LEASE: Change<Lease> = { leaseOwner: FieldValue.delete(), leaseUntil: FieldValue.delete() };

/** Returns the whole seconds until a lease expires, at least 1. A lease without an expiry counts as a new one. */
export function secondsLeft({ leaseUntil }: Lease, now: Date, leaseMillis: number): number {
  const millis = leaseUntil ? leaseUntil.getTime() - now.getTime() : leaseMillis;
  return Math.max(1, Math.ceil(millis / 1_000));
}

/** A record that was read and that still exists. */
export interface FoundRecord<Document> {
  readonly ref: DocumentReference<Document>;
  readonly record: Document;
  readonly readTime: Timestamp;
  /** The version that was read: a write under this precondition fails where the record has changed since. */
  readonly unchanged: { readonly lastUpdateTime: Timestamp };
}

/** @returns `undefined` where there is no record. */
export function foundIn<Document>(snapshot: DocumentSnapshot<Document>): FoundRecord<Document> | undefined {
  const { ref, readTime, updateTime } = snapshot;
  const record = snapshot.data();
  if (record === undefined || updateTime === undefined) return undefined;
  return { ref, record, readTime, unchanged: { lastUpdateTime: updateTime } };
}

/**
 * Writes to a record while an owner has its lease. An expired lease still counts until another owner acquires it.
 *
 * @param leaseOf the record's lease.
 * @param write one write under the precondition `unchanged`; it is repeated where the record has changed meanwhile.
 * @returns `false`, and writes nothing, where the lease has another owner or none.
 */
export async function writeIfOwner<Document>(
  document: DocumentReference<Document>,
  owner: string,
  { leaseOf, write }: LeasedWrite<Document>,
  deadline: Deadline,
): Promise<boolean> {
  return await untilDecided(deadline, async () => {
    const found = foundIn(await document.get());
    if (found === undefined || leaseOf(found.record)?.leaseOwner !== owner) return false;
    await write(found);
    return true;
  });
}

interface LeasedWrite<Document> {
  readonly leaseOf: (record: Document) => Lease | undefined;
  readonly write: (found: FoundRecord<Document>) => Promise<unknown>;
}
