import { PubSub, v1 } from '@google-cloud/pubsub';
import type { Message } from '../model/message.ts';
import { CHANNEL_OPTIONS } from '../platform/channel.ts';
import type { Deadline } from '../platform/deadline.ts';

type PublisherClient = InstanceType<typeof v1.PublisherClient>;

export interface PublisherOptions<Topic extends string> {
  readonly projectId: string | undefined;
  /** The ids of the topics, by the names that we have for them. */
  readonly topics: Readonly<Record<Topic, string>>;
}

/**
 * Publishes messages in the call that they are given to, with the time it may take.
 *
 * The library's `topic()` would gather messages for 10 ms first, keep its own queue of failed ones for a minute, and
 * stop an ordering key after a failure: its lower half, the generated client, does none of that.
 */
export class Publisher<Topic extends string> {
  readonly #options: PublisherOptions<Topic>;
  #connected: Promise<{ client: PublisherClient; projectId: string }> | undefined;

  constructor(options: PublisherOptions<Topic>) {
    this.#options = options;
  }

  /**
   * @returns Pub/Sub's id of the message, which Pub/Sub has accepted.
   * @throws {CallbackError} `PUBLISH_UNAVAILABLE`; the message may have been accepted all the same.
   */
  async publish(topic: Topic, message: Message, deadline: Deadline): Promise<string> {
    const [messageId = ''] = await this.publishAll(topic, [message], deadline);
    return messageId;
  }

  /**
   * The same for several, at most 1,000 and 10 MB together: all are accepted, or none.
   *
   * @throws {CallbackError} `PUBLISH_UNAVAILABLE`; they may have been accepted all the same.
   */
  async publishAll(topic: Topic, messages: readonly Message[], deadline: Deadline): Promise<readonly string[]> {
    const publishing = this.#publish(this.#options.topics[topic], messages, deadline);
    return await deadline.wait(publishing, 'PUBLISH_UNAVAILABLE', 'Pub/Sub did not accept the message; send it again.');
  }

  async #publish(topicId: string, messages: readonly Message[], deadline: Deadline): Promise<readonly string[]> {
    this.#connected ??= this.#connect().catch((error: unknown) => {
      this.#connected = undefined;
      throw error;
    });
    const { client, projectId } = await this.#connected;
    const topic = `projects/${projectId}/topics/${topicId}`;
    const [response] = await client.publish({ topic, messages: [...messages] }, callOptions(deadline.remainingMillis));
    const messageIds = response.messageIds ?? [];
    if (messageIds.length !== messages.length) throw new Error('Pub/Sub answered without the ids of the messages.');
    return messageIds;
  }

  /** `PUBSUB_EMULATOR_HOST`, the project and the credentials are the library's to find. */
  async #connect(): Promise<{ client: PublisherClient; projectId: string }> {
    const { projectId } = this.#options;
    const config = await new PubSub({
      ...CHANNEL_OPTIONS,
      ...(projectId === undefined ? {} : { projectId }),
    }).getClientConfig();
    const client = new v1.PublisherClient({ ...config, ...CHANNEL_OPTIONS });
    return { client, projectId: await client.getProjectId() };
  }
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
