import { pageOf, type PageRequest } from '../page.ts';
import type { Methods } from '../rpc.ts';
import { checkMessages, checkName, checkNew, checkSupported, find } from './checks.ts';
import type { Message, TopicConfig } from './messages.ts';
import type { Store } from './store.ts';

/** The topic of subscriptions whose topic has been deleted, as the service names it. */
const DELETED_TOPIC = '_deleted-topic_';

interface TopicRequest {
  readonly topic: string;
}

/** Methods of google.pubsub.v1.Publisher. */
export function publisherMethods(store: Store): Methods {
  const { topics, queues } = store;
  const queuesOf = (topic: string) => [...queues.values()].filter(({ config }) => config.topic === topic);
  return {
    createTopic: (given: TopicConfig) => {
      checkName('topics', given.name);
      checkSupported('topics', given);
      checkNew(topics, given.name);
      const topic = { ...given, state: 'ACTIVE' };
      topics.set(given.name, topic);
      return topic;
    },
    getTopic: ({ topic }: TopicRequest) => find('topics', topics, topic),
    listTopics: (request: PageRequest & { readonly project: string }) => {
      const ofProject = [...topics.values()].filter(({ name }) => name.startsWith(`${request.project}/`));
      const [page, nextPageToken] = pageOf(ofProject, request);
      return { topics: page, nextPageToken };
    },
    listTopicSubscriptions: (request: PageRequest & TopicRequest) => {
      const { name: topic } = find('topics', topics, request.topic);
      const [page, nextPageToken] = pageOf(queuesOf(topic), request);
      return { subscriptions: page.map(({ name }) => name), nextPageToken };
    },
    deleteTopic: ({ topic }: TopicRequest) => {
      topics.delete(find('topics', topics, topic).name);
      for (const queue of queuesOf(topic)) queue.config = { ...queue.config, topic: DELETED_TOPIC };
      return {};
    },
    publish: ({ topic, messages }: TopicRequest & { readonly messages: readonly Message[] }) => {
      find('topics', topics, topic);
      checkMessages(messages);
      return { messageIds: store.publish(topic, messages) };
    },
  };
}
