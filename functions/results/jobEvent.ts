import { dataOf, parseEvent } from '../model/event.ts';
import type { JsonObject } from '../model/json.ts';
import type { ResultContext } from '../model/resultMessages.ts';
import type { PushedMessage } from '../http/push.ts';

/** An event of a job, as a message of the events' topic carries it. */
export interface JobEvent extends ResultContext {
  readonly eventType: string;
  /** The event's `data`, with its pointers to the output. */
  readonly data: JsonObject;
  /** The webhook-id that announced the same final state of this job before. */
  readonly repeatOf: string | undefined;
}

/** Reads the event of a job from a message; returns `undefined` where the message holds none. */
export function readJobEvent({ data: payload, attributes, publishTime }: PushedMessage): JobEvent | undefined {
  const event = parseEvent(payload, timeAt(attributes['ce-time']) ?? publishTime);
  if (event?.job === undefined) return undefined;
  return {
    eventType: event.type,
    job: event.job,
    timestamp: event.timestamp,
    data: dataOf(event.fields),
    webhookId: attributes['webhook_id'] ?? attributes['ce-id'],
    route: attributes['route'],
    repeatOf: attributes['repeat_of'],
    traceparent: attributes['ce-traceparent'],
    metadata: Object.entries(attributes).filter(([key]) => key.startsWith('meta_')),
  };
}

/** Returns the time in an attribute, for an event without a timestamp. */
function timeAt(text = ''): Date | undefined {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
