import { invalid } from '../rpc.ts';
import type { Message } from './store.ts';

/** Limits of one publish request: https://cloud.google.com/pubsub/quotas#resource_limits. */
const MAX = { messages: 1_000, bytes: 10_000_000, attributes: 100, keyBytes: 256, valueBytes: 1_024 } as const;

/** Limits of one response to a subscriber, which the client libraries accept. */
export const MAX_RESPONSE = { messages: MAX.messages, bytes: MAX.bytes } as const;

/** @throws RpcError INVALID_ARGUMENT for the first limit that the messages exceed. */
export function checkMessages(messages: readonly Message[]): void {
  if (messages.length === 0) throw invalid('The request contains no messages.');
  if (messages.length > MAX.messages) throw invalid(`The request has over ${MAX.messages} messages.`);
  messages.forEach(checkMessage);
  const bytes = messages.reduce((sum, message) => sum + messageBytes(message), 0);
  if (bytes > MAX.bytes) throw invalid(`The request is larger than ${MAX.bytes} bytes.`);
}

function checkMessage({ data, attributes, orderingKey }: Message): void {
  const entries = Object.entries(attributes);
  if (entries.length === 0 && data.length === 0) throw invalid('A message needs data or at least one attribute.');
  if (entries.length > MAX.attributes) throw invalid(`A message has over ${MAX.attributes} attributes.`);
  for (const [key, value] of entries) {
    if (key === '') throw invalid('An attribute has an empty key.');
    if (key.startsWith('goog')) throw invalid(`The attribute key ${key} starts with "goog", which is reserved.`);
    checkLength(`The attribute key ${key}`, key, MAX.keyBytes);
    checkLength(`The value of the attribute ${key}`, value, MAX.valueBytes);
  }
  checkLength('An ordering key', orderingKey, MAX.valueBytes);
}

function checkLength(name: string, text: string, maxBytes: number): void {
  if (Buffer.byteLength(text) > maxBytes) throw invalid(`${name} is longer than ${maxBytes} bytes.`);
}

/** The size by which requests and responses are limited: payload, attributes and ordering key. */
export function messageBytes({ data, attributes, orderingKey }: Message): number {
  const texts = [orderingKey, ...Object.entries(attributes).flat()];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), data.length);
}
