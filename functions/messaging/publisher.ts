import { grpc } from 'google-gax';
import type { Message } from '../model/message.ts';
import { CHANNEL_OPTIONS } from '../runtime/grpcChannel.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { PublisherClient } from './publisherClient.ts';
import { coalesce } from '../runtime/coalesce.ts';

interface PublisherOptions<Topic extends string> {
  readonly projectId: string | undefined;
  /** `host:port` of an emulator: the generated client does not read `PUBSUB_EMULATOR_HOST`. */
  readonly pubsubEmulator: string | undefined;
  /** The ids of the topics, by the names that the code uses. */
  readonly topics: Readonly<Record<Topic, string>>;
}

const NOT_ACCEPTED = ['PUBLISH_UNAVAILABLE', 'Pub/Sub did not accept the message in time. Send it again.'] as const;

interface Single {
  readonly message: Message;
  readonly deadline: Deadline;
}

/**
 * Publishes messages at once and within a deadline.
 *
 * `topic()` of the Pub/Sub library would gather messages for 10 ms, retry failed ones from a queue of its own for a minute,
 * and stop an ordering key after a failure. The generated client below it does none of that.
 */
export class Publisher<Topic extends string> {
  readonly #options: PublisherOptions<Topic>;
  /** By the id of the topic. */
  readonly #singles = new Map<string, (single: Single) => Promise<string>>();
  #connected: Promise<{ client: PublisherClient; projectId: string }> | undefined;

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
  async publishAll(topic: Topic, messages: readonly Message[], deadline: Deadline): Promise<readonly string[]> {
    const publishing = this.#publish(this.#options.topics[topic], messages, deadline.remainingMillis);
    return await deadline.wait(publishing, ...NOT_ACCEPTED);
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
    this.#connected ??= this.#connect().catch((error: unknown) => {
      this.#connected = undefined;
      throw error;
    });
    const { client, projectId } = await this.#connected;
    const topic = `projects/${projectId}/topics/${topicId}`;
    const [response] = await client.publish({ topic, messages: [...messages] }, callOptions(millis));
    const messageIds = response.messageIds ?? [];
    if (messageIds.length !== messages.length) throw new Error('Pub/Sub answered without an id for every message.');
    return messageIds;
  }

  /** The library finds the credentials, and the project where none is configured. */
  async #connect(): Promise<{ client: PublisherClient; projectId: string }> {
    const { projectId, pubsubEmulator } = this.#options;
    const client = new PublisherClient({
      ...CHANNEL_OPTIONS,
      ...(projectId === undefined ? {} : { projectId }),
      ...(pubsubEmulator === undefined ? {} : emulatorOptions(pubsubEmulator)),
    });
    return { client, projectId: projectId ?? (await client.getProjectId()) };
  }
}

function emulatorOptions(host: string) {
  const { hostname, port } = new URL(`http://${host}`);
  return { servicePath: hostname, port: Number(port), sslCreds: grpc.credentials.createInsecure() };
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
