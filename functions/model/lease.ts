/**
 * The right of one owner to work on a record until it expires.
 *
 * Every time is by the store's clock, so that the clocks of instances may differ. An owner that still works renews its
 * lease; an expired lease can be acquired by any other.
 */
export interface Lease {
  readonly leaseOwner?: string | undefined;
  readonly leaseUntil?: Date | undefined;
}

/**
 * Returns true while an owner holds the lease. A lease without an expiry is held: nothing says that its owner is gone.
 *
 * @param now by the clock that `leaseUntil` was written by.
 */
export function isLeased({ leaseOwner, leaseUntil }: Lease, now: Date): boolean {
  return leaseOwner !== undefined && (leaseUntil === undefined || now.getTime() < leaseUntil.getTime());
}
