import type { Message } from './message.ts';

/** Field numbers of google/pubsub/v1/pubsub.proto and of a map's entries, each with its wire type: bytes of a length. */
const [TOPIC, MESSAGES] = [tagOf(1), tagOf(2)];
const [DATA, ATTRIBUTES, ORDERING_KEY] = [tagOf(1), tagOf(2), tagOf(5)];
const [NAME, VALUE] = [tagOf(1), tagOf(2)];

/** The fields that the messages of a job have in common, encoded once. */
export class CommonFields {
  readonly #bytes: Buffer;

  constructor({ attributes, orderingKey }: Omit<Message, 'data'>) {
    const length = lengthOfAttributes(attributes) + (orderingKey === undefined ? 0 : lengthOfText(orderingKey));
    const writer = new Writer(length);
    writer.attributes(attributes);
    if (orderingKey !== undefined) writer.text(ORDERING_KEY, orderingKey);
    this.#bytes = writer.bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  writeTo(writer: Writer): void {
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
    this.#contentLength = fieldLength(this.#dataLength) + lengthOfAttributes(attributes) + common.length;
  }

  /** Its size in a request, in bytes. */
  get length(): number {
    return fieldLength(this.#contentLength);
  }

  writeTo(writer: Writer): void {
    writer.start(MESSAGES, this.#contentLength);
    writer.start(DATA, this.#dataLength);
    for (const piece of this.#data) writer.raw(piece);
    writer.attributes(this.#attributes);
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
  readonly #writer: Writer;
  #count = 0;

  /** @param capacity the bytes to allocate; more are, where the messages need them. */
  constructor(capacity = 65_536) {
    this.#writer = new Writer(capacity);
  }

  get capacity(): number {
    return this.#writer.capacity;
  }

  static of(message: EncodableMessage): PublishRequest {
    const request = new PublishRequest(message.length + MAX_TOPIC_BYTES);
    request.add(message);
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

function tagOf(field: number): number {
  const lengthDelimited = 2;
  return (field << 3) | lengthDelimited;
}

function lengthOfVarint(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return 4;
}

function fieldLength(length: number): number {
  return 1 + lengthOfVarint(length) + length;
}

function lengthOfText(text: string): number {
  return fieldLength(Buffer.byteLength(text));
}

function lengthOfAttributes(attributes: Message['attributes']): number {
  let length = 0;
  for (const name in attributes) length += fieldLength(lengthOfText(name) + lengthOfText(attributes[name] ?? ''));
  return length;
}

class Writer {
  #bytes: Buffer;
  length = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  reserve(length: number): void {
    if (this.length + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.length + length));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }

  /** Begins a field whose content follows. */
  start(tag: number, length: number): void {
    this.#bytes[this.length] = tag;
    this.length += 1;
    let rest = length;
    for (; rest > 0x7f; rest >>>= 7) {
      this.#bytes[this.length] = (rest & 0x7f) | 0x80;
      this.length += 1;
    }
    this.#bytes[this.length] = rest;
    this.length += 1;
  }

  raw(bytes: Buffer): void {
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  text(tag: number, text: string): void {
    this.start(tag, Buffer.byteLength(text));
    this.length += this.#bytes.write(text, this.length);
  }

  attributes(attributes: Message['attributes']): void {
    for (const name in attributes) {
      const value = attributes[name] ?? '';
      this.start(ATTRIBUTES, lengthOfText(name) + lengthOfText(value));
      this.text(NAME, name);
      this.text(VALUE, value);
    }
  }
}
