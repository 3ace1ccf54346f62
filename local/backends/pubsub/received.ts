import type { google } from '@google-cloud/pubsub-api/build/protos/protos.js';
import type { Lease } from './queue.ts';

/** A lease as a subscriber receives it. */
export function received({ ackId, entry, deliveryAttempt }: Lease): google.pubsub.v1.IReceivedMessage {
  return { ackId, message: entry.message, deliveryAttempt };
}
