import { sha256 } from '../runtime/sha256.ts';
import type { Delivery, QuarantineReason } from './delivery.ts';
import type { JsonObject } from './json.ts';

/** A message for Pub/Sub, within its limits. */
export interface Message {
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey?: string;
}

/** The reason for which a message was published to the dead-letter topic. */
type DeadLetterReason = QuarantineReason | 'BODY_MISMATCH';

/** https://cloud.google.com/pubsub/quotas#resource_limits; the emulators do not check them. */
const MAX_ATTRIBUTES = 100;
const MAX_KEY_BYTES = 256;
const MAX_VALUE_BYTES = 1_024;
const MAX_ORDERING_KEY_BYTES = 1_024;

/** CloudEvents requires a type; one that is empty or too long is in `data` only. */
const UNKNOWN_TYPE = 'unknown';

const SOURCE = '//generativelanguage.googleapis.com/';

/**
 * Builds the message of an event: its bytes unchanged, the attributes of CloudEvents' Pub/Sub binding in binary mode, and
 * plain attributes for filters. For any event the message is a valid CloudEvent within Pub/Sub's limits: a
 * value that would exceed them is in `data` only.
 */
export function eventMessage(
  delivery: Delivery & { readonly event: NonNullable<Delivery['event']> },
  context: {
    readonly repeatOf?: string | undefined;
    readonly userMetadata?: JsonObject | undefined;
    /** Marks a message that is published again. */
    readonly replay?: string | undefined;
  },
): Message {
  const { webhookId, event, route } = delivery;
  const jobName = event.job?.name;
  const attributes = withinLimits([
    ['ce-specversion', '1.0'],
    ['ce-id', webhookId],
    ['ce-type', event.type !== '' && isCloudEventText(event.type) ? event.type : UNKNOWN_TYPE],
    ['ce-source', sourceOf(jobName)],
    ['ce-time', event.timestamp],
    ['content-type', 'application/json'],
    ['webhook_id', webhookId],
    ['event_type', event.type || undefined],
    ['job_id', jobName],
    ['job_kind', event.job?.kind],
    ['route', route],
    ['repeat_of', context.repeatOf],
    ['replay', context.replay],
    ['ce-traceparent', delivery.traceparent],
    ...metadataAttributes(event.userMetadata ?? context.userMetadata ?? {}),
  ]);
  return { data: delivery.payload, attributes, ...orderingBy(jobName) };
}

/** Builds the message of a delivery that could not be handled: its bytes unchanged, and the reason. */
export function deadLetterMessage(delivery: Delivery, reason: DeadLetterReason): Message {
  const attributes = withinLimits([
    ['reason', reason],
    ['webhook_id', delivery.webhookId],
    ['job_id', delivery.event?.job?.name],
  ]);
  return { data: delivery.payload, attributes };
}

export type Attribute = readonly [key: string, value: string | undefined];

/** Returns CloudEvents' `source`, a URI-reference: the job as a resource of the API. */
export function sourceOf(jobName = ''): string {
  const path = encodeURI(jobName.toWellFormed()).replaceAll(/[?#]/g, encodeURIComponent);
  const source = `${SOURCE}${path}`;
  return fits(source, MAX_VALUE_BYTES) ? source : SOURCE;
}

/**
 * Returns CloudEvents' `id` of a message about a job, the same whenever it is published again: `<job name>/<part>`, with
 * the name's hash in its place where CloudEvents or Pub/Sub would not allow the id.
 */
export function messageIdOf(jobName: string, part: string): string {
  const id = `${jobName}/${part}`;
  return isCloudEventText(id) ? id : `sha256~${sha256(jobName)}/${part}`;
}

/** Returns the ordering key of a job's messages, where the job's name can be one. */
export function orderingBy(jobName: string | undefined): Pick<Message, 'orderingKey'> {
  return jobName !== undefined && fits(jobName, MAX_ORDERING_KEY_BYTES) ? { orderingKey: jobName } : {};
}

function metadataAttributes(userMetadata: JsonObject): Attribute[] {
  return Object.entries(userMetadata)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value) && !isRounded(value))
    .map(([key, value]) => [`meta_${key}`, String(value)]);
}

/** JavaScript rounds integers beyond 2^53; `data` has all digits. */
function isRounded(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** Returns the attributes that Pub/Sub accepts, and leaves room for `reserved` more. */
export function withinLimits(attributes: readonly Attribute[], reserved = 0): Record<string, string> {
  const fitting = attributes.filter(
    (attribute): attribute is readonly [string, string] =>
      attribute[1] !== undefined && fits(attribute[0], MAX_KEY_BYTES) && fits(attribute[1], MAX_VALUE_BYTES),
  );
  return Object.fromEntries(fitting.slice(0, MAX_ATTRIBUTES - reserved));
}

/** Returns `true` for a CloudEvents string, which has no control or non-characters, within Pub/Sub's limit. */
function isCloudEventText(text: string): boolean {
  return fits(text, MAX_VALUE_BYTES) && !/[\p{Cc}\p{Noncharacter_Code_Point}]/u.test(text);
}

/** Pub/Sub refuses lone surrogates, which protocol buffers cannot hold. */
function fits(text: string, maxBytes: number): boolean {
  return text.isWellFormed() && Buffer.byteLength(text) <= maxBytes;
}
