import type { google } from '@google-cloud/pubsub-api/build/protos/protos.js';
import type { Filter } from './filter.ts';

export type Message = google.pubsub.v1.IPubsubMessage;
export type TopicConfig = google.pubsub.v1.ITopic;
export type SubscriptionConfig = google.pubsub.v1.ISubscription;

/** A message that a subscription has not acknowledged. */
export interface Entry {
  readonly message: Message;
  /** Deliveries that were refused or not acknowledged in time. */
  failures: number;
}

export interface Subscription {
  readonly name: string;
  config: SubscriptionConfig;
  readonly filter: Filter;
  /** In the order of publishing. */
  readonly backlog: Set<Entry>;
}

/** The state that outlives a server, all projects together: a server that starts with it continues where the last one stopped. */
export class Store {
  /** By their whole name. */
  readonly topics = new Map<string, TopicConfig>();
  /** By their whole name. */
  readonly subscriptions = new Map<string, Subscription>();
  /** Starts from the time, so that a new store does not repeat the ids of an earlier one. */
  #lastMessageId = Date.now() * 1_000;

  nextMessageId(): string {
    return String((this.#lastMessageId += 1));
  }
}
