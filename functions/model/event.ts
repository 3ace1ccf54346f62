import { canonicalJobName, type JobKind, jobKindOf } from './jobName.ts';
import { isJsonObject, type JsonObject, stringAt } from './json.ts';
import { isStorableTime } from './time.ts';

/** A Gemini event: thin, status and pointers only (G 4.2). */
export interface GeminiEvent {
  readonly type: string;
  /** When it happened, RFC 3339 as the event says it; where it does not say, when it was sent. */
  readonly timestamp: string;
  /** The same, to a millisecond. */
  readonly time: Date;
  /** The job it speaks of; a ping has none. */
  readonly job?: { readonly name: string; readonly kind: JobKind };
  readonly userMetadata?: JsonObject;
  /** The whole event as it came. */
  readonly fields: JsonObject;
}

/**
 * Reads an event out of verified bytes.
 *
 * @param sentAt the time of the delivery, for events that carry none.
 * @returns `undefined` where the bytes are no event: no JSON object, or one without a string `type`.
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

/** As the API writes it. `Date.parse` alone would take local times and English dates as well. */
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

function isTime(value: unknown): value is string {
  return typeof value === 'string' && RFC_3339.test(value) && isStorableTime(new Date(value));
}

/** Nothing says where in a delivery the metadata stands, so every plausible place is looked at, in this order (G 4.4). */
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
