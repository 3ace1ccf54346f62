import { randomBytes } from 'node:crypto';
import { type DocumentData, Firestore } from '@google-cloud/firestore';
import { PubSub, type Subscription, v1 } from '@google-cloud/pubsub';
import { eventually } from './process.ts';

export interface ReceivedMessage {
  readonly messageId: string;
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
  /** When Pub/Sub accepted it, Unix milliseconds. */
  readonly publishedMillis: number;
}

export const TOPICS = ['gemini-events', 'gemini-results', 'gemini-dead-letter'] as const;
export type Topic = (typeof TOPICS)[number];

/** A Google Cloud project for one test or run; the emulators isolate projects from each other. */
export class LocalProject {
  /** Called with each message that was pulled and each document that was read; the tests validate them by the schemas. */
  static inspect: {
    message?: (topic: Topic, message: ReceivedMessage) => void;
    document?: (path: string, data: DocumentData) => void;
  } = {};

  readonly projectId: string;
  readonly firestore: Firestore;
  readonly #pubsub: PubSub;
  /** Messages that were pulled, by topic and id. */
  readonly #seen = new Set<string>();
  readonly #listening: Subscription[] = [];
  readonly #subscriber: InstanceType<typeof v1.SubscriberClient>;

  private constructor(projectId: string, pubsub: PubSub, subscriber: InstanceType<typeof v1.SubscriberClient>) {
    this.projectId = projectId;
    this.firestore = new Firestore({ projectId });
    this.#pubsub = pubsub;
    this.#subscriber = subscriber;
  }

  /**
   * Creates a project with the topics, each with a subscription of the same name, on the emulators of the environment.
   *
   * @param ordered whether messages come in their order, which takes the emulator about a millisecond for each.
   */
  static async create({ ordered = true }: { ordered?: boolean } = {}): Promise<LocalProject> {
    const projectId = `demo-${randomBytes(6).toString('hex')}`;
    const pubsub = new PubSub({ projectId });
    const subscriber = new v1.SubscriberClient({ ...(await pubsub.getClientConfig()) });
    const project = new LocalProject(projectId, pubsub, subscriber);
    await project.createTopics();
    await project.createSubscriptions({ ordered });
    return project;
  }

  async createTopics(): Promise<void> {
    for (const topic of TOPICS) await this.#pubsub.createTopic(topic);
  }

  /** Creates the pull subscriptions that `messages` reads. A new Pub/Sub emulator counts message ids from 1 again. */
  async createSubscriptions({ ordered }: { ordered: boolean }): Promise<void> {
    this.#seen.clear();
    for (const topic of TOPICS) await this.#pubsub.createSubscription(topic, topic, { enableMessageOrdering: ordered });
  }

  /** Publishes a message and returns its id. */
  async publish(topic: Topic, { data, attributes }: Pick<ReceivedMessage, 'data' | 'attributes'>): Promise<string> {
    return await this.#pubsub.topic(topic).publishMessage({ data, attributes });
  }

  /** Variables by which a function finds this project. */
  get env(): NodeJS.ProcessEnv {
    const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
    return { GOOGLE_CLOUD_PROJECT: this.projectId, FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST };
  }

  /** Pushes each message of a topic to a function, as Eventarc does. */
  async push(topic: Topic, url: string): Promise<void> {
    const pushEndpoint = `${url}/projects/${this.projectId}/topics/${topic}`;
    await this.#pubsub.createSubscription(topic, `${topic}-push`, { pushEndpoint, ackDeadlineSeconds: 600 });
  }

  /** Calls the listener with each message of a topic that `messages` has not returned, until `close`. */
  listen(topic: Topic, listener: (message: ReceivedMessage) => void): void {
    const subscription = this.#pubsub.subscription(topic);
    subscription.on('message', (message) => {
      message.ack();
      const { id: messageId, data, attributes, orderingKey = '', publishTime } = message;
      listener({ messageId, data, attributes, orderingKey, publishedMillis: publishTime.getTime() });
    });
    // The backends end first where a terminal's Ctrl-C reaches them too.
    subscription.on('error', () => {});
    this.#listening.push(subscription);
  }

  /** Creates a subscription for an example: failed messages are moved to the dead-letter topic. */
  async subscribe(topic: Topic, name: string, filter = ''): Promise<void> {
    const deadLetterTopic = `projects/${this.projectId}/topics/gemini-dead-letter`;
    const deadLetterPolicy = { deadLetterTopic, maxDeliveryAttempts: 5 };
    await this.#pubsub.createSubscription(topic, name, { deadLetterPolicy, filter });
  }

  async document(path: string): Promise<DocumentData | undefined> {
    const data = (await this.firestore.doc(path).get()).data();
    if (data) LocalProject.inspect.document?.(path, data);
    return data;
  }

  async documentIds(collection: string): Promise<readonly string[]> {
    return (await this.firestore.collection(collection).listDocuments()).map(({ id }) => id);
  }

  /**
   * Returns all messages of a topic since the last call. A marker published now is the last of them, so that "none"
   * is an observation and not a time-out.
   */
  async messages(topic: Topic, millis = 15_000): Promise<readonly ReceivedMessage[]> {
    const marker = randomBytes(8).toString('hex');
    await this.#pubsub.topic(topic).publishMessage({ attributes: { marker } });
    const received: ReceivedMessage[] = [];
    return await eventually(`the messages of ${topic}`, millis, async () => {
      received.push(...(await this.#pull(topic)));
      const seen = received.some(({ attributes }) => attributes['marker'] === marker);
      return seen ? received.filter(({ attributes }) => attributes['marker'] === undefined) : undefined;
    });
  }

  /** The messages of a topic since the last call up to one that ends them, however many there are. */
  async messagesUntil(
    topic: Topic,
    isLast: (message: ReceivedMessage) => boolean,
    millis = 110_000,
  ): Promise<readonly ReceivedMessage[]> {
    const received: ReceivedMessage[] = [];
    return await eventually(`the last message of ${topic}`, millis, async () => {
      const pulled = await this.#pull(topic);
      received.push(...pulled);
      return pulled.some(isLast) ? received : undefined;
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#listening.map(async (subscription) => await subscription.close()));
    await Promise.all([this.firestore.terminate(), this.#subscriber.close(), this.#pubsub.close()]);
  }

  async #pull(topic: Topic): Promise<readonly ReceivedMessage[]> {
    const subscription = `projects/${this.projectId}/subscriptions/${topic}`;
    const [{ receivedMessages = [] }] = await this.#subscriber.pull({ subscription, maxMessages: 1_000 });
    const ackIds = (receivedMessages ?? []).flatMap(({ ackId }) => ackId ?? []);
    if (ackIds.length > 0) await this.#subscriber.acknowledge({ subscription, ackIds });
    // One that comes again because it was acknowledged too late is the same message.
    const known = (id: string) => this.#seen.has(id) || !this.#seen.add(id);
    const fresh = (receivedMessages ?? []).filter(({ message }) => !known(`${topic} ${message?.messageId}`));
    const messages = fresh.map(({ message }) => ({
      messageId: message?.messageId ?? '',
      data: Buffer.from((message?.data ?? '') as Uint8Array),
      attributes: message?.attributes ?? {},
      orderingKey: message?.orderingKey ?? '',
      publishedMillis: Number(message?.publishTime?.seconds ?? 0) * 1_000 + (message?.publishTime?.nanos ?? 0) / 1e6,
    }));
    for (const message of messages)
      if (!('marker' in message.attributes)) LocalProject.inspect.message?.(topic, message);
    return messages;
  }
}
