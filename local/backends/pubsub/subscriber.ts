import { type ServerUnaryCall, status } from '@grpc/grpc-js';
import { invalid, type Methods, RpcError } from '../rpc.ts';
import type { Broker } from './broker.ts';
import { parseFilter } from './filter.ts';
import { type Lease, received } from './lease.ts';
import { MAX_RESPONSE } from './limits.ts';
import { alreadyExists, checkName, find, listOf, type ListRequest, notFound } from './names.ts';
import type { Subscription, SubscriptionConfig } from './store.ts';
import { type StreamingPullCall, streamingPull } from './streamingPull.ts';
import { checkRange, completeConfig } from './subscriptionConfig.ts';

/** A pull without messages waits this long before it returns none. */
const PULL_WAIT_MILLIS = 1_000;

interface SubscriptionRequest {
  readonly subscription: string;
}

interface AckRequest extends SubscriptionRequest {
  readonly ackIds: readonly string[];
}

interface PullRequest extends SubscriptionRequest {
  readonly maxMessages: number;
  readonly returnImmediately: boolean;
}

/** Methods of google.pubsub.v1.Subscriber. */
export function subscriberMethods(broker: Broker): Methods {
  return { ...administration(broker), ...delivery(broker) };
}

function administration(broker: Broker): Methods {
  const { topics, subscriptions } = broker.store;
  const checkDeadLetterTopic = ({ deadLetterPolicy }: SubscriptionConfig) =>
    deadLetterPolicy && find(topics, deadLetterPolicy.deadLetterTopic);
  return {
    createSubscription: (given: SubscriptionConfig) => {
      const { name, topic } = given;
      checkName(name, 'subscriptions');
      checkName(topic, 'topics');
      const config = completeConfig(given);
      const filter = parseFilter(given.filter);
      if (subscriptions.has(name)) throw alreadyExists(name);
      find(topics, topic);
      checkDeadLetterTopic(config);
      const subscription: Subscription = { name, config, filter, backlog: new Set() };
      subscriptions.set(name, subscription);
      broker.open(subscription);
      return config;
    },
    getSubscription: ({ subscription }: SubscriptionRequest) => find(subscriptions, subscription).config,
    listSubscriptions: (request: ListRequest) => {
      const [items, nextPageToken] = listOf(subscriptions.values(), request);
      return { subscriptions: items.map(({ config }) => config), nextPageToken };
    },
    deleteSubscription: ({ subscription: name }: SubscriptionRequest) => {
      find(subscriptions, name);
      subscriptions.delete(name);
      broker.close(name, notFound(name));
      return {};
    },
  };
}

function delivery(broker: Broker): Methods {
  const pullable = (name: string) => {
    const queue = broker.queue(name);
    if (!queue.subscription.config.pushConfig?.pushEndpoint) return queue;
    throw new RpcError(status.FAILED_PRECONDITION, `${name} has a push endpoint, so it cannot be pulled.`);
  };
  return {
    pull: async (request: PullRequest, call?: ServerUnaryCall<never, object>) => {
      if (request.maxMessages < 1) throw invalid('max_messages must be positive.');
      const queue = pullable(request.subscription);
      const demand = { ...MAX_RESPONSE, messages: Math.min(request.maxMessages, MAX_RESPONSE.messages) };
      const ended = new AbortController();
      call?.on('cancelled', () => ended.abort());
      const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(PULL_WAIT_MILLIS)]);
      let leases: readonly Lease[] = queue.take(demand);
      while (leases.length === 0 && !request.returnImmediately && !signal.aborted) {
        await queue.ready(signal);
        // Nothing is leased to a caller that has disconnected.
        if (!ended.signal.aborted) leases = queue.take(demand);
      }
      return { receivedMessages: leases.map(received) };
    },
    streamingPull: (call: StreamingPullCall) => streamingPull(call, pullable),
    acknowledge: ({ subscription, ackIds }: AckRequest) => {
      const queue = broker.queue(subscription);
      if (ackIds.length === 0) throw invalid('No ack ids are given.');
      for (const ackId of ackIds) queue.acknowledge(ackId);
      return {};
    },
    modifyAckDeadline: ({ subscription, ackIds, ackDeadlineSeconds }: AckRequest & { ackDeadlineSeconds: number }) => {
      const queue = broker.queue(subscription);
      if (ackIds.length === 0) throw invalid('No ack ids are given.');
      checkRange('ack_deadline_seconds', ackDeadlineSeconds, 0, 600);
      for (const ackId of ackIds) queue.modifyDeadline(ackId, ackDeadlineSeconds);
      return {};
    },
  };
}
