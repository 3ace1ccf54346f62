import { eventMessage } from '../model/message.ts';
import type { Deadline } from '../runtime/deadline.ts';
import type { Deliveries } from '../store/deliveries.ts';
import type { Publisher } from './publisher.ts';

/**
 * Publishes a delivery's event again, so that fetchResults reads the job's results. The message has the same `ce-id`, and
 * the attribute `replay`.
 *
 * @param before leaves a delivery alone that was published later, because its first message may be on its way.
 * @returns `false` where the delivery holds no event, or has not been published or not before that time.
 * @throws {ServiceError} `STORE_UNAVAILABLE` or `PUBLISH_UNAVAILABLE`
 */
export async function republish(
  webhookId: string,
  {
    deliveries,
    publisher,
  }: { readonly deliveries: Deliveries; readonly publisher: Publisher<'events' | 'deadLetter'> },
  deadlines: { readonly store: Deadline; readonly publish: Deadline },
  before?: Date,
): Promise<boolean> {
  const { delivery, userMetadata, publishedAt } = await deliveries.recall(webhookId, deadlines.store);
  const { event } = delivery;
  if (event === undefined || publishedAt === undefined || (before !== undefined && publishedAt > before)) return false;
  const message = eventMessage({ ...delivery, event }, { userMetadata, replay: 'results' });
  await publisher.publish('events', message, deadlines.publish);
  return true;
}
