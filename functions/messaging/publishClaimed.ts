import type { Delivery } from '../model/delivery.ts';
import { deadLetterMessage, eventMessage } from '../model/message.ts';
import type { DeliveryFacts, Log } from '../observability/log.ts';
import type { Deadline } from '../runtime/deadline.ts';
import type { Deliveries } from '../store/deliveries.ts';
import type { ClaimedDelivery } from '../store/deliveries/deliveryClaims.ts';
import type { Publisher } from './publisher.ts';

interface Dependencies {
  readonly deliveries: Deliveries;
  readonly publisher: Publisher<'events' | 'deadLetter'>;
  readonly log: Log;
}

/** The end of a claimed delivery. */
interface Published {
  readonly state: 'published' | 'quarantined';
  /** Pub/Sub's id of the message. */
  readonly messageId: string;
}

export const PUBLISH_MILLIS = 3_500;
const SETTLE_MILLIS = 2_000;
const RELEASE_MILLIS = 1_000;

/**
 * Publishes a claimed delivery and records its end. Where that fails, the claim is released, so that the next attempt
 * does not wait for the lease.
 *
 * @throws {ServiceError} `PUBLISH_UNAVAILABLE` or `STORE_UNAVAILABLE`
 */
export async function publishClaimed(
  delivery: Delivery,
  claimed: ClaimedDelivery,
  { deliveries, publisher, log }: Dependencies,
  deadline: Deadline,
): Promise<Published> {
  const { event } = delivery;
  const state = event ? 'published' : 'quarantined';
  const message = event ? eventMessage({ ...delivery, event }, claimed) : deadLetterMessage(delivery, 'NOT_AN_EVENT');
  const publishing = deadline.reserving(RELEASE_MILLIS).atMost(PUBLISH_MILLIS);
  const messageId = await publisher
    .publish(event ? 'events' : 'deadLetter', message, publishing)
    .catch(async (error: unknown) => {
      await deliveries
        .release(claimed.claim, deadline.atMost(RELEASE_MILLIS))
        .catch((releaseError: unknown) => log.claimNotReleased(factsOf(delivery), releaseError));
      throw error;
    });
  const held = await deliveries.settle(claimed.claim, { state, messageId }, deadline.atMost(SETTLE_MILLIS));
  if (!held) log.claimLost({ ...factsOf(delivery), messageId });
  return { state, messageId };
}

/** Returns the identifiers of a delivery for the log. */
export function factsOf({ webhookId, scheme, route, event }: Delivery): DeliveryFacts {
  return { webhookId, scheme, route, eventType: event?.type, jobId: event?.job?.name };
}
