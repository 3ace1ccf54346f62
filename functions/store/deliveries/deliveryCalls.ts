import type { DocumentData, DocumentReference, DocumentSnapshot, Firestore, Timestamp } from '@google-cloud/firestore';
import { coalesce } from '../../runtime/coalesce.ts';
import type { DeliveryDocument } from '../documents/delivery.ts';
import { deliveriesIn } from '../documents/delivery.ts';
import { type JobDocument, jobIn } from '../documents/job.ts';

/** A delivery's record and, where the event names a job, the job's. */
export interface RecordPair {
  readonly delivery: DocumentSnapshot<DeliveryDocument>;
  readonly job: DocumentSnapshot<JobDocument> | undefined;
}

/** A change of one record; with `lastUpdateTime`, only of that version of it. */
interface Update {
  readonly document: DocumentReference<DeliveryDocument>;
  readonly fields: DocumentData;
  readonly lastUpdateTime?: Timestamp;
}

/** Reads and updates of deliveries. Those of one turn of the event loop share a call (docs/design/0001). */
export class DeliveryCalls {
  readonly #firestore: Firestore;
  readonly #read: (documents: readonly DocumentReference[]) => Promise<readonly DocumentSnapshot[]>;
  /** Resolves with the time of the write. */
  readonly update: (update: Update) => Promise<Timestamp>;

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
    this.#read = coalesce(async (lists) => await readAll(firestore, lists));
    this.update = coalesce(async (updates) => await updateAll(firestore, updates));
  }

  documentOf(webhookId: string): DocumentReference<DeliveryDocument> {
    return deliveriesIn(this.#firestore).doc(webhookId);
  }

  /** Reads a delivery and its job at the same time. */
  async read(webhookId: string, jobName: string | undefined): Promise<RecordPair> {
    const document = this.documentOf(webhookId);
    const documents = jobName === undefined ? [document] : [document, jobIn(this.#firestore, jobName)];
    const [delivery, job] = await this.#read(documents);
    if (delivery === undefined) throw new Error('Firestore did not answer for a document that was read.');
    return { delivery, job } as RecordPair;
  }

  async readJob(jobName: string | undefined): Promise<JobDocument | undefined> {
    return jobName === undefined ? undefined : (await jobIn(this.#firestore, jobName).get()).data();
  }
}

async function readAll(
  firestore: Firestore,
  lists: readonly (readonly DocumentReference[])[],
): Promise<readonly (readonly DocumentSnapshot[])[]> {
  const snapshots = await firestore.getAll(...lists.flat());
  let from = 0;
  return lists.map(({ length }) => snapshots.slice(from, (from += length)));
}

async function updateAll(firestore: Firestore, updates: readonly Update[]): Promise<readonly Timestamp[]> {
  const batch = firestore.batch();
  for (const { document, fields, lastUpdateTime } of updates)
    batch.update(document, fields, lastUpdateTime ? { lastUpdateTime } : {});
  return (await batch.commit()).map(({ writeTime }) => writeTime);
}
