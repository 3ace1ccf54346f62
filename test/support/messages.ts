import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import protobuf from 'protobufjs';
import { type EncodableMessage, PublishRequest } from '../../functions/model/publishRequest.ts';
import type { Message } from '../../functions/model/message.ts';
import { ResultMessages } from '../../functions/model/resultMessages.ts';

const PROTOS = createRequire(import.meta.url).resolve('@google-cloud/pubsub-api/build/protos/protos.json');
const REQUEST = protobuf.Root.fromJSON(JSON.parse(readFileSync(PROTOS, 'utf8')) as protobuf.INamespace).lookupType(
  'google.pubsub.v1.PublishRequest',
);

/** Decodes a `PublishRequest` by Pub/Sub's own definitions. */
export function decodeRequest(bytes: Buffer): { readonly topic: string; readonly messages: readonly Message[] } {
  const { topic, messages } = REQUEST.toObject(REQUEST.decode(bytes), { arrays: true, objects: true }) as {
    topic: string;
    messages: Partial<Message>[];
  };
  return {
    topic,
    messages: messages.map(({ data = Buffer.alloc(0), attributes = {}, orderingKey }) =>
      orderingKey === undefined ? { data, attributes } : { data, attributes, orderingKey },
    ),
  };
}

/** Returns a message as Pub/Sub reads it. */
export function decodeMessage(message: EncodableMessage): Message {
  const [decoded] = decodeRequest(PublishRequest.of(message).to('projects/p/topics/t')).messages;
  if (decoded === undefined) throw new Error('The request holds no message.');
  return decoded;
}

/** Returns the messages about the results of a job, whose event had no route, trace or metadata. */
export function messagesAbout(
  job: ConstructorParameters<typeof ResultMessages>[0]['job'],
  timestamp = '',
): ResultMessages {
  const none = { webhookId: undefined, route: undefined, traceparent: undefined, metadata: [] };
  return new ResultMessages({ job, timestamp, ...none });
}
