import type { CollectionReference, Firestore } from '@google-cloud/firestore';
import type { DeliveryState, QuarantineReason, Scheme } from '../../model/delivery.ts';
import type { JobKind } from '../../model/jobName.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Lease } from '../../model/lease.ts';
import { converterOf } from './converter.ts';

/** `deliveries/{webhook-id}`: the idempotency record of one event. `../deliveries/deliveryRecord.ts` makes it of a delivery. */
export interface DeliveryDocument extends ReceivedFields, ContentFields, StateFields, Lease {}

/** Fields that the claim or the quarantine of a delivery writes; copies change `attempts` and `lastReceivedAt`. */
export interface ReceivedFields {
  readonly webhookId: string;
  readonly scheme: Scheme;
  readonly route?: string | undefined;
  /** SHA-256 of the body, in hex. */
  readonly bodySha256: string;
  /** SHA-256, in hex, of the claims of a JWT that its sender does not renew on a retry. */
  readonly claimsSha256?: string | undefined;
  readonly type?: string | undefined;
  readonly jobId?: string | undefined;
  readonly jobKind?: JobKind | undefined;
  readonly eventTime?: Date | undefined;
  /** Every writer sets it; a record that was restored by hand can lack it. */
  readonly firstReceivedAt?: Date | undefined;
  readonly lastReceivedAt: Date;
  /** Firestore deletes the record after this time (TTL). */
  readonly expireAt: Date;
  /** The number of deliveries with this id. */
  readonly attempts: number;
}

/**
 * The event. A map loses the order of its names, white space and the spelling of numbers, so its bytes stand beside it.
 * Where Firestore cannot hold the map, `eventJson` holds the text alone; without an event, `rawBody` holds the bytes.
 */
export interface ContentFields {
  readonly event?: JsonObject | undefined;
  readonly payload?: Buffer | undefined;
  readonly eventJson?: string | undefined;
  readonly rawBody?: Buffer | undefined;
}

/** Fields that change with the state. The claim writes the first three, the settlement the last two and the state. */
interface StateFields {
  readonly state: DeliveryState;
  readonly quarantineReason?: QuarantineReason | undefined;
  /** The webhook-id that had announced the same final state of the job. */
  readonly repeatOf?: string | undefined;
  readonly publishedAt?: Date | undefined;
  /** Pub/Sub's id of the message. */
  readonly messageId?: string | undefined;
}

const DELIVERY = converterOf<DeliveryDocument>();

export function deliveriesIn(firestore: Firestore): CollectionReference<DeliveryDocument> {
  return firestore.collection('deliveries').withConverter(DELIVERY);
}
