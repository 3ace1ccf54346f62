import type { google } from '@google-cloud/pubsub-api/build/protos/protos.js';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Broker } from './broker.ts';
import { alreadyExists, notFound, unimplemented } from './errors.ts';
import { checkName, projectOf } from './names.ts';
import { page, unary } from './rpc.ts';
import type { TopicConfig } from './store.ts';

type Empty = google.protobuf.IEmpty;

/** Topics of subscriptions whose topic has been deleted, as the service names them. */
const DELETED_TOPIC = '_deleted-topic_';

/** Fields that a stand-in must not accept without doing what they say. */
const UNSUPPORTED = ['schemaSettings', 'ingestionDataSourceSettings', 'messageTransforms', 'kmsKeyName'] as const;

/** Methods of google.pubsub.v1.Publisher. */
export function publisherMethods(broker: Broker): UntypedServiceImplementation {
  const { topics, subscriptions } = broker.store;
  const find = (name: string): TopicConfig => {
    const topic = topics.get(name);
    if (!topic) throw notFound(name);
    return topic;
  };
  return {
    createTopic: unary((given: TopicConfig): TopicConfig => {
      const name = given.name ?? '';
      checkName(name, 'topics');
      for (const field of UNSUPPORTED) {
        const value = given[field];
        if (Array.isArray(value) ? value.length > 0 : value) throw unimplemented(`topics with ${field}`);
      }
      if (topics.has(name)) throw alreadyExists(name);
      const topic: TopicConfig = { ...given, state: 'ACTIVE' };
      topics.set(name, topic);
      return topic;
    }),

    getTopic: unary(({ topic }: google.pubsub.v1.IGetTopicRequest): TopicConfig => find(topic ?? '')),

    listTopics: unary((request: google.pubsub.v1.IListTopicsRequest): google.pubsub.v1.IListTopicsResponse => {
      const found = [...topics.values()].filter(({ name }) => projectOf(name ?? '') === request.project);
      const { items, nextPageToken } = page(found, request);
      return { topics: items, nextPageToken };
    }),

    listTopicSubscriptions: unary(
      (request: google.pubsub.v1.IListTopicSubscriptionsRequest): google.pubsub.v1.IListTopicSubscriptionsResponse => {
        const topic = find(request.topic ?? '').name;
        const found = [...subscriptions.values()].filter(({ config }) => config.topic === topic);
        const { items, nextPageToken } = page(found, request);
        return { subscriptions: items.map(({ name }) => name), nextPageToken };
      },
    ),

    deleteTopic: unary(({ topic }: google.pubsub.v1.IDeleteTopicRequest): Empty => {
      const { name } = find(topic ?? '');
      topics.delete(name ?? '');
      for (const subscription of subscriptions.values()) {
        if (subscription.config.topic === name) subscription.config = { ...subscription.config, topic: DELETED_TOPIC };
      }
      return {};
    }),

    publish: unary(({ topic, messages }: google.pubsub.v1.IPublishRequest): google.pubsub.v1.IPublishResponse => ({
      messageIds: broker.publish(topic ?? '', messages ?? []),
    })),
  };
}
