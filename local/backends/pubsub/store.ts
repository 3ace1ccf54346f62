import { parseName } from './checks.ts';
import { fromMillis, type Message, type TopicConfig, toIsoTime } from './messages.ts';
import type { Entry, Queue } from './queue.ts';

/** The state that outlives a server, of all projects. Topics and subscriptions are found by their full names. */
export class Store {
  readonly topics = new Map<string, TopicConfig>();
  readonly queues = new Map<string, Queue>();
  /** Starts from the time, so that a new store does not repeat the ids of an earlier one. */
  #lastMessageId = Date.now() * 1_000;

  /** Adds messages to every subscription of a topic whose filter they match, and returns their ids. */
  publish(topic: string, messages: readonly Message[]): readonly string[] {
    const publishTime = fromMillis(Date.now());
    const published = messages.map((message) => {
      return { ...message, messageId: String((this.#lastMessageId += 1)), publishTime };
    });
    const queues = [...this.queues.values()].filter(({ config }) => config.topic === topic);
    for (const queue of queues) for (const message of published) queue.add(message);
    return published.map(({ messageId }) => messageId);
  }

  /** Publishes a message to its dead-letter topic. Returns false where that topic does not exist. */
  publishDeadLetter({ message, failures }: Entry, { config }: Queue): boolean {
    const topic = config.deadLetterPolicy?.deadLetterTopic ?? '';
    if (!this.topics.has(topic)) return false;
    const { project, id } = parseName(config.name);
    const attributes = {
      ...message.attributes,
      CloudPubSubDeadLetterSourceDeliveryCount: String(failures),
      CloudPubSubDeadLetterSourceSubscription: id,
      CloudPubSubDeadLetterSourceSubscriptionProject: project,
      CloudPubSubDeadLetterSourceTopicPublishTime: toIsoTime(message.publishTime),
    };
    this.publish(topic, [{ ...message, attributes }]);
    return true;
  }
}
