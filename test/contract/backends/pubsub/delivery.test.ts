import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '@google-cloud/pubsub';
import { describe, expect, test } from 'vitest';
import { describeBackends, statusOf } from '../support.ts';
import { Clients, type Pulled, subscribe } from './support.ts';

describeBackends('Pub/Sub', 'delivery', (backend) => {
  const textsOf = (messages: readonly Pulled[]) => messages.map(({ text }) => text);

  describe('pull', () => {
    test('delivers what was published after the subscription, until it is acknowledged', async () => {
      const clients = new Clients(backend.host);
      await clients.pubsub.createTopic('topic');
      await clients.publish({ text: 'too early' });
      await clients.pubsub.createSubscription('topic', 'sub');
      await clients.pubsub.createSubscription('topic', 'other');
      await clients.publish({ text: 'one', attributes: { a: '1' } }, { text: 'two' });
      const pulled = await clients.pullSome(2);
      expect(textsOf(pulled).toSorted()).toEqual(['one', 'two']);
      expect(pulled.find(({ text }) => text === 'one')?.attributes).toEqual({ a: '1' });
      expect(await clients.pull()).toEqual([]);
      await clients.acknowledge(pulled);
      expect(await clients.pull()).toEqual([]);
      expect(textsOf(await clients.pullSome(2, 'other')).toSorted()).toEqual(['one', 'two']);
    });

    test('waits for a message', async () => {
      const clients = await subscribe(backend.host);
      const pulling = clients.subscriber.pull({ subscription: clients.subscription(), maxMessages: 5 });
      await sleep(200);
      await clients.publish({ text: 'late' });
      expect((await pulling)[0].receivedMessages).toHaveLength(1);
    });

    test('redelivers a refused message, and one that is not acknowledged in time', async () => {
      const clients = await subscribe(backend.host);
      await clients.publish({ text: 'a' });
      const first = await clients.pullSome(1);
      await clients.modifyDeadline(first, 0);
      const second = await clients.pullSome(1);
      await clients.modifyDeadline(second, 1);
      expect(await clients.pull()).toEqual([]);
      const third = await clients.pullSome(1);
      expect(textsOf(third)).toEqual(['a']);
      expect(third[0]).toMatchObject({ deliveryAttempt: 0 });
      await clients.acknowledge(third);
      await sleep(1_500);
      expect(await clients.pull()).toEqual([]);
    });

    test('keeps a message for as long as its deadline is extended', async () => {
      const clients = await subscribe(backend.host);
      await clients.publish({ text: 'a' });
      const pulled = await clients.pullSome(1);
      await clients.modifyDeadline(pulled, 1);
      await clients.modifyDeadline(pulled, 60);
      await sleep(1_500);
      expect(await clients.pull()).toEqual([]);
    });

    test('waits for the backoff of a retry policy', async () => {
      const clients = await subscribe(backend.host, {
        retryPolicy: { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 2 } },
      });
      await clients.publish({ text: 'a' });
      let pulled = await clients.pullSome(1);
      const waits: number[] = [];
      for (let failures = 0; failures < 2; failures += 1) {
        await clients.modifyDeadline(pulled, 0);
        const refusedAt = performance.now();
        pulled = await clients.pullSome(1);
        waits.push(performance.now() - refusedAt);
      }
      const [first = 0, second = 0] = waits;
      // The official emulator's first redelivery does not wait.
      expect(first).toBeGreaterThan(backend.isEmbedded ? 950 : 0);
      expect(second).toBeGreaterThan(backend.isEmbedded ? 1_950 : 950);
    });
  });

  test('moves a message that is refused 5 times to the dead-letter topic, with its origin', async () => {
    const clients = new Clients(backend.host);
    await clients.pubsub.createTopic('dead');
    await clients.pubsub.createSubscription('dead', 'letters');
    await clients.create({ deadLetterPolicy: { deadLetterTopic: clients.topic('dead'), maxDeliveryAttempts: 5 } });
    await clients.publish({ text: 'poison', attributes: { a: '1' } });
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const pulled = await clients.pullSome(1);
      expect(pulled[0]).toMatchObject({ deliveryAttempt: attempt });
      await clients.modifyDeadline(pulled, 0);
    }
    // The official emulator moves it when its subscription is pulled once more.
    await expect.poll(() => clients.pull()).toEqual([]);
    const [letter] = await clients.pullSome(1, 'letters');
    expect(letter).toMatchObject({
      text: 'poison',
      attributes: {
        a: '1',
        CloudPubSubDeadLetterSourceSubscription: 'sub',
        CloudPubSubDeadLetterSourceSubscriptionProject: clients.projectId,
        CloudPubSubDeadLetterSourceDeliveryCount: '5',
        CloudPubSubDeadLetterSourceTopicPublishTime: expect.stringMatching(
          /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/,
        ) as unknown,
      },
    });
    expect(await clients.pull()).toEqual([]);
  });

  describe('ordering', () => {
    const key = (text: string, orderingKey: string) => ({ text, orderingKey });

    test('keeps the messages of a key in order, and others apart', async () => {
      const clients = await subscribe(backend.host, { enableMessageOrdering: true });
      const texts = Array.from({ length: 50 }, (_, index) => `a${index}`);
      await clients.publish(...texts.map((text) => key(text, 'a')), key('b', 'b'));
      const received: string[] = [];
      while (received.length < 51) {
        const pulled = await clients.pull('sub', 7);
        received.push(...textsOf(pulled));
        await clients.acknowledge(pulled);
      }
      expect(received.filter((text) => text !== 'b')).toEqual(texts);
    });

    test('redelivers what follows a refused message, unless it is acknowledged; the official emulator only the refused one', async () => {
      const clients = await subscribe(backend.host, { enableMessageOrdering: true });
      await clients.publish(...['1', '2', '3'].map((text) => key(text, 'a')));
      const first = await clients.pullSome(3);
      expect(textsOf(first)).toEqual(['1', '2', '3']);
      await clients.acknowledge(first.slice(2));
      await clients.modifyDeadline(first.slice(0, 1), 0);
      // The lease has ended together with that of the refused message.
      await clients.acknowledge(first.slice(1, 2));
      const again = await clients.pullSome(backend.isEmbedded ? 2 : 1);
      expect(textsOf(again)).toEqual(backend.isEmbedded ? ['1', '2'] : ['1']);
      await clients.acknowledge(again);
      expect(await clients.pull()).toEqual([]);
    });

    test('delivers the next messages of a key after all earlier ones are acknowledged', async () => {
      const clients = await subscribe(backend.host, { enableMessageOrdering: true });
      await clients.publish(key('1', 'a'), key('2', 'a'));
      const first = await clients.pull('sub', 1);
      expect(textsOf(first)).toEqual(['1']);
      expect(textsOf(await clients.pull())).toEqual([]);
      await clients.acknowledge(first);
      expect(textsOf(await clients.pull())).toEqual(['2']);
    });
  });

  describe('filters', () => {
    test('select messages by their attributes; the official emulator ignores them', async () => {
      const clients = await subscribe(backend.host, {
        filter: 'attributes.type = "batch" AND NOT attributes:repeat_of',
      });
      await clients.publish(
        { text: 'no', attributes: { type: 'video' } },
        { text: 'yes', attributes: { type: 'batch' } },
        { text: 'no', attributes: { type: 'batch', repeat_of: 'x' } },
      );
      expect(textsOf(await clients.pullSome(backend.isEmbedded ? 1 : 3))).toContain('yes');
      expect(await clients.pull()).toEqual([]);
    });

    test('with a syntax error are refused; the official emulator accepts them', async () => {
      const clients = new Clients(backend.host);
      const creation = clients.create({ filter: 'attributes.type = "a" AND attributes:b OR attributes:c' });
      expect(await statusOf(creation)).toBe(backend.isEmbedded ? 'INVALID_ARGUMENT' : 'OK');
    });
  });

  describe('streaming pull', () => {
    test('feeds the client library until everything is acknowledged; the embedded one within the flow control', async () => {
      const clients = await subscribe(backend.host);
      const texts = Array.from({ length: 100 }, (_, index) => String(index));
      await clients.publish(...texts.map((text) => ({ text })));
      const subscription = clients.pubsub.subscription('sub', { flowControl: { maxMessages: 10 } });
      const received = new Set<string>();
      let [inHand, most] = [0, 0];
      const handle = async (message: Message) => {
        most = Math.max(most, (inHand += 1));
        await sleep(2);
        received.add(message.data.toString());
        inHand -= 1;
        message.ack();
      };
      subscription.on('message', (message: Message) => void handle(message));
      subscription.on('error', (error) => expect.unreachable(String(error)));
      await expect.poll(() => received.size, { timeout: 20_000 }).toBe(100);
      await subscription.close();
      // The official emulator ignores the limit of the stream, and the client takes what it receives.
      expect(most).toBeLessThanOrEqual(backend.isEmbedded ? 10 : 100);
      expect(await clients.pull()).toEqual([]);
    });

    test('redelivers what the client refuses, with its ordering key', async () => {
      const clients = await subscribe(backend.host, { enableMessageOrdering: true });
      const subscription = clients.pubsub.subscription('sub');
      const received: string[] = [];
      subscription.on('message', (message: Message) => {
        received.push(`${message.orderingKey} ${message.data.toString()}`);
        if (received.length === 1) message.nack();
        else message.ack();
      });
      await clients.publish({ text: 'first', orderingKey: 'a' });
      await expect.poll(() => received).toEqual(['a first', 'a first']);
      await subscription.close();
    });

    test('takes acknowledgements and deadlines on the stream', async () => {
      const clients = await subscribe(backend.host);
      await clients.publish({ text: 'a' });
      const stream = clients.subscriber.streamingPull();
      const received: string[] = [];
      stream.on('data', ({ receivedMessages }: { receivedMessages: { ackId: string }[] }) => {
        const [ackId = ''] = receivedMessages.map((message) => message.ackId);
        received.push(ackId);
        if (received.length === 1) stream.write({ modifyDeadlineAckIds: [ackId], modifyDeadlineSeconds: [0] });
        else stream.write({ ackIds: [ackId] });
      });
      stream.on('error', () => {});
      stream.write({ subscription: clients.subscription(), streamAckDeadlineSeconds: 10 });
      await expect.poll(() => received.length).toBe(2);
      await sleep(200);
      stream.end();
      expect(await clients.pull()).toEqual([]);
    });

    test('redelivers the messages of a disconnected client after their deadlines', async () => {
      const clients = await subscribe(backend.host);
      const stream = clients.subscriber.streamingPull();
      stream.on('error', () => {});
      stream.write({ subscription: clients.subscription(), streamAckDeadlineSeconds: 10 });
      const received = once(stream, 'data') as Promise<[{ receivedMessages: Pulled[] }]>;
      await clients.publish({ text: 'a' });
      const [{ receivedMessages }] = await received;
      await clients.modifyDeadline(receivedMessages, 1);
      stream.cancel();
      expect(textsOf(await clients.pullSome(1))).toEqual(['a']);
    });

    test('ends with an error when the subscription is deleted', async () => {
      const clients = await subscribe(backend.host);
      const subscription = clients.pubsub.subscription('sub');
      const failed = new Promise((resolve) => subscription.on('error', resolve));
      subscription.on('message', (message: Message) => message.ack());
      await clients.publish({ text: 'a' });
      await sleep(200);
      await clients.subscriber.deleteSubscription({ subscription: clients.subscription() });
      expect(await failed).toMatchObject({ code: 5 });
    });

    test('ends with an error when the subscription does not exist', async () => {
      const clients = new Clients(backend.host);
      const subscription = clients.pubsub.subscription('sub');
      const error = await new Promise((resolve) => {
        subscription.on('error', resolve);
        subscription.on('message', () => {});
      });
      expect(error).toMatchObject({ code: 5 });
    });
  });
});
