import type { Delivery, QuarantineReason } from './delivery.ts';
import type { JsonObject } from './json.ts';

/** A message for Pub/Sub, within its limits. */
export interface Message {
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey?: string;
}

/** Why a message stands on the dead-letter topic. */
export type DeadLetterReason = QuarantineReason | 'BODY_MISMATCH';

/** https://cloud.google.com/pubsub/quotas#resource_limits; no emulator checks them. */
const MAX_ATTRIBUTES = 100;
const MAX_KEY_BYTES = 256;
const MAX_VALUE_BYTES = 1_024;
const MAX_ORDERING_KEY_BYTES = 1_024;

const SOURCE = '//generativelanguage.googleapis.com/';

/**
 * The message of an event: its bytes as they came, and CloudEvents' Pub/Sub binding in binary mode beside plain
 * attributes that subscriptions can filter by. What would exceed Pub/Sub's limits is left out; `data` has it all the same.
 */
export function eventMessage(
  delivery: Delivery & { readonly event: NonNullable<Delivery['event']> },
  context: {
    readonly repeatOf?: string | undefined;
    readonly userMetadata?: JsonObject | undefined;
    /** What marks a message that is published again. */
    readonly replay?: string | undefined;
  },
): Message {
  const { webhookId, event, route } = delivery;
  const jobName = event.job?.name;
  const attributes = withinLimits([
    ['ce-specversion', '1.0'],
    ['ce-id', webhookId],
    ['ce-type', event.type],
    ['ce-source', sourceOf(jobName)],
    ['ce-time', event.timestamp],
    ['content-type', 'application/json'],
    ['webhook_id', webhookId],
    ['event_type', event.type],
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

/** The message of what could not be handled: its bytes as they came, and why. */
export function deadLetterMessage(delivery: Delivery, reason: DeadLetterReason): Message {
  const attributes = withinLimits([
    ['reason', reason],
    ['webhook_id', delivery.webhookId],
    ['job_id', delivery.event?.job?.name],
  ]);
  return { data: delivery.payload, attributes };
}

export type Attribute = readonly [key: string, value: string | undefined];

/** CloudEvents' `source`: the job, at the API that it is a job of. */
export function sourceOf(jobName = ''): string {
  const source = `${SOURCE}${jobName}`;
  return fits(source, MAX_VALUE_BYTES) ? source : SOURCE;
}

/** The messages of a job keep their order, where its name can be an ordering key. */
export function orderingBy(jobName: string | undefined): Pick<Message, 'orderingKey'> {
  return jobName !== undefined && fits(jobName, MAX_ORDERING_KEY_BYTES) ? { orderingKey: jobName } : {};
}

function metadataAttributes(userMetadata: JsonObject): Attribute[] {
  return Object.entries(userMetadata)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value) && !isRounded(value))
    .map(([key, value]) => [`meta_${key}`, String(value)]);
}

/** An integer that JavaScript cannot hold is another one by now; `data` has it as it was. */
function isRounded(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** Those that Pub/Sub takes; room for `reserved` more is left. */
export function withinLimits(attributes: readonly Attribute[], reserved = 0): Record<string, string> {
  const fitting = attributes.filter(
    (attribute): attribute is readonly [string, string] =>
      attribute[1] !== undefined && fits(attribute[0], MAX_KEY_BYTES) && fits(attribute[1], MAX_VALUE_BYTES),
  );
  return Object.fromEntries(fitting.slice(0, MAX_ATTRIBUTES - reserved));
}

/** Protocol buffers hold no lone surrogates: such a text would be refused for ever. */
function fits(text: string, maxBytes: number): boolean {
  return text.isWellFormed() && Buffer.byteLength(text) <= maxBytes;
}
