import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { describeBackends, statusOf } from '../support.ts';
import { Clients, subscribe } from './support.ts';

describeBackends('Pub/Sub', 'resources', (backend) => {
  describe('topics and subscriptions', () => {
    test('are created once, found, listed and deleted', async () => {
      const { pubsub, projectId } = new Clients(backend.host);
      await pubsub.createTopic('first');
      await pubsub.createTopic('second');
      expect(await statusOf(pubsub.createTopic('first'))).toBe('ALREADY_EXISTS');
      await pubsub.createSubscription('first', 'sub', { labels: { a: 'b' } });
      expect(await statusOf(pubsub.createSubscription('first', 'sub'))).toBe('ALREADY_EXISTS');
      expect(await statusOf(pubsub.createSubscription('none', 'other'))).toBe('NOT_FOUND');

      const named = (kind: string, ...ids: string[]) => ids.map((id) => `projects/${projectId}/${kind}/${id}`);
      expect((await pubsub.getTopics())[0].map((topic) => topic.name)).toEqual(named('topics', 'first', 'second'));
      const [ofTopic] = await pubsub.topic('first').getSubscriptions();
      expect(ofTopic.map((subscription) => subscription.name)).toEqual(named('subscriptions', 'sub'));
      expect((await pubsub.getSubscriptions())[0].map((each) => each.name)).toEqual(named('subscriptions', 'sub'));

      await pubsub.topic('first').delete();
      expect(await pubsub.topic('first').exists()).toEqual([false]);
      expect((await pubsub.subscription('sub').getMetadata())[0].topic).toBe('_deleted-topic_');
      await pubsub.subscription('sub').delete();
      expect(await pubsub.subscription('sub').exists()).toEqual([false]);
      expect(await statusOf(pubsub.subscription('sub').delete())).toBe('NOT_FOUND');
    });

    test('are listed page by page', async () => {
      const { pubsub, publisher, projectId } = new Clients(backend.host);
      for (const id of ['one', 'two', 'three']) await pubsub.createTopic(id);
      const list = async (pageToken: string) => {
        const request = { project: `projects/${projectId}`, pageSize: 2, pageToken };
        const [topics, , response] = await publisher.listTopics(request, { autoPaginate: false });
        return { count: topics.length, next: response?.nextPageToken ?? '' };
      };
      const first = await list('');
      expect(first.count).toBe(2);
      expect(await list(first.next)).toEqual({ count: 1, next: '' });
    });

    test.each(['1topic', 'ab', 'goog-topic', 'a b c', 'a'.repeat(256)])('are not named %s', async (id) => {
      const { publisher, projectId } = new Clients(backend.host);
      const creation = publisher.createTopic({ name: `projects/${projectId}/topics/${id}` });
      expect(await statusOf(creation)).toBe('INVALID_ARGUMENT');
    });

    test('of projects are kept apart', async () => {
      const [one, other] = [new Clients(backend.host), new Clients(backend.host)];
      await one.create();
      await other.create();
      await one.publish({ text: 'to one' });
      expect(await other.pull()).toEqual([]);
      expect((await one.pullSome(1)).map(({ text }) => text)).toEqual(['to one']);
    });

    test('have the defaults of the service', async () => {
      const clients = await subscribe(backend.host, { retryPolicy: { minimumBackoff: { seconds: 12 } } });
      const [metadata] = await clients.pubsub.subscription('sub').getMetadata();
      expect(metadata).toMatchObject({ topic: clients.topic(), ackDeadlineSeconds: 10, filter: '' });
      expect(Number(metadata.messageRetentionDuration?.seconds)).toBe(7 * 86_400);
      expect(Number(metadata.retryPolicy?.minimumBackoff?.seconds)).toBe(12);
    });

    const deadLetters = (topic: string, maxDeliveryAttempts: number) => (clients: Clients) => ({
      deadLetterPolicy: { deadLetterTopic: clients.topic(topic), maxDeliveryAttempts },
    });
    const backoff = (minimum: number, maximum: number) => () => ({
      retryPolicy: { minimumBackoff: { seconds: minimum }, maximumBackoff: { seconds: maximum } },
    });

    test.each<[string, (clients: Clients) => object, embedded: string, official: string]>([
      ['an ack deadline over 600 s', () => ({ ackDeadlineSeconds: 601 }), 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
      ['an ack deadline below 10 s', () => ({ ackDeadlineSeconds: 9 }), 'INVALID_ARGUMENT', 'OK'],
      ['fewer than 5 delivery attempts', deadLetters('topic', 4), 'INVALID_ARGUMENT', 'OUT_OF_RANGE'],
      ['a missing dead-letter topic', deadLetters('none', 5), 'NOT_FOUND', 'NOT_FOUND'],
      ['a minimum backoff over the maximum', backoff(20, 10), 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
      ['a backoff over 600 s', backoff(10, 601), 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
      ['a push endpoint that is no URL', () => ({ pushEndpoint: 'nowhere' }), 'INVALID_ARGUMENT', 'INVALID_ARGUMENT'],
    ])('%s', async (_title, options, embedded, official) => {
      const clients = await subscribe(backend.host);
      const creation = clients.pubsub.createSubscription('topic', 'refused', options(clients));
      expect(await statusOf(creation)).toBe(backend.isEmbedded ? embedded : official);
    });
  });

  describe('publishing', () => {
    test('gives each message a unique id', async () => {
      const clients = await subscribe(backend.host);
      const batches = await Promise.all([1, 2, 3].map(() => clients.publish({ text: 'a' }, { text: 'a' })));
      expect(new Set(batches.flat()).size).toBe(6);
    });

    test('refuses what no subscriber could receive', async () => {
      const clients = new Clients(backend.host);
      expect(await statusOf(clients.publish({ text: 'a' }))).toBe('NOT_FOUND');
      await clients.create();
      expect(await statusOf(clients.publish({ text: 'good' }, {}))).toBe('INVALID_ARGUMENT');
      const many = Array.from({ length: 1_001 }, () => ({ text: 'a' }));
      expect(await statusOf(clients.publish(...many))).toBe('INVALID_ARGUMENT');
      expect(await clients.pull()).toEqual([]);
    });

    test('accepts nothing after the deadline of the call', async () => {
      const clients = await subscribe(backend.host);
      const request = { topic: clients.topic(), messages: [{ data: Buffer.from('late') }] };
      await expect(clients.publisher.publish(request, { timeout: 0, maxRetries: 0 })).rejects.toBeDefined();
      await clients.publish({ text: 'in time' });
      expect((await clients.pullSome(1)).map(({ text }) => text)).toEqual(['in time']);
      expect(await clients.pull()).toEqual([]);
    });

    test('carries messages of megabytes', async () => {
      const clients = await subscribe(backend.host);
      const text = 'x'.repeat(9_900_000);
      await clients.publish({ text });
      expect((await clients.pullSome(1))[0]?.text.length).toBe(text.length);
    });
  });

  test.each<[string, (clients: Clients) => Promise<unknown>]>([
    ['a publish without a topic', ({ publisher }) => publisher.publish({ messages: [{ data: Buffer.from('a') }] })],
    ['a topic that is no name', ({ publisher }) => publisher.getTopic({ topic: 'topic' })],
    ['a subscription without a name', ({ subscriber }) => subscriber.createSubscription({})],
    ['a pull of nothing', (clients) => clients.pull('sub', 0)],
    ['no acknowledgement', (clients) => clients.acknowledge([])],
    ['a deadline over 600 s', (clients) => clients.modifyDeadline([PULLED], 601)],
    ['a negative deadline', (clients) => clients.modifyDeadline([PULLED], -1)],
    ['a stream without a deadline', (clients) => stream(clients, { streamAckDeadlineSeconds: 0 })],
    ['a stream without a subscription', (clients) => stream(clients, { subscription: '' })],
    ['deadlines of other ids', (clients) => stream(clients, { modifyDeadlineAckIds: ['a', 'b'] })],
  ])('refuses %s', async (_, call) => {
    const clients = await subscribe(backend.host);
    expect(await statusOf(call(clients))).toBe('INVALID_ARGUMENT');
  });

  test.each<[string, (clients: Clients) => Promise<unknown>]>([
    ['seek', async (clients) => await clients.pubsub.subscription('sub').seek(new Date())],
    [
      'a changed subscription',
      async (clients) => await clients.pubsub.subscription('sub').setMetadata({ ackDeadlineSeconds: 60 }),
    ],
    ['a changed endpoint', async (clients) => await clients.pubsub.subscription('sub').modifyPushConfig({})],
  ])('%s is UNIMPLEMENTED by the embedded one', async (_, call) => {
    const clients = await subscribe(backend.host);
    expect(await statusOf(call(clients))).toBe(backend.isEmbedded ? 'UNIMPLEMENTED' : 'OK');
  });
});

const PULLED = { ackId: 'a', text: '', attributes: {}, deliveryAttempt: 0 };

/** Opens a StreamingPull, and rejects with the error that it ends with. */
async function stream(clients: Clients, request: object): Promise<unknown> {
  const call = clients.subscriber.streamingPull();
  call.write({ subscription: clients.subscription(), streamAckDeadlineSeconds: 10, ...request });
  return await once(call, 'end');
}
