import { CloudEvent } from 'cloudevents';
import type { Message } from '../../functions/model/message.ts';

/**
 * Reads a message by CloudEvents' Pub/Sub binding in binary mode, with the validation of the `cloudevents` package.
 *
 * @throws {Error} where the message is not a valid CloudEvent.
 */
export function toCloudEvent({ attributes, data }: Message): CloudEvent<Buffer> {
  const context = Object.entries(attributes).flatMap(([name, value]) =>
    name.startsWith('ce-') ? [[name.slice('ce-'.length), value] as const] : [],
  );
  // The class makes up a missing id and a missing time.
  for (const name of ['ce-id', 'ce-time']) if (!attributes[name]) throw new Error(`The message has no ${name}.`);
  const required = { source: '', type: '', datacontenttype: attributes['content-type'] ?? '' };
  return new CloudEvent({ ...required, ...Object.fromEntries(context), data }, true);
}
