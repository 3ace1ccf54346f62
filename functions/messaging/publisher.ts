import type { PublishRequest } from '../model/publishRequest.ts';
import type { Message } from '../model/message.ts';
import { CHANNEL_OPTIONS } from '../runtime/grpcChannel.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { clientOptions, type PubsubConnection } from './clientOptions.ts';
import { PublisherClient } from './publisherClient.ts';
import { publishEncoded } from './publishEncoded.ts';
import { coalesce } from '../runtime/coalesce.ts';

interface PublisherOptions<Topic extends string> extends PubsubConnection {
  /** The ids of the topics, by the names that the code uses. */
  readonly topics: Readonly<Record<Topic, string>>;
}

const NOT_ACCEPTED = [
  'PUBLISH_UNAVAILABLE',
  'Pub/Sub did not accept the message in time. Send the request again.',
] as const;

interface Connection {
  readonly client: PublisherClient;
  /** The client's gRPC stub. */
  readonly stub: object;
  readonly projectId: string;
}

interface Single {
  readonly message: Message;
  readonly deadline: Deadline;
}

/**
 * Publishes messages at once and within a deadline.
 *
 * `topic()` of the Pub/Sub library would hold messages back for 10 ms, retry failed ones from its own queue for a minute,
 * and stop an ordering key after a failure. The generated client below it does none of that.
 */
export class Publisher<Topic extends string> {
  readonly #options: PublisherOptions<Topic>;
  /** By the id of the topic. */
  readonly #singles = new Map<string, (single: Single) => Promise<string>>();
  #connected: Promise<Connection> | undefined;

  constructor(options: PublisherOptions<Topic>) {
    this.#options = options;
  }

  /**
   * Publishes a message, in one call with others of the same turn of the event loop.
   *
   * @returns Pub/Sub's id of the message, which Pub/Sub has accepted.
   * @throws {ServiceError} `PUBLISH_UNAVAILABLE`; the message may have been accepted nevertheless.
   */
  async publish(topic: Topic, message: Message, deadline: Deadline): Promise<string> {
    return await deadline.wait(this.#singlesOf(this.#options.topics[topic])({ message, deadline }), ...NOT_ACCEPTED);
  }

  /**
   * Publishes at most 1,000 messages and 10 MB in one call: Pub/Sub accepts all of them, or none.
   *
   * @throws {ServiceError} `PUBLISH_UNAVAILABLE`; they may have been accepted nevertheless.
   */
  async publishAll(topic: Topic, request: PublishRequest, deadline: Deadline): Promise<readonly string[]> {
    return await deadline.wait(this.#publishEncoded(this.#options.topics[topic], request, deadline), ...NOT_ACCEPTED);
  }

  /** Prepares the first call: loads the service's definition and finds the credentials. */
  async connect(): Promise<void> {
    await this.#connection();
  }

  /** A shared call ends at the earliest deadline of its messages. */
  #singlesOf(topicId: string): (single: Single) => Promise<string> {
    let singles = this.#singles.get(topicId);
    singles ??= coalesce(async (all) => {
      const millis = Math.min(...all.map(({ deadline }) => deadline.remainingMillis));
      const messages = all.map(({ message }) => message);
      return await this.#publish(topicId, messages, millis);
    });
    this.#singles.set(topicId, singles);
    return singles;
  }

  async #publish(topicId: string, messages: readonly Message[], millis: number): Promise<readonly string[]> {
    const { client, projectId } = await this.#connection();
    const topic = `projects/${projectId}/topics/${topicId}`;
    const [response] = await client.publish({ topic, messages: [...messages] }, callOptions(millis));
    return withIds(messages.length, response.messageIds ?? []);
  }

  async #publishEncoded(topicId: string, request: PublishRequest, deadline: Deadline) {
    const { stub, projectId } = await this.#connection();
    const topic = `projects/${projectId}/topics/${topicId}`;
    return withIds(request.count, await publishEncoded(stub, topic, request, deadline));
  }

  async #connection(): Promise<Connection> {
    this.#connected ??= this.#connect().catch((error: unknown) => {
      this.#connected = undefined;
      throw error;
    });
    return await this.#connected;
  }

  /** The library finds the credentials, and the project where none is configured. */
  async #connect(): Promise<Connection> {
    const { projectId } = this.#options;
    const client = new PublisherClient({ ...CHANNEL_OPTIONS, ...clientOptions(this.#options) });
    // A client whose initialization has failed fails for good, so it is made anew at the next call.
    return { client, stub: await client.initialize(), projectId: projectId ?? (await client.getProjectId()) };
  }
}

function withIds(count: number, messageIds: readonly string[]): readonly string[] {
  if (messageIds.length !== count) throw new Error('Pub/Sub answered without an id for every message.');
  return messageIds;
}

/** Retries quickly until the deadline; the client's default is to wait for seconds between its attempts. */
function callOptions(millis: number) {
  const backoffSettings = {
    initialRetryDelayMillis: 50,
    retryDelayMultiplier: 1.5,
    maxRetryDelayMillis: 500,
    initialRpcTimeoutMillis: millis,
    rpcTimeoutMultiplier: 1,
    maxRpcTimeoutMillis: millis,
    totalTimeoutMillis: millis,
  };
  return { timeout: millis, retry: { backoffSettings } };
}
