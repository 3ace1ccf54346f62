import { FieldValue } from '@google-cloud/firestore';
import type { Delivery } from '../../model/delivery.ts';
import { type GeminiEvent, parseEvent } from '../../model/event.ts';
import type { JobKind } from '../../model/jobName.ts';
import { fitsFirestore } from '../../model/firestoreLimits.ts';
import type { Change, Creation } from '../documents/converter.ts';
import type { ContentFields, DeliveryDocument, ReceivedFields } from '../documents/delivery.ts';

/**
 * Limit of an event as a map, as Firestore counts: together with the bytes beside it, the record stays below 1 MiB. A
 * larger event is kept as text; a callback's body has at most 256 KiB.
 */
const MAX_MAP_BYTES = 500_000;

/** By Firestore's clock, as the reconciler reads it: the clocks of instances may differ. */
const NOW = FieldValue.serverTimestamp();

/** Returns the fields of a first delivery. */
export function recordOf(delivery: Delivery, ttlMillis: number): Creation<ReceivedFields & ContentFields> {
  const { event, receivedAt } = delivery;
  return {
    webhookId: delivery.webhookId,
    scheme: delivery.scheme,
    route: delivery.route,
    bodySha256: delivery.bodySha256,
    claimsSha256: delivery.claimsSha256,
    type: event?.type.toWellFormed(),
    jobId: event?.job?.name.toWellFormed(),
    jobKind: event?.job?.kind,
    eventTime: event?.time,
    firstReceivedAt: NOW,
    lastReceivedAt: NOW,
    expireAt: new Date(receivedAt.getTime() + ttlMillis),
    attempts: 1,
    ...contentOf(delivery),
  };
}

function contentOf({ event, payload }: Delivery): ContentFields {
  if (event === undefined) return { rawBody: payload };
  return fitsFirestore(event.fields, MAX_MAP_BYTES)
    ? { event: event.fields, payload }
    : { eventJson: payload.toString('utf8') };
}

/** Counts one more delivery with the same id. */
export const ONE_MORE: Change<ReceivedFields> = { attempts: FieldValue.increment(1), lastReceivedAt: NOW };

/** Returns the delivery that a record was made of. */
export function deliveryOf(webhookId: string, record: DeliveryDocument): Delivery {
  const {
    scheme,
    bodySha256,
    claimsSha256,
    route,
    firstReceivedAt: receivedAt = new Date(0),
    eventTime,
    jobKind,
  } = record;
  const payload = payloadOf(record);
  const parsed = parseEvent(payload, eventTime ?? receivedAt);
  return {
    webhookId,
    scheme,
    payload,
    bodySha256,
    claimsSha256,
    route,
    receivedAt,
    event: parsed && withKind(parsed, jobKind),
  };
}

function payloadOf({ payload, rawBody, eventJson, event = {} }: DeliveryDocument): Buffer {
  return Buffer.from(payload ?? rawBody ?? eventJson ?? JSON.stringify(event));
}

/** The type of a `job.overdue` event does not give the kind of its job; the record does. */
function withKind(event: GeminiEvent, kind: JobKind | undefined): GeminiEvent {
  return event.job && kind ? { ...event, job: { ...event.job, kind } } : event;
}
