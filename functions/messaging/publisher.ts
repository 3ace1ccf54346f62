import { EncodableMessage, CommonFields, PublishRequest } from '../model/publishRequest.ts';
import type { Message } from '../model/message.ts';
import { coalesce } from '../runtime/coalesce.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { GrpcService, routedBy } from '../runtime/grpcService.ts';
import { isTransientStatus } from '../runtime/grpcStatus.ts';
import { PublisherClient } from './generatedPublisherClient.ts';

interface PublisherOptions<Topic extends string> {
  readonly projectId: string | undefined;
  /** `host:port` of an emulator: the generated client does not read `PUBSUB_EMULATOR_HOST`. */
  readonly pubsubEmulator: string | undefined;
  /** The ids of the topics, by the names that the code uses. */
  readonly topics: Readonly<Record<Topic, string>>;
}

const NOT_ACCEPTED = [
  'PUBLISH_UNAVAILABLE',
  'Pub/Sub did not accept the message in time. Send the request again.',
] as const;

interface PublishResponse {
  readonly messageIds: readonly string[];
}

interface Single {
  readonly message: Message;
  readonly deadline: Deadline;
}

/**
 * Publishes messages at once and within a deadline.
 *
 * `topic()` of the Pub/Sub library would hold messages back for 10 ms, retry failed ones from its own queue for a minute,
 * and stop an ordering key after a failure.
 */
export class Publisher<Topic extends string> {
  readonly #topics: PublisherOptions<Topic>['topics'];
  readonly #service: GrpcService;
  /** By the id of the topic. */
  readonly #singles = new Map<string, (single: Single) => Promise<string>>();

  constructor({ projectId, pubsubEmulator, topics }: PublisherOptions<Topic>) {
    this.#topics = topics;
    this.#service = new GrpcService(PublisherClient, { projectId, emulator: pubsubEmulator });
  }

  /**
   * Publishes a message, in one call with others of the same turn of the event loop.
   *
   * @returns Pub/Sub's id of the message, which Pub/Sub has accepted.
   * @throws {ServiceError} `PUBLISH_UNAVAILABLE`; the message may have been accepted nevertheless.
   */
  async publish(topic: Topic, message: Message, deadline: Deadline): Promise<string> {
    return await deadline.wait(this.#singlesOf(this.#topics[topic])({ message, deadline }), ...NOT_ACCEPTED);
  }

  /**
   * Publishes at most 1,000 messages and 10 MB in one call: Pub/Sub accepts all of them, or none.
   *
   * @throws {ServiceError} `PUBLISH_UNAVAILABLE`; they may have been accepted nevertheless.
   */
  async publishAll(topic: Topic, request: PublishRequest, deadline: Deadline): Promise<readonly string[]> {
    return await deadline.wait(this.#publish(this.#topics[topic], request, deadline), ...NOT_ACCEPTED);
  }

  /** Prepares the first call: loads the service's definition and finds the credentials. */
  async connect(): Promise<void> {
    await this.#service.connect();
  }

  /** A shared call ends at the earliest deadline of its messages. */
  #singlesOf(topicId: string): (single: Single) => Promise<string> {
    let singles = this.#singles.get(topicId);
    singles ??= coalesce(async (all) => {
      const [first, ...others] = all.map(({ deadline }) => deadline);
      const earliest = others.reduce((a, b) => (b.remainingMillis < a.remainingMillis ? b : a), first as Deadline);
      return await this.#publish(topicId, PublishRequest.of(...all.map(({ message }) => encodable(message))), earliest);
    });
    this.#singles.set(topicId, singles);
    return singles;
  }

  async #publish(topicId: string, request: PublishRequest, deadline: Deadline): Promise<readonly string[]> {
    const { projectId } = await this.#service.connect();
    const topic = `projects/${projectId}/topics/${topicId}`;
    const { messageIds } = await this.#service.call<Buffer, PublishResponse>({
      method: 'publish',
      request: request.to(topic),
      serialize: asIs,
      headers: routedBy('topic', topic),
      deadline,
      isTransient: isTransientStatus,
    });
    return withIds(request.count, messageIds);
  }
}

function encodable({ data, ...common }: Message): EncodableMessage {
  return new EncodableMessage(new CommonFields(common), {}, [data]);
}

function asIs(request: Buffer): Buffer {
  return request;
}

function withIds(count: number, messageIds: readonly string[]): readonly string[] {
  if (messageIds.length !== count) throw new Error('Pub/Sub answered without an id for every message.');
  return messageIds;
}
