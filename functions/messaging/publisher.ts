import { PubSub, v1 } from '@google-cloud/pubsub';
import type { Message } from '../model/message.ts';
import { CHANNEL_OPTIONS } from '../platform/channel.ts';
import type { Deadline } from '../platform/deadline.ts';

type PublisherClient = InstanceType<typeof v1.PublisherClient>;

export interface PublisherOptions {
  readonly projectId: string | undefined;
  readonly topics: { readonly events: string; readonly deadLetter: string };
}

/**
 * Publishes each message in a call of its own, with the time it may take.
 *
 * The library's `topic()` would gather messages for 10 ms first, keep its own queue of failed ones for a minute, and
 * stop an ordering key after a failure: its lower half, the generated client, does none of that.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  #connected: Promise<{ client: PublisherClient; projectId: string }> | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /**
   * @returns Pub/Sub's id of the message, which Pub/Sub has accepted.
   * @throws {CallbackError} `PUBLISH_UNAVAILABLE`; the message may have been accepted all the same.
   */
  async publish(topic: keyof PublisherOptions['topics'], message: Message, deadline: Deadline): Promise<string> {
    const publishing = this.#publish(this.#options.topics[topic], message, deadline);
    return await deadline.wait(
      publishing,
      'PUBLISH_UNAVAILABLE',
      'Pub/Sub did not accept the message; send the delivery again.',
    );
  }

  async #publish(topicId: string, message: Message, deadline: Deadline): Promise<string> {
    this.#connected ??= this.#connect().catch((error: unknown) => {
      this.#connected = undefined;
      throw error;
    });
    const { client, projectId } = await this.#connected;
    const topic = `projects/${projectId}/topics/${topicId}`;
    const [response] = await client.publish({ topic, messages: [message] }, callOptions(deadline.remainingMillis));
    const messageId = response.messageIds?.[0];
    if (!messageId) throw new Error('Pub/Sub answered without the id of the message.');
    return messageId;
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
