import { randomBytes } from 'node:crypto';
import type { RpcError } from '../rpc.ts';
import type { Consumer, Demand, Lease } from './lease.ts';
import { messageBytes } from './limits.ts';
import type { Entry, Subscription } from './store.ts';
import { toMillis } from './time.ts';

interface Held extends Lease {
  readonly lane: Lane;
  readonly onEnd: Demand['onEnd'];
  timer: NodeJS.Timeout;
}

/** Messages of one ordering key, or a single message without one. */
interface Lane {
  readonly id: string;
  /** In the order of publishing. */
  readonly entries: Set<Entry>;
  /** Acknowledged, and kept for as long as an earlier message of the key is not: that one's redelivery includes them. */
  readonly acknowledged: Set<Entry>;
  readonly leases: Map<Entry, Held>;
  /** Runs while the retry policy delays the redelivery. */
  delay: NodeJS.Timeout | undefined;
}

/**
 * Hands out a subscription's messages and redelivers those that are not acknowledged.
 *
 * Several messages of an ordering key can be handed out at once, in their order; the next ones only when all of these
 * are acknowledged. When one fails, it and all later ones of its key are redelivered.
 */
export class Queue {
  readonly subscription: Subscription;
  /** Publishes to the dead-letter topic; false where that topic does not exist. */
  readonly #deadLetter: (entry: Entry) => boolean;
  #consumers: readonly Consumer[] = [];
  readonly #lanes = new Map<string, Lane>();
  readonly #ready = new Set<Lane>();
  readonly #leases = new Map<string, Held>();
  /** Keeps a former server's ack ids apart from this one's. */
  readonly #run = randomBytes(6).toString('hex');
  #leaseCount = 0;
  #announced = false;

  constructor(subscription: Subscription, deadLetter: (entry: Entry) => boolean) {
    this.subscription = subscription;
    this.#deadLetter = deadLetter;
    for (const entry of subscription.backlog) this.#enqueue(entry);
  }

  add(entry: Entry): void {
    this.subscription.backlog.add(entry);
    this.#enqueue(entry);
  }

  attach(consumer: Consumer): void {
    this.#consumers = [...this.#consumers, consumer];
    this.#announce();
  }

  detach(consumer: Consumer): void {
    this.#consumers = this.#consumers.filter((each) => each !== consumer);
  }

  /** Waits until messages are ready, or until the signal aborts. */
  async ready(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Consumer = { deliver: resolve, close: reject };
    signal.addEventListener('abort', () => resolve(), { once: true });
    this.attach(waiting);
    await promise.finally(() => this.detach(waiting));
  }

  /** Leases what is ready, at least one message however large. */
  take(demand: Demand): readonly Lease[] {
    const leases: Held[] = [];
    let bytes = 0;
    for (const lane of this.#ready) {
      for (const entry of lane.entries) {
        const size = messageBytes(entry.message);
        const fits = leases.length < demand.messages && (bytes + size <= demand.bytes || leases.length === 0);
        if (!fits) return leases;
        bytes += size;
        leases.push(this.#lease(lane, entry, size, demand));
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

  /** The subscription is deleted, or the server stops. */
  close(reason: RpcError): void {
    for (const { timer } of this.#leases.values()) clearTimeout(timer);
    for (const { delay } of this.#lanes.values()) clearTimeout(delay);
    this.#leases.clear();
    this.#ready.clear();
    for (const consumer of this.#consumers) consumer.close(reason);
    this.#consumers = [];
  }

  #enqueue(entry: Entry): void {
    const { messageId, orderingKey } = entry.message;
    const ordered = this.subscription.config.enableMessageOrdering && orderingKey;
    const id = ordered ? `key ${orderingKey}` : `id ${messageId}`;
    const lane: Lane = this.#lanes.get(id) ?? {
      id,
      entries: new Set(),
      acknowledged: new Set(),
      leases: new Map(),
      delay: undefined,
    };
    lane.entries.add(entry);
    this.#lanes.set(id, lane);
    this.#settle(lane);
  }

  #lease(lane: Lane, entry: Entry, bytes: number, { deadlineSeconds, onEnd }: Demand): Held {
    const { ackDeadlineSeconds, deadLetterPolicy } = this.subscription.config;
    const ackId = `${this.#run}-${(this.#leaseCount += 1)}`;
    const seconds = deadlineSeconds || ackDeadlineSeconds;
    const deliveryAttempt = deadLetterPolicy ? entry.failures + 1 : 0;
    const timer = setTimeout(() => this.#fail(lease), seconds * 1_000);
    const lease: Held = { ackId, entry, bytes, deliveryAttempt, lane, onEnd, timer };
    lane.leases.set(entry, lease);
    this.#leases.set(ackId, lease);
    return lease;
  }

  #end(lease: Held): void {
    clearTimeout(lease.timer);
    this.#leases.delete(lease.ackId);
    lease.lane.leases.delete(lease.entry);
    lease.onEnd?.(lease);
    this.#announce();
  }

  #fail(lease: Held): void {
    const { entry, lane } = lease;
    this.#end(lease);
    entry.failures += 1;
    const { maxDeliveryAttempts } = this.subscription.config.deadLetterPolicy ?? {};
    const exhausted = maxDeliveryAttempts && entry.failures >= maxDeliveryAttempts;
    if (exhausted && this.#deadLetter(entry)) {
      this.#remove(lease);
      return;
    }
    this.#rewind(lane, entry);
    clearTimeout(lane.delay);
    lane.delay = setTimeout(
      () => {
        lane.delay = undefined;
        this.#settle(lane);
      },
      retryDelayMillis(this.subscription, entry.failures),
    );
  }

  /** Redelivers also what follows a failed message, acknowledged or not. */
  #rewind(lane: Lane, failed: Entry): void {
    let isLater = false;
    for (const entry of lane.entries) {
      const lease = isLater ? lane.leases.get(entry) : undefined;
      if (lease) this.#end(lease);
      if (isLater) lane.acknowledged.delete(entry);
      isLater ||= entry === failed;
    }
  }

  #remove({ lane, entry: handled }: Held): void {
    lane.acknowledged.add(handled);
    for (const entry of lane.entries) {
      if (!lane.acknowledged.delete(entry)) break;
      lane.entries.delete(entry);
      this.subscription.backlog.delete(entry);
    }
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
    if (this.#announced) return;
    this.#announced = true;
    queueMicrotask(() => {
      this.#announced = false;
      for (let turns = this.#consumers.length; turns > 0 && this.#ready.size > 0; turns -= 1) {
        const [next] = this.#consumers;
        if (!next) return;
        this.#consumers = [...this.#consumers.slice(1), next];
        next.deliver();
      }
    });
  }
}

/** Backoffs where none is given, in seconds: a retry policy's, and that of push without a policy. */
const POLICY_BACKOFF = { minimum: 10, maximum: 600 };
const PUSH_BACKOFF = { minimum: 0.1, maximum: 60 };

/** The exponential backoff after a failure; pull without a retry policy has none. */
function retryDelayMillis({ config }: Subscription, failures: number): number {
  const { retryPolicy, pushConfig } = config;
  if (!retryPolicy && !pushConfig?.pushEndpoint) return 0;
  const { minimum, maximum } = retryPolicy ? POLICY_BACKOFF : PUSH_BACKOFF;
  const { minimumBackoff, maximumBackoff } = retryPolicy ?? {};
  const minimumMillis = minimumBackoff ? toMillis(minimumBackoff) : minimum * 1_000;
  const maximumMillis = maximumBackoff ? toMillis(maximumBackoff) : maximum * 1_000;
  return Math.min(minimumMillis * 2 ** (failures - 1), maximumMillis);
}
