import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { freePort } from '../../../../local/process.ts';
import { serveHttpInTest } from '../../../support/server.ts';
import { describeBackends, statusOf } from '../support.ts';
import { Clients, subscribe } from './support.ts';

interface Push {
  readonly contentType: string | undefined;
  readonly body: {
    readonly subscription: string;
    readonly deliveryAttempt?: number;
    readonly message: Readonly<Record<string, unknown> & { data?: string; publishTime?: string }>;
  };
  readonly data: string;
  readonly millis: number;
}

/** A push endpoint that answers with the given statuses in turn, the last one for all further requests. */
class Endpoint {
  readonly pushes: Push[] = [];
  url = '';
  /** Requests answered at the same time, at most. */
  most = 0;
  #open = 0;

  static async start(...statuses: readonly [number, ...number[]]): Promise<Endpoint> {
    return await Endpoint.startAt(0, ...statuses);
  }

  /** @param port 0 takes a free one. */
  static async startAt(port: number, ...statuses: readonly [number, ...number[]]): Promise<Endpoint> {
    const endpoint = new Endpoint();
    const { url } = await serveHttpInTest(
      async (request, response) => await endpoint.#answer(statuses, request, response),
      port,
    );
    endpoint.url = `${url}/projects/p/topics/t`;
    return endpoint;
  }

  async #answer(statuses: readonly number[], request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.most = Math.max(this.most, (this.#open += 1));
    const body = JSON.parse(await text(request)) as Push['body'];
    const data = Buffer.from(body.message.data ?? '', 'base64').toString();
    this.pushes.push({ contentType: request.headers['content-type'], body, data, millis: performance.now() });
    const status = statuses[this.pushes.length - 1] ?? statuses.at(-1) ?? 500;
    await sleep(20);
    this.#open -= 1;
    response.writeHead(status).end();
  }
}

describeBackends('Pub/Sub', 'push', (backend) => {
  test('posts the wrapped message; the ordering key and the delivery attempt by the embedded one only', async () => {
    const clients = new Clients(backend.host);
    const endpoint = await Endpoint.start(204);
    await clients.pubsub.createTopic('dead');
    const deadLetterPolicy = { deadLetterTopic: clients.topic('dead'), maxDeliveryAttempts: 5 };
    await clients.create({ pushEndpoint: endpoint.url, deadLetterPolicy });
    const [messageId] = await clients.publish({ text: '{"a":1}', attributes: { a: '1' }, orderingKey: 'key' });
    await expect.poll(() => endpoint.pushes).toHaveLength(1);
    const time = endpoint.pushes[0]?.body.message.publishTime ?? '';
    expect(endpoint.pushes[0]).toMatchObject({ contentType: expect.stringMatching(/^application\/json/) as unknown });
    expect(new Date(time).toISOString()).toBe(time);
    expect(endpoint.pushes[0]?.body).toEqual({
      subscription: clients.subscription(),
      message: {
        data: Buffer.from('{"a":1}').toString('base64'),
        attributes: { a: '1' },
        messageId,
        message_id: messageId,
        publishTime: time,
        publish_time: time,
        ...(backend.isEmbedded ? { orderingKey: 'key' } : {}),
      },
      ...(backend.isEmbedded ? { deliveryAttempt: 1 } : {}),
    });
  });

  /** Answers a message with each status, and with 204 when it is pushed again. */
  const pushesByStatus = async (statuses: readonly number[], enough: (pushes: number) => boolean) => {
    const clients = new Clients(backend.host);
    await clients.pubsub.createTopic('topic');
    const endpoints = await Promise.all(statuses.map((status) => Endpoint.start(status, status, 204)));
    for (const [index, { url }] of endpoints.entries()) {
      await clients.pubsub.createSubscription('topic', `sub${index}`, { pushEndpoint: url });
    }
    await clients.publish({ text: 'a' });
    await expect.poll(() => endpoints.every(({ pushes }) => enough(pushes.length))).toBe(true);
    return endpoints;
  };

  test('four statuses acknowledge; with the official emulator 203 instead of 202', async () => {
    const statuses = backend.isEmbedded ? [200, 201, 202, 204] : [200, 201, 203, 204];
    const endpoints = await pushesByStatus(statuses, (pushes) => pushes > 0);
    await sleep(1_500);
    expect(endpoints.map(({ pushes }) => pushes.length)).toEqual(statuses.map(() => 1));
  });

  test('pushes the same message again after any other status', async () => {
    const endpoints = await pushesByStatus(
      [backend.isEmbedded ? 203 : 202, 301, 400, 404, 429, 500, 503],
      (pushes) => pushes === 3,
    );
    const messageIds = endpoints.flatMap(({ pushes }) => pushes.map(({ body }) => body.message['messageId']));
    expect(new Set(messageIds).size).toBe(1);
  });

  test('pushes again when nothing listens at first', async () => {
    const clients = new Clients(backend.host);
    const port = await freePort();
    await clients.create({ pushEndpoint: `http://127.0.0.1:${port}/` });
    await clients.publish({ text: 'a' });
    await sleep(100);
    const endpoint = await Endpoint.startAt(port, 204);
    await expect.poll(() => endpoint.pushes).toHaveLength(1);
  });

  test('waits for the backoff of a retry policy', async () => {
    const endpoint = await Endpoint.start(503, 503, 204);
    const retryPolicy = { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 2 } };
    const clients = await subscribe(backend.host, { pushEndpoint: endpoint.url, retryPolicy });
    await clients.publish({ text: 'a' });
    await expect.poll(() => endpoint.pushes.length).toBe(3);
    const [first = 0, second = 0, third = 0] = endpoint.pushes.map(({ millis }) => millis);
    expect(second - first).toBeGreaterThan(backend.isEmbedded ? 950 : 0);
    expect(third - second).toBeGreaterThan(backend.isEmbedded ? 1_950 : 950);
  });

  test('moves a message that is refused 5 times to the dead-letter topic', async () => {
    const clients = new Clients(backend.host);
    const endpoint = await Endpoint.start(500);
    await clients.pubsub.createTopic('dead');
    await clients.pubsub.createSubscription('dead', 'letters');
    const deadLetterPolicy = { deadLetterTopic: clients.topic('dead'), maxDeliveryAttempts: 5 };
    await clients.create({ pushEndpoint: endpoint.url, deadLetterPolicy });
    await clients.publish({ text: 'poison' });
    const [letter] = await clients.pullSome(1, 'letters');
    expect(letter).toMatchObject({ text: 'poison', attributes: { CloudPubSubDeadLetterSourceDeliveryCount: '5' } });
    expect(endpoint.pushes).toHaveLength(5);
  });

  test('pushes messages of an ordering key one after the other, a failed one before the next', async () => {
    const endpoint = await Endpoint.start(204, 500, 204);
    const clients = await subscribe(backend.host, { pushEndpoint: endpoint.url, enableMessageOrdering: true });
    await clients.publish(...['1', '2', '3'].map((each) => ({ text: each, orderingKey: 'key' })));
    await expect.poll(() => endpoint.pushes.map(({ data }) => data)).toEqual(['1', '2', '2', '3']);
    expect(endpoint.most).toBe(1);
  });

  test('pushes messages without a key concurrently', async () => {
    const endpoint = await Endpoint.start(204);
    const clients = await subscribe(backend.host, { pushEndpoint: endpoint.url });
    await clients.publish(...Array.from({ length: 50 }, (_, index) => ({ text: String(index) })));
    await expect.poll(() => endpoint.pushes.length).toBe(50);
    expect(endpoint.most).toBeGreaterThan(1);
  });

  test('a subscription with an endpoint cannot be pulled', async () => {
    const endpoint = await Endpoint.start(204);
    const clients = await subscribe(backend.host, { pushEndpoint: endpoint.url });
    expect(await statusOf(clients.pull())).toBe(backend.isEmbedded ? 'FAILED_PRECONDITION' : 'OK');
  });
});
