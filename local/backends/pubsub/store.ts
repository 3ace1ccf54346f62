import type { Filter } from './filter.ts';
import type { Duration, Timestamp } from './time.ts';

/** The served part of google.pubsub.v1, as `loadServices` decodes it. */
export interface Message {
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageId: string;
  readonly publishTime: Timestamp | null;
  readonly orderingKey: string;
}

export interface TopicConfig {
  readonly name: string;
  readonly [field: string]: unknown;
}

export interface SubscriptionConfig {
  readonly name: string;
  readonly topic: string;
  readonly filter: string;
  readonly ackDeadlineSeconds: number;
  readonly enableMessageOrdering: boolean;
  readonly pushConfig: { readonly pushEndpoint: string; readonly noWrapper?: object } | null;
  readonly deadLetterPolicy: { readonly deadLetterTopic: string; readonly maxDeliveryAttempts: number } | null;
  readonly retryPolicy: { readonly minimumBackoff: Duration | null; readonly maximumBackoff: Duration | null } | null;
  readonly [field: string]: unknown;
}

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

/** The state that outlives a server, all projects together. Topics and subscriptions are found by their whole name. */
export class Store {
  readonly topics = new Map<string, TopicConfig>();
  readonly subscriptions = new Map<string, Subscription>();
  /** Starts from the time, so that a new store does not repeat the ids of an earlier one. */
  #lastMessageId = Date.now() * 1_000;

  nextMessageId(): string {
    return String((this.#lastMessageId += 1));
  }
}
