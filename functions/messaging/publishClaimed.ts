import type { ClaimResult, Delivery, Settlement } from '../model/delivery.ts';
import { deadLetterMessage, eventMessage, type Message } from '../model/message.ts';
import type { Deadline } from '../runtime/deadline.ts';
import type { DeliveryFacts, Log } from '../observability/log.ts';

export interface Settling<Claim> {
  settle(claim: Claim, settlement: Settlement, deadline: Deadline): Promise<boolean>;
  release(claim: Claim, deadline: Deadline): Promise<boolean>;
}

export interface DeliveryPublisher {
  publish(topic: 'events' | 'deadLetter', message: Message, deadline: Deadline): Promise<string>;
}

interface Dependencies<Claim> {
  readonly deliveries: Settling<Claim>;
  readonly publisher: DeliveryPublisher;
  readonly log: Log;
  readonly now: () => Date;
  /** What the log is to say of the delivery; the message's id is added. */
  readonly facts: DeliveryFacts;
}

export const PUBLISH_MILLIS = 3_500;
const SETTLE_MILLIS = 2_000;
const RELEASE_MILLIS = 1_000;

/**
 * Publishes a claimed delivery and settles it; where that fails, whoever comes next may take it on at once.
 *
 * @returns what the delivery's record says now.
 * @throws {ServiceError} `PUBLISH_UNAVAILABLE` or `STORE_UNAVAILABLE`
 */
export async function publishClaimed<Claim>(
  delivery: Delivery,
  claimed: ClaimResult<Claim> & { readonly status: 'claimed' },
  { deliveries, publisher, log, now, facts }: Dependencies<Claim>,
  deadline: Deadline,
): Promise<'published' | 'quarantined'> {
  const { event } = delivery;
  const state = event ? 'published' : 'quarantined';
  const message = event ? eventMessage({ ...delivery, event }, claimed) : deadLetterMessage(delivery, 'NOT_AN_EVENT');
  try {
    const publishing = deadline.reserving(RELEASE_MILLIS).atMost(PUBLISH_MILLIS);
    facts.messageId = await publisher.publish(event ? 'events' : 'deadLetter', message, publishing);
  } catch (error) {
    await deliveries
      .release(claimed.claim, deadline.atMost(RELEASE_MILLIS))
      .catch((releaseError: unknown) => log.claimNotReleased(facts, releaseError));
    throw error;
  }
  const settlement = { state, messageId: facts.messageId, publishedAt: now() } as const;
  const held = await deliveries.settle(claimed.claim, settlement, deadline.atMost(SETTLE_MILLIS));
  if (!held) log.claimLost(facts);
  return state;
}

/** What the log says of a delivery: identifiers only. */
export function factsOf({ webhookId, scheme, route, event }: Delivery): DeliveryFacts {
  return { webhookId, scheme, route, eventType: event?.type, jobId: event?.job?.name };
}
