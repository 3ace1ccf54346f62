import type { Message } from './message.ts';
import { fieldLength, lengthOfMap, lengthOfText, ProtobufWriter, tagOf } from './protobufWriter.ts';

/** The fields of google/pubsub/v1/pubsub.proto. */
const [TOPIC, MESSAGES] = [tagOf(1), tagOf(2)];
const [DATA, ATTRIBUTES, ORDERING_KEY] = [tagOf(1), tagOf(2), tagOf(5)];

/** The fields that the messages of a job have in common, encoded once. */
export class CommonFields {
  readonly #bytes: Buffer;

  constructor({ attributes, orderingKey }: Omit<Message, 'data'>) {
    const length = lengthOfMap(attributes) + (orderingKey === undefined ? 0 : lengthOfText(orderingKey));
    const writer = new ProtobufWriter(length);
    writer.map(ATTRIBUTES, attributes);
    if (orderingKey !== undefined) writer.text(ORDERING_KEY, orderingKey);
    this.#bytes = writer.bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  writeTo(writer: ProtobufWriter): void {
    writer.raw(this.#bytes);
  }
}

/** A message in the pieces from which a `PublishRequest` is written. */
export class EncodableMessage {
  readonly #common: CommonFields;
  readonly #attributes: Message['attributes'];
  readonly #data: readonly Buffer[];
  readonly #dataLength: number;
  readonly #contentLength: number;

  /** @param data the message's data in pieces. */
  constructor(common: CommonFields, attributes: Message['attributes'], data: readonly Buffer[]) {
    this.#common = common;
    this.#attributes = attributes;
    this.#data = data;
    this.#dataLength = data.reduce((length, piece) => length + piece.length, 0);
    this.#contentLength = fieldLength(this.#dataLength) + lengthOfMap(attributes) + common.length;
  }

  /** Its size in a request, in bytes. */
  get length(): number {
    return fieldLength(this.#contentLength);
  }

  writeTo(writer: ProtobufWriter): void {
    writer.start(MESSAGES, this.#contentLength);
    writer.start(DATA, this.#dataLength);
    for (const piece of this.#data) writer.raw(piece);
    writer.map(ATTRIBUTES, this.#attributes);
    this.#common.writeTo(writer);
  }
}

const MAX_TOPIC_BYTES = 512;

/**
 * A `PublishRequest` of protocol buffers, written message by message.
 *
 * The messages of a job share most attributes. protobufjs would copy and encode them for every message, which was a quarter
 * of the processor time of a result (docs/design/0008-results-close-to-the-floor.md). Written at once, a message leaves
 * nothing for the garbage collector to keep until the request is sent.
 */
export class PublishRequest {
  readonly #writer: ProtobufWriter;
  #count = 0;

  /** @param capacity the bytes to allocate; more are, where the messages need them. */
  constructor(capacity = 65_536) {
    this.#writer = new ProtobufWriter(capacity);
  }

  get capacity(): number {
    return this.#writer.capacity;
  }

  static of(...messages: readonly EncodableMessage[]): PublishRequest {
    const length = messages.reduce((sum, message) => sum + message.length, 0);
    const request = new PublishRequest(length + MAX_TOPIC_BYTES);
    for (const message of messages) request.add(message);
    return request;
  }

  /** The number of messages. */
  get count(): number {
    return this.#count;
  }

  /** The size of all messages, in bytes. */
  get length(): number {
    return this.#writer.length;
  }

  add(message: EncodableMessage): void {
    this.#writer.reserve(message.length);
    message.writeTo(this.#writer);
    this.#count += 1;
  }

  /** Returns the bytes of the request to a topic; it can be repeated, but no message be added. */
  to(topic: string): Buffer {
    const { length } = this.#writer;
    this.#writer.reserve(lengthOfText(topic));
    this.#writer.text(TOPIC, topic);
    const bytes = this.#writer.bytes;
    this.#writer.length = length;
    return bytes;
  }
}
