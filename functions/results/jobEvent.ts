import { dataOf, parseEvent } from '../model/event.ts';
import type { JobKind } from '../model/jobName.ts';
import type { JsonObject } from '../model/json.ts';
import type { PushedMessage } from '../http/push.ts';

/** What the news of a job says, on the events' topic. */
export interface JobEvent {
  readonly eventType: string;
  readonly job: { readonly name: string; readonly kind: JobKind };
  /** When it happened, RFC 3339. */
  readonly timestamp: string;
  /** The event's own pointers. */
  readonly data: JsonObject;
  readonly webhookId: string | undefined;
  readonly route: string | undefined;
  /** Set where another delivery has already announced the same end of this job. */
  readonly repeatOf: string | undefined;
  /** Of the request that brought the callback. */
  readonly traceparent: string | undefined;
  /** The attributes `meta_<key>`, as the job's submitter gave them. */
  readonly metadata: readonly (readonly [string, string])[];
}

/** @returns `undefined` where the message holds no event of a job. */
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

/** The time of an event that carries none of its own. */
function timeAt(text = ''): Date | undefined {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
