import type { RpcError } from '../rpc.ts';
import { MAX, messageBytes } from './checks.ts';
import type { Filter } from './filter.ts';
import { type Message, type SubscriptionConfig, toMillis } from './messages.ts';

/** A message that the subscription has not acknowledged. */
export interface Entry {
  readonly message: Message;
  /** Deliveries that were refused or not acknowledged in time. */
  failures: number;
}

/** A pull, a stream or a push endpoint that takes messages from a queue. */
export interface Consumer {
  /** Takes what it has room for. */
  deliver(): void;
  /** Ends because the subscription is deleted or the server stops. */
  close(reason: RpcError): void;
}

interface Demand {
  /** The largest number of messages. */
  readonly max: number;
  readonly deadlineSeconds?: number | undefined;
  /** Called when the lease ends, however it ends. */
  readonly onEnd?: () => void;
}

/** One delivery of a message, until it is acknowledged, refused or not acknowledged in time. */
export interface Lease {
  readonly ackId: string;
  /** The leases of a queue are numbered in their order. */
  readonly number: number;
  readonly entry: Entry;
  /** Counts from 1; 0 without a dead-letter policy. */
  readonly deliveryAttempt: number;
  readonly lane: Lane;
  readonly onEnd: Demand['onEnd'];
  timer: NodeJS.Timeout;
}

/** Messages of one ordering key, or a single message without one. */
interface Lane {
  readonly id: string;
  /** In the order of publishing. */
  readonly entries: Set<Entry>;
  readonly leases: Map<Entry, Lease>;
  /** Runs while the retry policy delays the redelivery. */
  delay?: NodeJS.Timeout | undefined;
}

/** Formats a lease for a subscriber. */
export function received({ ackId, entry, deliveryAttempt }: Lease): object {
  return { ackId, message: entry.message, deliveryAttempt };
}

/**
 * Delivers a subscription's messages, and redelivers those that are not acknowledged.
 *
 * Several messages of an ordering key can be delivered at once, in their order; the next ones only when all of these are
 * acknowledged. When one fails, the later ones of its key that are not acknowledged are redelivered, too.
 */
export class Queue {
  config: SubscriptionConfig;
  readonly #filter: Filter;
  /** Publishes to the dead-letter topic; false where that topic does not exist. */
  readonly #deadLetter: (entry: Entry, queue: Queue) => boolean;
  readonly #consumers = new Set<Consumer>();
  readonly #lanes = new Map<string, Lane>();
  readonly #ready = new Set<Lane>();
  readonly #leases = new Map<string, Lease>();
  #leaseCount = 0;
  #isAnnounced = false;

  constructor(config: SubscriptionConfig, filter: Filter, deadLetter: (entry: Entry, queue: Queue) => boolean) {
    this.config = config;
    this.#filter = filter;
    this.#deadLetter = deadLetter;
  }

  /** The subscription's full name. */
  get name(): string {
    return this.config.name;
  }

  /** Adds a message that matches the filter. */
  add(message: Message): void {
    if (!this.#filter(message.attributes)) return;
    const { messageId, orderingKey } = message;
    const id = this.config.enableMessageOrdering && orderingKey ? `key ${orderingKey}` : `id ${messageId}`;
    const lane: Lane = this.#lanes.get(id) ?? { id, entries: new Set(), leases: new Map() };
    lane.entries.add({ message, failures: 0 });
    this.#lanes.set(id, lane);
    this.#settle(lane);
  }

  attach(consumer: Consumer): void {
    this.#consumers.add(consumer);
    this.#announce();
  }

  detach(consumer: Consumer): void {
    this.#consumers.delete(consumer);
  }

  /** Waits until messages are ready, or until the signal aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Consumer = { deliver: resolve, close: reject };
    signal.addEventListener('abort', () => resolve(), { once: true });
    this.attach(waiting);
    await promise.finally(() => this.detach(waiting));
  }

  /** Leases messages that are ready, as many as one response can have. */
  take(demand: Demand): readonly Lease[] {
    const max = Math.min(demand.max, MAX.messages);
    const leases: Lease[] = [];
    let bytes = 0;
    for (const lane of this.#ready) {
      for (const entry of lane.entries) {
        bytes += messageBytes(entry.message);
        if (leases.length === max || (bytes > MAX.bytes && leases.length > 0)) return leases;
        leases.push(this.#lease(lane, entry, demand));
        this.#ready.delete(lane);
      }
    }
    return leases;
  }

  /** An unknown id, of a lease that has ended, changes nothing. */
  acknowledge(ackId: string): void {
    const lease = this.#leases.get(ackId);
    if (!lease) return;
    this.#end(lease);
    this.#remove(lease);
  }

  /** @param seconds 0 refuses the message: it is redelivered. */
  modifyDeadline(ackId: string, seconds: number): void {
    const lease = this.#leases.get(ackId);
    if (!lease) return;
    clearTimeout(lease.timer);
    if (seconds === 0) this.#fail(lease);
    else lease.timer = setTimeout(() => this.#fail(lease), seconds * 1_000);
  }

  /** Ends all deliveries, because the subscription is deleted or the server stops. The messages stay in the queue. */
  close(reason: RpcError): void {
    const consumers = [...this.#consumers];
    this.#consumers.clear();
    for (const consumer of consumers) consumer.close(reason);
    for (const lease of this.#leases.values()) this.#end(lease);
    for (const lane of this.#lanes.values()) {
      clearTimeout(lane.delay);
      lane.delay = undefined;
      this.#settle(lane);
    }
  }

  #lease(lane: Lane, entry: Entry, { deadlineSeconds, onEnd }: Demand): Lease {
    const { ackDeadlineSeconds, deadLetterPolicy } = this.config;
    const number = (this.#leaseCount += 1);
    const ackId = String(number);
    const deliveryAttempt = deadLetterPolicy ? entry.failures + 1 : 0;
    const timer = setTimeout(() => this.#fail(lease), (deadlineSeconds || ackDeadlineSeconds) * 1_000);
    const lease: Lease = { ackId, number, entry, deliveryAttempt, lane, onEnd, timer };
    lane.leases.set(entry, lease);
    this.#leases.set(ackId, lease);
    return lease;
  }

  #end(lease: Lease): void {
    clearTimeout(lease.timer);
    this.#leases.delete(lease.ackId);
    lease.lane.leases.delete(lease.entry);
    lease.onEnd?.();
    this.#announce();
  }

  #fail(lease: Lease): void {
    const { entry, lane } = lease;
    this.#end(lease);
    entry.failures += 1;
    const { maxDeliveryAttempts = Infinity } = this.config.deadLetterPolicy ?? {};
    if (entry.failures >= maxDeliveryAttempts && this.#deadLetter(entry, this)) {
      this.#remove(lease);
      return;
    }
    for (const each of lane.leases.values()) if (each.number > lease.number) this.#end(each);
    clearTimeout(lane.delay);
    const settle = () => {
      lane.delay = undefined;
      this.#settle(lane);
    };
    lane.delay = setTimeout(settle, retryDelayMillis(this.config, entry.failures));
  }

  #remove({ lane, entry }: Lease): void {
    lane.entries.delete(entry);
    if (lane.entries.size === 0) this.#lanes.delete(lane.id);
    this.#settle(lane);
  }

  #settle(lane: Lane): void {
    if (lane.delay || lane.leases.size > 0 || lane.entries.size === 0) return;
    this.#ready.add(lane);
    this.#announce();
  }

  /** Serves the consumers in turns, after everything of this moment is in the queue. */
  #announce(): void {
    if (this.#isAnnounced) return;
    this.#isAnnounced = true;
    queueMicrotask(() => {
      this.#isAnnounced = false;
      const [first] = this.#consumers;
      for (const consumer of this.#consumers) if (this.#ready.size > 0) consumer.deliver();
      if (first && this.#consumers.delete(first)) this.#consumers.add(first);
    });
  }
}

/** The backoffs that a retry policy does not set, and those of push without a policy. */
const DEFAULT_BACKOFF = { minimumBackoff: { seconds: 10, nanos: 0 }, maximumBackoff: { seconds: 600, nanos: 0 } };
const PUSH_BACKOFF = { minimumBackoff: { seconds: 0, nanos: 1e8 }, maximumBackoff: { seconds: 60, nanos: 0 } };

/** Returns the exponential backoff after a failure; pull without a retry policy has none. */
function retryDelayMillis({ retryPolicy, pushConfig }: SubscriptionConfig, failures: number): number {
  const policy = retryPolicy ?? (pushConfig?.pushEndpoint ? PUSH_BACKOFF : undefined);
  if (!policy) return 0;
  const minimum = toMillis(policy.minimumBackoff ?? DEFAULT_BACKOFF.minimumBackoff);
  const maximum = toMillis(policy.maximumBackoff ?? DEFAULT_BACKOFF.maximumBackoff);
  return Math.min(minimum * 2 ** (failures - 1), maximum);
}
