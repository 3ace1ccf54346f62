import { type SubscriptionConfig, toIsoTime } from './messages.ts';
import type { Lease, Queue } from './queue.ts';

/** Requests to one endpoint at the same time. */
const MAX_REQUESTS = 100;

/** Statuses that acknowledge: https://cloud.google.com/pubsub/docs/push#receive_push. */
const ACKNOWLEDGING: ReadonlySet<number> = new Set([102, 200, 201, 202, 204]);

/** Posts a queue's messages to its push endpoint, where it has one; the answers acknowledge them. */
export function startPush(queue: Queue): void {
  const url = queue.config.pushConfig?.pushEndpoint;
  if (!url) return;
  const closing = new AbortController();
  const pushed = new Set<Lease>();
  const push = async (lease: Lease): Promise<void> => {
    pushed.add(lease);
    const isAcknowledged = await post(url, lease, queue.config, closing.signal);
    pushed.delete(lease);
    if (isAcknowledged) queue.acknowledge(lease.ackId);
    else queue.modifyDeadline(lease.ackId, 0);
    deliver();
  };
  const deliver = () => {
    while (pushed.size < MAX_REQUESTS && !closing.signal.aborted) {
      // One by one, because push has at most one message of an ordering key under way.
      const [lease] = queue.take({ max: 1 });
      if (!lease) return;
      void push(lease);
    }
  };
  // The messages of requests that the closing ends stay in the queue.
  queue.attach({ deliver, close: () => closing.abort() });
}

async function post(url: string, lease: Lease, config: SubscriptionConfig, closing: AbortSignal): Promise<boolean> {
  const deadline = AbortSignal.timeout(config.ackDeadlineSeconds * 1_000);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'CloudPubSub-Google' },
      body: JSON.stringify(wrap(lease, config.name)),
      redirect: 'manual',
      signal: AbortSignal.any([closing, deadline]),
    });
    await response.arrayBuffer();
    return ACKNOWLEDGING.has(response.status);
  } catch {
    return false;
  }
}

/** Returns the body of a push request: https://cloud.google.com/pubsub/docs/push#receive_push. */
function wrap({ entry, deliveryAttempt }: Lease, subscription: string): object {
  const { data, attributes, messageId, publishTime, orderingKey } = entry.message;
  const time = toIsoTime(publishTime);
  const message = {
    ...(data.length > 0 && { data: data.toString('base64') }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
    messageId,
    message_id: messageId,
    publishTime: time,
    publish_time: time,
    ...(orderingKey && { orderingKey }),
  };
  return { message, subscription, ...(deliveryAttempt > 0 && { deliveryAttempt }) };
}
