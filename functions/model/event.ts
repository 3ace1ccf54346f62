import { canonicalJobName, type JobKind, jobKindOf } from './jobName.ts';
import { isJsonObject, type JsonObject, stringAt } from './json.ts';
import { isRfc3339, isStorableTime } from './time.ts';

/** A Gemini event: status and pointers only (docs/gemini-wire.md 4.2). */
export interface GeminiEvent {
  readonly type: string;
  /** The event's own time, where it is a valid RFC 3339 time; otherwise the time of the delivery. */
  readonly timestamp: string;
  /** The same, in milliseconds. */
  readonly time: Date;
  /** The job of the event; a ping has none. */
  readonly job?: { readonly name: string; readonly kind: JobKind };
  readonly userMetadata?: JsonObject;
  /** The whole event as it came. */
  readonly fields: JsonObject;
}

/**
 * Reads an event from verified bytes.
 *
 * @param sentAt the time of the delivery, for events without a valid time.
 * @returns `undefined` where the bytes are not an event: not a JSON object, or one without a string `type`.
 */
export function parseEvent(payload: Buffer, sentAt: Date): GeminiEvent | undefined {
  const fields = parseObject(payload);
  const type = fields && stringAt(fields, 'type');
  if (fields === undefined || type === undefined) return undefined;

  const id = stringAt(dataOf(fields), 'id');
  const kind = jobKindOf(type);
  const userMetadata = findUserMetadata(fields);
  const timestamp = isTime(fields['timestamp']) ? fields['timestamp'] : sentAt.toISOString();
  return {
    type,
    timestamp,
    time: new Date(timestamp),
    fields,
    ...(id ? { job: { name: canonicalJobName(kind, id), kind } } : {}),
    ...(userMetadata ? { userMetadata } : {}),
  };
}

export function dataOf(fields: JsonObject): JsonObject {
  return isJsonObject(fields['data']) ? fields['data'] : {};
}

function parseObject(payload: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isTime(value: unknown): value is string {
  return typeof value === 'string' && isRfc3339(value) && isStorableTime(new Date(value));
}

/** Tries every plausible place in this order, because none is documented (docs/gemini-wire.md 4.4). */
function findUserMetadata(fields: JsonObject): JsonObject | undefined {
  const data = dataOf(fields);
  const metadata = isJsonObject(fields['metadata']) ? fields['metadata'] : {};
  const places = [
    fields['user_metadata'],
    fields['userMetadata'],
    data['user_metadata'],
    data['userMetadata'],
    metadata['user_metadata'],
  ];
  return places.find(isJsonObject);
}
