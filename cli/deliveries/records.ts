import type { DocumentData, Firestore } from '@google-cloud/firestore';
import type { DeliveryRecord, QuarantineReason, Scheme } from '../../functions/model/delivery.ts';
import type { JsonObject } from '../../functions/model/json.ts';
import { newestOf, NEWEST } from '../../functions/store/queries.ts';
import { CliError } from '../errors.ts';
import { plain } from '../jobs/records.ts';
import { answered } from '../jobs/store.ts';

export type DeliveryState = DeliveryRecord['state'];

/**
 * The record of a delivery, fit for JSON: times are ISO strings, bytes are base64. Those of an event are left out, which
 * stands there as a map.
 */
export interface ShownDelivery extends JsonObject {
  readonly webhookId: string;
  readonly state: DeliveryState;
  readonly type?: string;
  readonly jobId?: string;
  readonly scheme?: Scheme;
  readonly route?: string;
  readonly quarantineReason?: QuarantineReason;
  readonly eventTime?: string;
  readonly firstReceivedAt?: string;
  readonly lastReceivedAt?: string;
  readonly publishedAt?: string;
  readonly expireAt?: string;
  readonly attempts?: number;
  readonly messageId?: string;
  readonly repeatOf?: string;
}

export const STATES: readonly DeliveryState[] = ['pending', 'published', 'quarantined'];

/** Those that came last, first. One query a state: by itself the time is not indexed, since it rises with every write. */
export async function listDeliveries(
  firestore: Firestore,
  state: DeliveryState | undefined,
  limit: number,
): Promise<readonly ShownDelivery[]> {
  const states = state === undefined ? STATES : [state];
  const found = await Promise.all(
    states.map(
      async (one) => (await answered(newestOf(firestore, NEWEST.deliveries, { state: one }, limit).get())).docs,
    ),
  );
  return found
    .flat()
    .map((document) => shown(document.data()))
    .toSorted((a, b) => String(b.firstReceivedAt).localeCompare(String(a.firstReceivedAt)))
    .slice(0, limit);
}

/** @throws {CliError} `DELIVERY_NOT_FOUND` */
export async function findDelivery(firestore: Firestore, webhookId: string): Promise<ShownDelivery> {
  const found = isDocumentId(webhookId) && (await answered(firestore.doc(`deliveries/${webhookId}`).get()));
  if (found && found.exists) return shown(found.data() ?? {});
  throw new CliError(
    'DELIVERY_NOT_FOUND',
    `There is no record of ${webhookId}. "deliveries list" shows those that there are.`,
  );
}

function shown(data: DocumentData): ShownDelivery {
  const { payload: _, ...fields } = data;
  return plain(fields) as ShownDelivery;
}

/** As webhook-ids are; anything else would be another place of the database. */
function isDocumentId(id: string): boolean {
  return /^[\w-]{1,256}$/.test(id);
}
