import { type ServerUnaryCall, status } from '@grpc/grpc-js';
import { pageOf, type PageRequest } from '../page.ts';
import { type Methods, RpcError, unimplemented } from '../rpc.ts';
import { checkName, checkNew, checkRange, checkSettings, checkSupported, find, notFound, refuseIf } from './checks.ts';
import { parseFilter } from './filter.ts';
import type { SubscriptionConfig } from './messages.ts';
import { startPush } from './push.ts';
import { Queue, received } from './queue.ts';
import type { Store } from './store.ts';
import { type StreamingPullCall, streamingPull } from './streamingPull.ts';

/** A pull without messages waits this long before it returns none. */
const PULL_WAIT_MILLIS = 1_000;

const DAY_SECONDS = 86_400;

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
export function subscriberMethods(store: Store): Methods {
  return { ...administration(store), ...delivery(store) };
}

function administration(store: Store): Methods {
  const { topics, queues } = store;
  return {
    createSubscription: (given: SubscriptionConfig) => {
      const { name } = given;
      checkName('subscriptions', name);
      checkSupported('subscriptions', given);
      if (given.pushConfig?.noWrapper) throw unimplemented('subscriptions with pushConfig.noWrapper');
      const config = withDefaults(given);
      checkSettings(config);
      const filter = parseFilter(given.filter);
      checkNew(queues, name);
      find('topics', topics, given.topic);
      if (given.deadLetterPolicy) find('topics', topics, given.deadLetterPolicy.deadLetterTopic);
      const queue = new Queue(config, filter, (entry, from) => store.publishDeadLetter(entry, from));
      queues.set(name, queue);
      startPush(queue);
      return config;
    },
    getSubscription: ({ subscription }: SubscriptionRequest) => find('subscriptions', queues, subscription).config,
    listSubscriptions: (request: PageRequest & { readonly project: string }) => {
      const ofProject = [...queues.values()].filter(({ name }) => name.startsWith(`${request.project}/`));
      const [page, nextPageToken] = pageOf(ofProject, request);
      return { subscriptions: page.map(({ config }) => config), nextPageToken };
    },
    deleteSubscription: ({ subscription: name }: SubscriptionRequest) => {
      find('subscriptions', queues, name).close(notFound(name));
      queues.delete(name);
      return {};
    },
  };
}

/** Fills in the service's defaults. */
function withDefaults(given: SubscriptionConfig): SubscriptionConfig {
  const { deadLetterPolicy, messageRetentionDuration, expirationPolicy } = given;
  return {
    ...given,
    ackDeadlineSeconds: given.ackDeadlineSeconds || 10,
    deadLetterPolicy: deadLetterPolicy && {
      ...deadLetterPolicy,
      maxDeliveryAttempts: deadLetterPolicy.maxDeliveryAttempts || 5,
    },
    messageRetentionDuration: messageRetentionDuration ?? { seconds: 7 * DAY_SECONDS },
    expirationPolicy: expirationPolicy ?? { ttl: { seconds: 31 * DAY_SECONDS } },
    state: 'ACTIVE',
  };
}

function delivery(store: Store): Methods {
  const queueOf = (name: string) => find('subscriptions', store.queues, name);
  const pullable = (name: string) => {
    const queue = queueOf(name);
    if (!queue.config.pushConfig?.pushEndpoint) return queue;
    throw new RpcError(status.FAILED_PRECONDITION, `${name} has a push endpoint, so it cannot be pulled.`);
  };
  return {
    pull: async (request: PullRequest, call: ServerUnaryCall<never, object>) => {
      refuseIf(request.maxMessages < 1, 'max_messages must be positive.');
      const queue = pullable(request.subscription);
      const demand = { max: request.maxMessages };
      const ended = new AbortController();
      call.on('cancelled', () => ended.abort());
      const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(PULL_WAIT_MILLIS)]);
      const leases = queue.take(demand);
      if (leases.length > 0 || request.returnImmediately) return { receivedMessages: leases.map(received) };
      await queue.ready(signal);
      // Nothing is leased to a caller that has disconnected.
      return { receivedMessages: ended.signal.aborted ? [] : queue.take(demand).map(received) };
    },
    streamingPull: (call: StreamingPullCall) => streamingPull(call, pullable),
    acknowledge: ({ subscription, ackIds }: AckRequest) => {
      const queue = queueOf(subscription);
      refuseIf(ackIds.length === 0, 'No ack ids are given.');
      for (const ackId of ackIds) queue.acknowledge(ackId);
      return {};
    },
    modifyAckDeadline: ({ subscription, ackIds, ackDeadlineSeconds }: AckRequest & { ackDeadlineSeconds: number }) => {
      const queue = queueOf(subscription);
      refuseIf(ackIds.length === 0, 'No ack ids are given.');
      checkRange('ack_deadline_seconds', ackDeadlineSeconds, 0, 600);
      for (const ackId of ackIds) queue.modifyDeadline(ackId, ackDeadlineSeconds);
      return {};
    },
  };
}
