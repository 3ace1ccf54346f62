import type { RpcError } from '../rpc.ts';
import { find, parseName } from './names.ts';
import { PushEndpoint } from './push.ts';
import { Queue } from './queue.ts';
import type { Entry, Message, Store, Subscription } from './store.ts';
import { fromMillis, isoTime } from './time.ts';

/** A running server's part of the state: each subscription's queue and the push endpoints. */
export class Broker {
  readonly store: Store;
  readonly #queues = new Map<string, Queue>();
  readonly #endpoints = new Map<string, PushEndpoint>();

  constructor(store: Store) {
    this.store = store;
  }

  /** Starts the delivery of a stored state's messages. */
  start(): void {
    for (const subscription of this.store.subscriptions.values()) this.open(subscription);
  }

  /** Adds messages to every subscription of a topic whose filter they match, and returns their ids. */
  publish(topic: string, messages: readonly Message[]): readonly string[] {
    const publishTime = fromMillis(Date.now());
    const published = messages.map((message) => ({ ...message, messageId: this.store.nextMessageId(), publishTime }));
    for (const queue of this.#queues.values()) {
      const { config, filter } = queue.subscription;
      if (config.topic !== topic) continue;
      for (const message of published) if (filter(message.attributes)) queue.add({ message, failures: 0 });
    }
    return published.map(({ messageId }) => messageId);
  }

  /** @throws RpcError NOT_FOUND */
  queue(name: string): Queue {
    return find(this.#queues, name);
  }

  open(subscription: Subscription): void {
    const { name, config } = subscription;
    const queue = new Queue(subscription, (entry) => this.#deadLetter(entry, subscription));
    this.#queues.set(name, queue);
    const url = config.pushConfig?.pushEndpoint;
    if (url) this.#endpoints.set(name, new PushEndpoint(queue, url));
  }

  close(name: string, reason: RpcError): void {
    this.#endpoints.get(name)?.stop();
    this.#endpoints.delete(name);
    this.#queues.get(name)?.close(reason);
    this.#queues.delete(name);
  }

  stop(reason: RpcError): void {
    for (const name of this.#queues.keys()) this.close(name, reason);
  }

  /** Publishes a message to the dead-letter topic, with the attributes that the service adds. */
  #deadLetter({ message, failures }: Entry, { name, config }: Subscription): boolean {
    const topic = config.deadLetterPolicy?.deadLetterTopic ?? '';
    if (!this.store.topics.has(topic)) return false;
    const { project, id } = parseName(name);
    const attributes = {
      ...message.attributes,
      CloudPubSubDeadLetterSourceDeliveryCount: String(failures),
      CloudPubSubDeadLetterSourceSubscription: id,
      CloudPubSubDeadLetterSourceSubscriptionProject: project,
      CloudPubSubDeadLetterSourceTopicPublishTime: isoTime(message.publishTime),
    };
    this.publish(topic, [{ ...message, attributes }]);
    return true;
  }
}
