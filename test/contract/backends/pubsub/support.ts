import { PubSub, v1 } from '@google-cloud/pubsub';
import { PublisherClient } from '@google-cloud/pubsub-api/build/src/v1/publisher_client.js';
import { grpc } from 'google-gax';
import { onTestFinished } from 'vitest';
import { eventually } from '../../../../local/process.ts';
import { newProjectId } from '../support.ts';

/** A message as a unary pull returns it. */
export interface Pulled {
  readonly ackId: string;
  readonly text: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly deliveryAttempt: number;
}

/** The clients of one test, with a project of their own. */
export class Clients {
  readonly projectId = newProjectId();
  readonly pubsub: PubSub;
  readonly publisher: PublisherClient;
  readonly subscriber: InstanceType<typeof v1.SubscriberClient>;

  constructor(host: string) {
    const { hostname, port } = new URL(`http://${host}`);
    const direct = { servicePath: hostname, port: Number(port), sslCreds: grpc.credentials.createInsecure() };
    this.pubsub = new PubSub({ projectId: this.projectId, apiEndpoint: host, emulatorMode: true });
    this.publisher = new PublisherClient({ ...direct, projectId: this.projectId });
    this.subscriber = new v1.SubscriberClient({ ...direct, projectId: this.projectId });
    onTestFinished(() => this.close());
  }

  /** Creates a topic `topic` and a subscription `sub`. */
  async create(options: Parameters<PubSub['createSubscription']>[2] = {}): Promise<void> {
    await this.pubsub.createTopic('topic');
    await this.pubsub.createSubscription('topic', 'sub', options);
  }

  topic(id = 'topic'): string {
    return `projects/${this.projectId}/topics/${id}`;
  }

  subscription(id = 'sub'): string {
    return `projects/${this.projectId}/subscriptions/${id}`;
  }

  async publish(
    ...messages: readonly { text?: string; attributes?: Record<string, string>; orderingKey?: string }[]
  ): Promise<readonly string[]> {
    const encoded = messages.map(({ text = '', attributes = {}, orderingKey = '' }) => {
      return { data: Buffer.from(text), attributes, orderingKey };
    });
    const [{ messageIds }] = await this.publisher.publish({ topic: this.topic(), messages: encoded });
    return messageIds ?? [];
  }

  async pull(id = 'sub', maxMessages = 100): Promise<readonly Pulled[]> {
    const request = { subscription: this.subscription(id), maxMessages, returnImmediately: true };
    const [{ receivedMessages }] = await this.subscriber.pull(request);
    return (receivedMessages ?? []).map(({ ackId, message, deliveryAttempt }) => ({
      ackId: ackId ?? '',
      text: Buffer.from((message?.data ?? '') as Uint8Array).toString(),
      attributes: message?.attributes ?? {},
      deliveryAttempt: deliveryAttempt ?? 0,
    }));
  }

  /** Pulls until there are so many messages. */
  async pullSome(count: number, id = 'sub', millis = 20_000): Promise<readonly Pulled[]> {
    const pulled: Pulled[] = [];
    return await eventually(`${count} messages`, millis, async () => {
      pulled.push(...(await this.pull(id, count - pulled.length)));
      return pulled.length >= count ? pulled : undefined;
    });
  }

  async acknowledge(messages: readonly Pulled[], id = 'sub'): Promise<void> {
    await this.subscriber.acknowledge({ subscription: this.subscription(id), ackIds: ackIdsOf(messages) });
  }

  /** @param seconds 0 refuses the messages. */
  async modifyDeadline(messages: readonly Pulled[], seconds: number, id = 'sub'): Promise<void> {
    const ackIds = ackIdsOf(messages);
    const subscription = this.subscription(id);
    await this.subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: seconds });
  }

  async close(): Promise<void> {
    await Promise.all([this.pubsub.close(), this.publisher.close(), this.subscriber.close()]);
  }
}

/** Connects to a new project with a topic `topic` and a subscription `sub`. */
export async function subscribe(host: string, options?: Parameters<Clients['create']>[0]): Promise<Clients> {
  const clients = new Clients(host);
  await clients.create(options);
  return clients;
}

function ackIdsOf(messages: readonly Pulled[]): string[] {
  return messages.map(({ ackId }) => ackId);
}
