import type { google } from '@google-cloud/pubsub-api/build/protos/protos.js';
import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Broker } from './broker.ts';
import { alreadyExists, invalidArgument, notFound, RpcError } from './errors.ts';
import { parseFilter } from './filter.ts';
import { checkName, projectOf } from './names.ts';
import { pull } from './pull.ts';
import { received } from './received.ts';
import { page, unary } from './rpc.ts';
import type { Subscription, SubscriptionConfig } from './store.ts';
import { type StreamingPullCall, streamingPull } from './streamingPull.ts';
import { completeConfig, updateConfig } from './subscriptionConfig.ts';

type Empty = google.protobuf.IEmpty;

/** A pull without messages waits this long before it returns none. */
const PULL_WAIT_MILLIS = 1_000;

/** Limits of one pull response. */
const MAX_PULL = { messages: 1_000, bytes: 10_000_000 } as const;

/** Methods of google.pubsub.v1.Subscriber. */
export function subscriberMethods(broker: Broker): UntypedServiceImplementation {
  return { ...administration(broker), ...delivery(broker) };
}

function administration(broker: Broker): UntypedServiceImplementation {
  const { topics, subscriptions } = broker.store;
  const find = (name: string): Subscription => {
    const subscription = subscriptions.get(name);
    if (!subscription) throw notFound(name);
    return subscription;
  };
  const checkTopic = (topic: string | null | undefined) => {
    if (topic && !topics.has(topic)) throw notFound(topic);
  };
  const reconfigure = (subscription: Subscription, config: SubscriptionConfig) => {
    checkTopic(config.deadLetterPolicy?.deadLetterTopic);
    const isPush = Boolean(config.pushConfig?.pushEndpoint);
    const wasPush = Boolean(subscription.config.pushConfig?.pushEndpoint);
    subscription.config = config;
    if (isPush && !wasPush) broker.queue(subscription.name).disconnect(pushed(subscription.name));
    broker.connect(subscription);
  };
  return {
    createSubscription: unary((given: SubscriptionConfig): SubscriptionConfig => {
      const name = given.name ?? '';
      checkName(name, 'subscriptions');
      checkName(given.topic ?? '', 'topics');
      const config = completeConfig(given);
      const filter = parseFilter(given.filter ?? '');
      if (subscriptions.has(name)) throw alreadyExists(name);
      checkTopic(given.topic);
      checkTopic(config.deadLetterPolicy?.deadLetterTopic);
      const subscription: Subscription = { name, config, filter, backlog: new Set() };
      subscriptions.set(name, subscription);
      broker.open(subscription);
      return config;
    }),

    getSubscription: unary(
      ({ subscription }: google.pubsub.v1.IGetSubscriptionRequest): SubscriptionConfig =>
        find(subscription ?? '').config,
    ),

    listSubscriptions: unary(
      (request: google.pubsub.v1.IListSubscriptionsRequest): google.pubsub.v1.IListSubscriptionsResponse => {
        const found = [...subscriptions.values()].filter(({ name }) => projectOf(name) === request.project);
        const { items, nextPageToken } = page(found, request);
        return { subscriptions: items.map(({ config }) => config), nextPageToken };
      },
    ),

    updateSubscription: unary((request: google.pubsub.v1.IUpdateSubscriptionRequest): SubscriptionConfig => {
      const change = request.subscription ?? {};
      const subscription = find(change.name ?? '');
      reconfigure(subscription, updateConfig(subscription.config, change, request.updateMask?.paths ?? []));
      return subscription.config;
    }),

    modifyPushConfig: unary((request: google.pubsub.v1.IModifyPushConfigRequest): Empty => {
      const subscription = find(request.subscription ?? '');
      reconfigure(subscription, updateConfig(subscription.config, request, ['push_config']));
      return {};
    }),

    deleteSubscription: unary(({ subscription }: google.pubsub.v1.IDeleteSubscriptionRequest): Empty => {
      const { name } = find(subscription ?? '');
      subscriptions.delete(name);
      broker.close(name, notFound(name));
      return {};
    }),
  };
}

function delivery(broker: Broker): UntypedServiceImplementation {
  const pullable = (name: string) => {
    const queue = broker.queue(name);
    if (queue.subscription.config.pushConfig?.pushEndpoint) throw pushed(name);
    return queue;
  };
  return {
    pull: unary(async (request: google.pubsub.v1.IPullRequest, call): Promise<google.pubsub.v1.IPullResponse> => {
      const { subscription, returnImmediately } = request;
      const maxMessages = request.maxMessages ?? 0;
      if (maxMessages < 1) throw invalidArgument('max_messages must be positive.');
      const demand = { messages: Math.min(maxMessages, MAX_PULL.messages), bytes: MAX_PULL.bytes };
      const cancelled = new AbortController();
      call.on('cancelled', () => cancelled.abort());
      const wait = returnImmediately ? 0 : PULL_WAIT_MILLIS;
      const leases = await pull(pullable(subscription ?? ''), demand, wait, cancelled.signal);
      return { receivedMessages: leases.map(received) };
    }),

    streamingPull: (call: StreamingPullCall) => streamingPull(call, pullable),

    acknowledge: unary(({ subscription, ackIds }: google.pubsub.v1.IAcknowledgeRequest): Empty => {
      const queue = broker.queue(subscription ?? '');
      for (const ackId of ackIds ?? []) queue.acknowledge(ackId);
      return {};
    }),

    modifyAckDeadline: unary((request: google.pubsub.v1.IModifyAckDeadlineRequest): Empty => {
      const queue = broker.queue(request.subscription ?? '');
      const seconds = request.ackDeadlineSeconds ?? 0;
      if (seconds < 0 || seconds > 600) throw invalidArgument('ack_deadline_seconds must be within 0 and 600.');
      for (const ackId of request.ackIds ?? []) queue.modifyDeadline(ackId, seconds);
      return {};
    }),
  };
}

function pushed(name: string): RpcError {
  return new RpcError(status.FAILED_PRECONDITION, `${name} has a push endpoint, so it cannot be pulled.`);
}
