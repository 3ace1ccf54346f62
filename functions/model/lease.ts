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
 * Returns true until the lease expires. A lease that has an owner and no expiry is held, because its owner may still work.
 *
 * @param now by the clock that wrote `leaseUntil`.
 */
export function isLeased({ leaseOwner, leaseUntil }: Lease, now: Date): boolean {
  return leaseUntil === undefined ? leaseOwner !== undefined : now.getTime() < leaseUntil.getTime();
}
