import type { Consumer, Lease } from './lease.ts';
import type { Queue } from './queue.ts';
import type { Message } from './store.ts';
import { isoTime } from './time.ts';

/** Requests to one endpoint at the same time. */
const MAX_REQUESTS = 100;

/** Statuses that acknowledge: https://cloud.google.com/pubsub/docs/push#receive_push. */
const ACKNOWLEDGING: ReadonlySet<number> = new Set([102, 200, 201, 202, 204]);

/** Posts a queue's messages to an endpoint; its answers acknowledge them. */
export class PushEndpoint implements Consumer {
  readonly url: string;
  readonly #queue: Queue;
  readonly #stopping = new AbortController();
  #requests = 0;

  constructor(queue: Queue, url: string) {
    this.#queue = queue;
    this.url = url;
    queue.attach(this);
  }

  deliver(): void {
    while (this.#requests < MAX_REQUESTS) {
      // One by one, because push has at most one message of an ordering key under way.
      const [lease] = this.#queue.take({ messages: 1, bytes: Number.POSITIVE_INFINITY });
      if (!lease) return;
      void this.#push(lease);
    }
  }

  close(): void {
    this.stop();
  }

  /** Ends the requests under way; their messages stay unacknowledged. */
  stop(): void {
    this.#queue.detach(this);
    this.#stopping.abort();
  }

  async #push(lease: Lease): Promise<void> {
    this.#requests += 1;
    const isAcknowledged = await this.#post(lease);
    this.#requests -= 1;
    if (isAcknowledged) this.#queue.acknowledge(lease.ackId);
    else this.#queue.modifyDeadline(lease.ackId, 0);
    if (!this.#stopping.signal.aborted) this.deliver();
  }

  async #post(lease: Lease): Promise<boolean> {
    const { name, config } = this.#queue.subscription;
    const deadline = AbortSignal.timeout(config.ackDeadlineSeconds * 1_000);
    try {
      const response = await fetch(this.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'CloudPubSub-Google' },
        body: JSON.stringify(wrapped(lease, name)),
        redirect: 'manual',
        signal: AbortSignal.any([this.#stopping.signal, deadline]),
      });
      await response.arrayBuffer();
      return ACKNOWLEDGING.has(response.status);
    } catch {
      return false;
    }
  }
}

/** The body of a push request: https://cloud.google.com/pubsub/docs/push#receive_push. */
function wrapped({ entry, deliveryAttempt }: Lease, subscription: string): object {
  return { message: pushedMessage(entry.message), subscription, ...(deliveryAttempt > 0 && { deliveryAttempt }) };
}

function pushedMessage({ data, attributes, messageId, publishTime, orderingKey }: Message): object {
  const time = isoTime(publishTime);
  return {
    ...(data.length > 0 && { data: data.toString('base64') }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
    messageId,
    message_id: messageId,
    publishTime: time,
    publish_time: time,
    ...(orderingKey && { orderingKey }),
  };
}
