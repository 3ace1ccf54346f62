import { invalidArgument } from './errors.ts';
import type { Message } from './store.ts';

/** Limits of one publish request: https://cloud.google.com/pubsub/quotas#resource_limits. */
const MAX = { messages: 1_000, requestBytes: 10_000_000, attributes: 100, keyBytes: 256, valueBytes: 1_024 } as const;
const MAX_ORDERING_KEY_BYTES = 1_024;

/** @throws {RpcError} INVALID_ARGUMENT for the first limit that the messages exceed. */
export function checkMessages(messages: readonly Message[]): void {
  if (messages.length === 0) throw invalidArgument('The request contains no messages.');
  if (messages.length > MAX.messages) throw invalidArgument(`The request has over ${MAX.messages} messages.`);
  for (const message of messages) checkMessage(message);
  const bytes = messages.reduce((sum, message) => sum + messageBytes(message), 0);
  if (bytes > MAX.requestBytes) throw invalidArgument(`The request is larger than ${MAX.requestBytes} bytes.`);
}

function checkMessage({ data, attributes, orderingKey }: Message): void {
  const entries = Object.entries(attributes ?? {});
  const isEmpty = entries.length === 0 && !data?.length;
  if (isEmpty) throw invalidArgument('A message needs data or at least one attribute.');
  if (entries.length > MAX.attributes) throw invalidArgument(`A message has over ${MAX.attributes} attributes.`);
  for (const [key, value] of entries) checkAttribute(key, value);
  if (Buffer.byteLength(orderingKey ?? '') > MAX_ORDERING_KEY_BYTES) {
    throw invalidArgument(`An ordering key is longer than ${MAX_ORDERING_KEY_BYTES} bytes.`);
  }
}

function checkAttribute(key: string, value: string): void {
  if (key === '') throw invalidArgument('An attribute has an empty key.');
  if (key.startsWith('goog')) throw invalidArgument(`The attribute key ${key} starts with "goog", which is reserved.`);
  if (Buffer.byteLength(key) > MAX.keyBytes) {
    throw invalidArgument(`An attribute's key is longer than ${MAX.keyBytes} bytes: ${key}`);
  }
  if (Buffer.byteLength(value) > MAX.valueBytes) {
    throw invalidArgument(`The value of the attribute ${key} is longer than ${MAX.valueBytes} bytes.`);
  }
}

/** The size by which requests are limited and streams are held back: payload, attributes and ordering key. */
export function messageBytes({ data, attributes, orderingKey }: Message): number {
  const texts = Object.entries(attributes ?? {}).flat();
  const textBytes = [...texts, orderingKey ?? ''].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return (data?.length ?? 0) + textBytes;
}
