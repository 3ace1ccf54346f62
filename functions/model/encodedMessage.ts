import type { Message } from './message.ts';

/**
 * A message as `PublishRequest.messages` holds it in protocol buffers: its length is its size in a request.
 *
 * The messages of a job share most attributes. protobufjs would copy and encode them for every message, which was a quarter
 * of the processor time of a result (docs/design/0008-results-close-to-the-floor.md).
 */
export type EncodedMessage = Buffer;

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

  /** @param data the message's data in pieces. */
  encode(attributes: Message['attributes'], data: readonly Buffer[]): EncodedMessage {
    let dataLength = 0;
    for (const piece of data) dataLength += piece.length;
    const length = fieldLength(dataLength) + lengthOfAttributes(attributes) + this.#bytes.length;
    const writer = new Writer(fieldLength(length));
    writer.start(MESSAGES, length);
    writer.start(DATA, dataLength);
    for (const piece of data) writer.raw(piece);
    writer.attributes(attributes);
    writer.raw(this.#bytes);
    return writer.bytes;
  }
}

/** Encodes a `PublishRequest`. */
export function encodePublishRequest(topic: string, messages: readonly EncodedMessage[]): Buffer {
  const writer = new Writer(lengthOfText(topic));
  writer.text(TOPIC, topic);
  return Buffer.concat([writer.bytes, ...messages]);
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
  readonly bytes: Buffer;
  #at = 0;

  constructor(length: number) {
    this.bytes = Buffer.allocUnsafe(length);
  }

  /** Begins a field whose content follows. */
  start(tag: number, length: number): void {
    this.bytes[this.#at] = tag;
    this.#at += 1;
    let rest = length;
    for (; rest > 0x7f; rest >>>= 7) {
      this.bytes[this.#at] = (rest & 0x7f) | 0x80;
      this.#at += 1;
    }
    this.bytes[this.#at] = rest;
    this.#at += 1;
  }

  raw(bytes: Buffer): void {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  text(tag: number, text: string): void {
    this.start(tag, Buffer.byteLength(text));
    this.#at += this.bytes.write(text, this.#at);
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
