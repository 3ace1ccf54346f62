import { toIsoTime } from './messages.ts';
import type { Consumer, Lease, Queue } from './queue.ts';

/** Requests to one endpoint at the same time. */
const MAX_REQUESTS = 100;

/** Statuses that acknowledge: https://cloud.google.com/pubsub/docs/push#receive_push. */
const ACKNOWLEDGING: ReadonlySet<number> = new Set([102, 200, 201, 202, 204]);

/** Delivers a queue's messages to its push endpoint, where it has one. */
export function startPush(queue: Queue): void {
  const url = queue.config.pushConfig?.pushEndpoint;
  if (url) queue.attach(new PushEndpoint(queue, url));
}

/** Posts a queue's messages; the endpoint's answers acknowledge them. */
class PushEndpoint implements Consumer {
  readonly #url: string;
  readonly #queue: Queue;
  readonly #closing = new AbortController();
  #requests = 0;

  constructor(queue: Queue, url: string) {
    this.#queue = queue;
    this.#url = url;
  }

  deliver(): void {
    while (this.#requests < MAX_REQUESTS && !this.#closing.signal.aborted) {
      // One by one, because push has at most one message of an ordering key under way.
      const [lease] = this.#queue.take({ max: 1 });
      if (!lease) return;
      void this.#push(lease);
    }
  }

  /** Ends the requests under way; their messages stay unacknowledged. */
  close(): void {
    this.#closing.abort();
  }

  async #push(lease: Lease): Promise<void> {
    this.#requests += 1;
    const isAcknowledged = await this.#post(lease);
    this.#requests -= 1;
    if (isAcknowledged) this.#queue.acknowledge(lease.ackId);
    else this.#queue.modifyDeadline(lease.ackId, 0);
    this.deliver();
  }

  async #post(lease: Lease): Promise<boolean> {
    const { name, ackDeadlineSeconds } = this.#queue.config;
    const deadline = AbortSignal.timeout(ackDeadlineSeconds * 1_000);
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'CloudPubSub-Google' },
        body: JSON.stringify(wrap(lease, name)),
        redirect: 'manual',
        signal: AbortSignal.any([this.#closing.signal, deadline]),
      });
      await response.arrayBuffer();
      return ACKNOWLEDGING.has(response.status);
    } catch {
      return false;
    }
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
