import { randomUUID } from 'node:crypto';
import {
  type DocumentData,
  type DocumentReference,
  type DocumentSnapshot,
  FieldValue,
  type Firestore,
  Timestamp,
} from '@google-cloud/firestore';
import { stateOf } from '../model/eventTypes.ts';
import { type JobKind, jobDocumentId } from '../model/jobName.ts';
import { announcesResults, decideResults, type Progress, type ResultsRecord } from '../model/progress.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { untilDecided } from './contention.ts';

/** An instance that is gone is noticed after so long; one that works renews it much more often. */
export const RESULTS_LEASE_MILLIS = 10_000;

/** The right to publish a job's results, and to say how far they are. */
export interface ResultsClaim {
  readonly document: DocumentReference;
  readonly owner: string;
}

export type ResultsClaimed =
  | { readonly status: 'claimed'; readonly claim: ResultsClaim; readonly from: Progress }
  | { readonly status: 'in_progress'; readonly retryAfterSeconds: number }
  | { readonly status: 'done' };

const UNAVAILABLE = ['STORE_UNAVAILABLE', 'Firestore did not answer in time; the event is to be sent again.'] as const;

/**
 * The progress of results, the map `results` in a job's record.
 *
 * Beside what people read it holds a lease, so that one instance works on a job, and the position, so that another goes
 * on from there. Every change is an optimistic transaction, as with deliveries.
 */
export class JobResults {
  readonly #firestore: Firestore;

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /** @throws {ServiceError} `STORE_UNAVAILABLE` */
  async claim(
    job: { readonly name: string; readonly kind: JobKind },
    eventType: string,
    deadline: Deadline,
  ): Promise<ResultsClaimed> {
    const owner = randomUUID();
    const document = this.#firestore.doc(`jobs/${jobDocumentId(job.name)}`);
    const claiming = untilDecided(deadline, async () => {
      const snapshot = await document.get();
      const now = snapshot.readTime.toDate();
      const decision = decideResults(readResults(snapshot), eventType, owner, now);
      if (decision.action === 'done') return { status: 'done' } as const;
      if (decision.action === 'wait') {
        const seconds = Math.max(1, Math.ceil((decision.until.getTime() - now.getTime()) / 1_000));
        return { status: 'in_progress', retryAfterSeconds: seconds } as const;
      }
      await take(
        snapshot,
        { ...recordOf(decision.from), ...leaseOf(snapshot, owner), event: eventType },
        job,
        eventType,
      );
      return { status: 'claimed', claim: { document, owner }, from: decision.from } as const;
    });
    return await deadline.wait(claiming, ...UNAVAILABLE);
  }

  /**
   * Says how far the results are, and holds the lease for longer.
   *
   * @returns whether the claim still held; another owner's progress is left alone.
   */
  async advance(claim: ResultsClaim, progress: Progress, deadline: Deadline): Promise<boolean> {
    return await this.#change(claim, deadline, (snapshot) => ({
      ...recordOf(progress),
      ...leaseOf(snapshot, claim.owner),
    }));
  }

  /** Keeps the progress and gives the lease back at once, so that the next instance need not wait for its end. */
  async release(claim: ResultsClaim, progress: Progress, deadline: Deadline): Promise<boolean> {
    return await this.#change(claim, deadline, () => ({ ...recordOf(progress), ...NO_LEASE }));
  }

  async complete(claim: ResultsClaim, progress: Progress, deadline: Deadline): Promise<boolean> {
    const all = { ...recordOf(progress), state: 'complete', total: progress.published };
    return await this.#change(claim, deadline, () => ({ ...all, ...NO_LEASE }));
  }

  async fail(
    claim: ResultsClaim,
    progress: Progress,
    error: { readonly code: string; readonly message: string },
    deadline: Deadline,
  ): Promise<boolean> {
    return await this.#change(claim, deadline, () => ({ ...recordOf(progress), state: 'failed', error, ...NO_LEASE }));
  }

  /** The record is read before each change, since events of the job may have changed it meanwhile. */
  async #change(
    { document, owner }: ResultsClaim,
    deadline: Deadline,
    fieldsOf: (snapshot: DocumentSnapshot) => DocumentData,
  ): Promise<boolean> {
    const changing = untilDecided(deadline, async () => {
      const snapshot = await document.get();
      if (snapshot.get('results.leaseOwner') !== owner || snapshot.updateTime === undefined) return false;
      await document.update(nested(fieldsOf(snapshot)), { lastUpdateTime: snapshot.updateTime });
      return true;
    });
    return await deadline.wait(changing, ...UNAVAILABLE);
  }
}

/** The results that an event announces, for the record of its job; nothing where that has them, or none are to come. */
export function announcedResults(snapshot: DocumentSnapshot, eventType: string): DocumentData | undefined {
  if (!announcesResults(readResults(snapshot), eventType)) return undefined;
  return { state: 'pending', event: eventType, updatedAt: FieldValue.serverTimestamp() };
}

const NO_LEASE: DocumentData = { leaseOwner: FieldValue.delete(), leaseUntil: FieldValue.delete() };

/** An event that comes before its job's record, or after it was removed, makes one. */
async function take(
  snapshot: DocumentSnapshot,
  results: DocumentData,
  job: { readonly name: string; readonly kind: JobKind },
  eventType: string,
): Promise<void> {
  if (snapshot.updateTime) {
    const removed = { 'results.error': FieldValue.delete(), 'results.restarts': FieldValue.delete() };
    const fields = { ...nested(results), ...removed };
    await snapshot.ref.update(fields, { lastUpdateTime: snapshot.updateTime });
  } else {
    const times = { createdAt: FieldValue.serverTimestamp(), updatedAt: FieldValue.serverTimestamp() };
    const record = { jobId: job.name.toWellFormed(), kind: job.kind, state: stateOf(eventType), results, ...times };
    await snapshot.ref.create(record);
  }
}

function recordOf({ position, published, failed, total }: Progress): DocumentData {
  const updatedAt = FieldValue.serverTimestamp();
  return { state: 'running', position, published, failed, updatedAt, ...(total === undefined ? {} : { total }) };
}

function leaseOf({ readTime }: DocumentSnapshot, owner: string): DocumentData {
  return { leaseOwner: owner, leaseUntil: Timestamp.fromMillis(readTime.toMillis() + RESULTS_LEASE_MILLIS) };
}

function nested(results: DocumentData): DocumentData {
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [`results.${name}`, value as unknown]));
}

function readResults(snapshot: DocumentSnapshot): ResultsRecord | undefined {
  const results = snapshot.get('results') as DocumentData | undefined;
  if (results === undefined) return undefined;
  const leaseUntil: unknown = results['leaseUntil'];
  return {
    state: results['state'] as ResultsRecord['state'],
    position: Number(results['position'] ?? 0),
    published: Number(results['published'] ?? 0),
    failed: Number(results['failed'] ?? 0),
    total: results['total'] as number | undefined,
    event: results['event'] as string | undefined,
    leaseOwner: results['leaseOwner'] as string | undefined,
    leaseUntil: leaseUntil instanceof Timestamp ? leaseUntil.toDate() : undefined,
  };
}
