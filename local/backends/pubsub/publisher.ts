import { pageOf } from '../page.ts';
import type { Methods } from '../rpc.ts';
import type { Broker } from './broker.ts';
import { checkMessages } from './limits.ts';
import { alreadyExists, checkName, find, listOf, type ListRequest } from './names.ts';
import type { Message, TopicConfig } from './store.ts';
import { checkSupported } from './subscriptionConfig.ts';

/** The topic of subscriptions whose topic has been deleted, as the service names it. */
const DELETED_TOPIC = '_deleted-topic_';

/** Fields that a stand-in must not accept without doing what they say. */
const UNSUPPORTED = ['schemaSettings', 'ingestionDataSourceSettings', 'messageTransforms', 'kmsKeyName'] as const;

interface TopicRequest {
  readonly topic: string;
}

/** Methods of google.pubsub.v1.Publisher. */
export function publisherMethods(broker: Broker): Methods {
  const { topics, subscriptions } = broker.store;
  const subscriptionsOf = (topic: string) => [...subscriptions.values()].filter(({ config }) => config.topic === topic);
  return {
    createTopic: (given: TopicConfig) => {
      checkName(given.name, 'topics');
      checkSupported('topics', given, UNSUPPORTED);
      if (topics.has(given.name)) throw alreadyExists(given.name);
      const topic = { ...given, state: 'ACTIVE' };
      topics.set(given.name, topic);
      return topic;
    },
    getTopic: ({ topic }: TopicRequest) => find(topics, topic),
    listTopics: (request: ListRequest) => {
      const [items, nextPageToken] = listOf(topics.values(), request);
      return { topics: items, nextPageToken };
    },
    listTopicSubscriptions: (request: ListRequest & TopicRequest) => {
      const [items, nextPageToken] = pageOf(subscriptionsOf(find(topics, request.topic).name), request);
      return { subscriptions: items.map(({ name }) => name), nextPageToken };
    },
    deleteTopic: ({ topic }: TopicRequest) => {
      topics.delete(find(topics, topic).name);
      for (const subscription of subscriptionsOf(topic)) {
        subscription.config = { ...subscription.config, topic: DELETED_TOPIC };
      }
      return {};
    },
    publish: ({ topic, messages }: TopicRequest & { readonly messages: readonly Message[] }) => {
      find(topics, topic);
      checkMessages(messages);
      return { messageIds: broker.publish(topic, messages) };
    },
  };
}
