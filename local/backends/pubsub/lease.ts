import type { RpcError } from '../rpc.ts';
import type { Entry } from './store.ts';

/** One delivery of a message, until it is acknowledged, refused or not acknowledged in time. */
export interface Lease {
  readonly ackId: string;
  readonly entry: Entry;
  readonly bytes: number;
  /** Counts from 1; 0 without a dead-letter policy. */
  readonly deliveryAttempt: number;
}

/** Formats a lease for a subscriber. */
export function received({ ackId, entry, deliveryAttempt }: Lease): object {
  return { ackId, message: entry.message, deliveryAttempt };
}

/** A pull, a stream or a push endpoint that takes messages from a queue. */
export interface Consumer {
  /** Takes what it has room for. */
  deliver(): void;
  /** Ends because the subscription is deleted or the server stops. */
  close(reason: RpcError): void;
}

export interface Demand {
  readonly messages: number;
  readonly bytes: number;
  readonly deadlineSeconds?: number | undefined;
  /** Called when the lease ends, however it ends. */
  readonly onEnd?: (lease: Lease) => void;
}
