import type { DocumentReference, DocumentSnapshot, Timestamp } from '@google-cloud/firestore';
import { coalesce } from '../../runtime/coalesce.ts';
import { type Commit, coalescedCommits } from '../commits.ts';
import type { Database } from '../database.ts';
import type { DeliveryDocument } from '../documents/delivery.ts';
import { deliveriesIn } from '../documents/delivery.ts';
import { type JobDocument, jobIn } from '../documents/job.ts';
import { FirestoreClock } from '../firestoreClock.ts';

/** A delivery's record and, where the event names a job, the job's. */
export interface RecordPair {
  readonly delivery: DocumentSnapshot<DeliveryDocument>;
  readonly job: DocumentSnapshot<JobDocument> | undefined;
}

/** Reads and writes of deliveries; those of one turn share a call (docs/design/0001-coalesced-firestore-calls.md). */
export class DeliveryCalls {
  readonly #firestore: Database;
  readonly #read: (documents: readonly DocumentReference[]) => Promise<readonly DocumentSnapshot[]>;
  readonly #claims: Commit;
  readonly #changes: Commit;
  /** Set by each of these answers. */
  readonly clock = new FirestoreClock();

  constructor(firestore: Database) {
    this.#firestore = firestore;
    this.#read = coalesce(async (lists) => await readAll(firestore, lists));
    this.#claims = coalescedCommits(firestore);
    this.#changes = coalescedCommits(firestore);
  }

  /** Records a delivery together with its job's change. A claim that fails must not repeat the changes of the same turn. */
  readonly claim: Commit = async (writes) => await this.#timed(this.#claims(writes));

  readonly change: Commit = async (writes) => await this.#timed(this.#changes(writes));

  async #timed(writing: Promise<Timestamp>): Promise<Timestamp> {
    const writeTime = await writing;
    this.clock.set(writeTime);
    return writeTime;
  }

  documentOf(webhookId: string): DocumentReference<DeliveryDocument> {
    return deliveriesIn(this.#firestore).doc(webhookId);
  }

  jobDocumentOf(jobName: string): DocumentReference<JobDocument> {
    return jobIn(this.#firestore, jobName);
  }

  /** Reads a delivery and its job at the same time. */
  async read(webhookId: string, jobName: string | undefined): Promise<RecordPair> {
    // Before the first answer, the connection for the commit opens while this call waits for its own.
    if (this.clock.now() === undefined) void this.#firestore.service.open();
    const document = this.documentOf(webhookId);
    const documents = jobName === undefined ? [document] : [document, this.jobDocumentOf(jobName)];
    const [delivery, job] = await this.#read(documents);
    if (delivery === undefined) throw new Error('Firestore did not answer for a document that was read.');
    this.clock.set(delivery.readTime);
    return { delivery, job } as RecordPair;
  }

  async readJob(jobName: string | undefined): Promise<JobDocument | undefined> {
    return jobName === undefined ? undefined : (await jobIn(this.#firestore, jobName).get()).data();
  }
}

async function readAll(
  firestore: Database,
  lists: readonly (readonly DocumentReference[])[],
): Promise<readonly (readonly DocumentSnapshot[])[]> {
  const snapshots = await firestore.getAll(...lists.flat());
  let from = 0;
  return lists.map(({ length }) => snapshots.slice(from, (from += length)));
}
