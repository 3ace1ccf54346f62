import { grpc } from 'google-gax';
import type { Message } from '../model/message.ts';
import { CHANNEL_OPTIONS } from '../runtime/grpcChannel.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { PublisherClient } from './publisherClient.ts';
import { coalesce } from '../runtime/coalesce.ts';

export interface PublisherOptions<Topic extends string> {
  readonly projectId: string | undefined;
  /** `host:port` of an emulator, which the generated client knows nothing of. */
  readonly pubsubEmulator: string | undefined;
  /** The ids of the topics, by the names that we have for them. */
  readonly topics: Readonly<Record<Topic, string>>;
}

const NOT_ACCEPTED = ['PUBLISH_UNAVAILABLE', 'Pub/Sub did not accept the message; send it again.'] as const;

interface Single {
  readonly message: Message;
  readonly deadline: Deadline;
}

/**
 * Publishes messages in the call that they are given to, with the time it may take.
 *
 * The library's `topic()` would gather messages for 10 ms first, keep its own queue of failed ones for a minute, and
 * stop an ordering key after a failure: its lower half, the generated client, does none of that.
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
   * Publishes a message, in one call with others of the same moment.
   *
   * @returns Pub/Sub's id of the message, which Pub/Sub has accepted.
   * @throws {ServiceError} `PUBLISH_UNAVAILABLE`; the message may have been accepted all the same.
   */
  async publish(topic: Topic, message: Message, deadline: Deadline): Promise<string> {
    return await deadline.wait(this.#singlesOf(this.#options.topics[topic])({ message, deadline }), ...NOT_ACCEPTED);
  }

  /**
   * The same for several, at most 1,000 and 10 MB together: all are accepted, or none.
   *
   * @throws {ServiceError} `PUBLISH_UNAVAILABLE`; they may have been accepted all the same.
   */
  async publishAll(topic: Topic, messages: readonly Message[], deadline: Deadline): Promise<readonly string[]> {
    const publishing = this.#publish(this.#options.topics[topic], messages, deadline.remainingMillis);
    return await deadline.wait(publishing, ...NOT_ACCEPTED);
  }

  /** A call ends before anybody's time does. */
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
    if (messageIds.length !== messages.length) throw new Error('Pub/Sub answered without the ids of the messages.');
    return messageIds;
  }

  /** The credentials, and the project where none is named, are the library's to find. */
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

/** Tries again quickly and to the end of the time there is; by itself the client would wait seconds between its tries. */
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
