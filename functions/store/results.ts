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
import {
  announcesResults,
  decideResults,
  missingResults,
  type Progress,
  type ResultsRecord,
} from '../model/progress.ts';
import type { TokenUsage } from '../model/tokenUsage.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { untilDecided } from './contention.ts';

/** An instance that is gone is noticed after so long; one that works renews it much more often. */
export const RESULTS_LEASE_MILLIS = 10_000;

/** The right to publish a job's results and to record their progress. */
export interface ResultsClaim {
  readonly document: DocumentReference;
  readonly owner: string;
  /** The number of results that were published when it was claimed. */
  readonly publishedBefore: number;
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
      return {
        status: 'claimed',
        claim: { document, owner, publishedBefore: decision.from.published },
        from: decision.from,
      } as const;
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
      ...(hasProgress(claim, progress) ? NOT_STALLED : {}),
    }));
  }

  /**
   * Records the progress and releases the lease, so that the next attempt need not wait until it expires.
   *
   * @param error why the attempt stopped; without one nothing is wrong.
   */
  async release(
    claim: ResultsClaim,
    progress: Progress,
    error: { readonly code: string; readonly message: string } | undefined,
    deadline: Deadline,
  ): Promise<boolean> {
    return await this.#change(claim, deadline, (snapshot) => ({
      ...recordOf(progress),
      ...NO_LEASE,
      ...(hasProgress(claim, progress) ? NOT_STALLED : stalledAt(snapshot)),
      lastError: error ? lastErrorOf(error) : FieldValue.delete(),
    }));
  }

  async complete(claim: ResultsClaim, progress: Progress, deadline: Deadline): Promise<boolean> {
    const missing = missingResults(progress) ?? FieldValue.delete();
    const order = FieldValue.delete();
    const all = { ...recordOf(progress), state: 'complete', total: progress.published, missing, order };
    return await this.#change(claim, deadline, () => ({ ...all, ...NO_LEASE, ...ENDED }));
  }

  async fail(
    claim: ResultsClaim,
    progress: Progress,
    error: { readonly code: string; readonly message: string },
    deadline: Deadline,
  ): Promise<boolean> {
    const failed = { ...recordOf(progress), state: 'failed', error };
    return await this.#change(claim, deadline, () => ({ ...failed, ...NO_LEASE, ...ENDED }));
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
const NOT_STALLED: DocumentData = { restarts: FieldValue.delete(), stalledSince: FieldValue.delete() };
const ENDED: DocumentData = { ...NOT_STALLED, lastError: FieldValue.delete() };

const MAX_ERROR_MESSAGE_LENGTH = 1_024;

function hasProgress({ publishedBefore }: ResultsClaim, { published }: Progress): boolean {
  return published > publishedBefore;
}

/** Keeps the time since which no result was published. */
function stalledAt(snapshot: DocumentSnapshot): DocumentData {
  return { stalledSince: (snapshot.get('results.stalledSince') as unknown) ?? snapshot.readTime };
}

function lastErrorOf({ code, message }: { readonly code: string; readonly message: string }): DocumentData {
  return { code, message: message.slice(0, MAX_ERROR_MESSAGE_LENGTH).toWellFormed(), at: FieldValue.serverTimestamp() };
}

/** An event that comes before its job's record, or after it was removed, makes one. */
async function take(
  snapshot: DocumentSnapshot,
  results: DocumentData,
  job: { readonly name: string; readonly kind: JobKind },
  eventType: string,
): Promise<void> {
  if (snapshot.updateTime) {
    const isSameEvent = snapshot.get('results.event') === eventType;
    const former = { error: FieldValue.delete(), ...(isSameEvent ? {} : ENDED) };
    const fields = nested({ ...results, ...former });
    await snapshot.ref.update(fields, { lastUpdateTime: snapshot.updateTime });
  } else {
    const times = { createdAt: FieldValue.serverTimestamp(), updatedAt: FieldValue.serverTimestamp() };
    const fields = { jobId: job.name.toWellFormed(), kind: job.kind, state: stateOf(eventType), ...times };
    await snapshot.ref.create({ ...fields, results: withoutRemovals(results) });
  }
}

/** A field that an earlier attempt has left and that the progress does not have is removed. */
function recordOf({ position, published, failed, total, expected, usage, order }: Progress): DocumentData {
  const optional = Object.entries({ total, expected, usage, order });
  const fields = optional.map(([name, value]) => [name, value ?? FieldValue.delete()] as const);
  const updatedAt = FieldValue.serverTimestamp();
  return { state: 'running', position, published, failed, updatedAt, ...Object.fromEntries(fields) };
}

/** A new record has nothing to remove. */
function withoutRemovals(fields: DocumentData): DocumentData {
  const kept = Object.entries(fields).filter(
    ([, value]) => !(value instanceof FieldValue && value.isEqual(FieldValue.delete())),
  );
  return Object.fromEntries(kept);
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
    expected: results['expected'] as number | undefined,
    usage: results['usage'] as TokenUsage | undefined,
    order: results['order'] as Buffer | undefined,
    event: results['event'] as string | undefined,
    leaseOwner: results['leaseOwner'] as string | undefined,
    leaseUntil: leaseUntil instanceof Timestamp ? leaseUntil.toDate() : undefined,
  };
}
