import type { DocumentData, Firestore, Query, QueryDocumentSnapshot, Timestamp } from '@google-cloud/firestore';
import { DELIVERY_STATES } from '../../functions/model/delivery.ts';
import type { DeliveryDocument } from '../../functions/store/documents/delivery.ts';
import { newestOf, NEWEST } from '../../functions/store/queries.ts';
import { CliError } from '../errors.ts';
import type { Filter, Listed, Page } from '../filters.ts';
import { readPageOf } from '../pages.ts';
import { type RecordJson, recordJson } from '../recordJson.ts';
import { withinAnswerTime } from '../store.ts';

/** The record of a delivery, without the event's bytes beside its map. */
export type ShownDelivery = RecordJson<Omit<DeliveryDocument, 'payload'>>;

/** Lists a page of deliveries, newest first. */
export async function listDeliveries(firestore: Firestore, filter: Filter, page: Page): Promise<Listed<ShownDelivery>> {
  const { documents, nextPageToken } = await readPageOf(firestore, 'deliveries', queriesOf(firestore, filter), page);
  return { items: documents.map((document) => shown(document.data())), nextPageToken };
}

/** Counts deliveries without reading them. */
export async function countDeliveries(firestore: Firestore, filter: Filter): Promise<number> {
  const counts = queriesOf(firestore, filter).map(
    async (query) => (await withinAnswerTime(query.count().get())).data().count,
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** Lists the ids of deliveries, oldest first. */
export async function deliveryIds(firestore: Firestore, filter: Filter): Promise<readonly string[]> {
  const found = await Promise.all(
    queriesOf(firestore, filter).map(async (query) => (await query.select('firstReceivedAt').get()).docs),
  );
  const millis = (document: QueryDocumentSnapshot) => (document.get('firstReceivedAt') as Timestamp).toMillis();
  return found
    .flat()
    .toSorted((a, b) => millis(a) - millis(b))
    .map(({ id }) => id);
}

/** One query, or one for each state: the time alone is not indexed, because it rises with every write. */
function queriesOf(firestore: Firestore, { state, type, route, job, since }: Filter): readonly Query[] {
  const values = { type, route, jobId: job };
  const isIndexed = state !== undefined || Object.values(values).some((value) => value !== undefined);
  const states = isIndexed ? [state] : DELIVERY_STATES;
  return states.map((one) => newestOf(firestore, NEWEST.deliveries, { ...values, state: one }, since));
}

/** @throws {CliError} `DELIVERY_NOT_FOUND` */
export async function findDelivery(firestore: Firestore, webhookId: string): Promise<ShownDelivery> {
  const found = isDocumentId(webhookId) && (await withinAnswerTime(firestore.doc(`deliveries/${webhookId}`).get()));
  if (found && found.exists) return shown(found.data() ?? {});
  throw new CliError(
    'DELIVERY_NOT_FOUND',
    `There is no record of ${webhookId}. List the deliveries: gemini-callbacks deliveries list`,
  );
}

function shown(data: DocumentData): ShownDelivery {
  const { payload: _, ...fields } = data;
  return recordJson<Omit<DeliveryDocument, 'payload'>>(fields);
}

/** Accepts webhook-ids alone: any other text could be the path of another document. */
function isDocumentId(id: string): boolean {
  return /^[\w-]{1,256}$/.test(id);
}
