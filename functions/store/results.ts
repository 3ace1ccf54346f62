import { randomUUID } from 'node:crypto';
import { type DocumentReference, type DocumentSnapshot, FieldValue, type Firestore } from '@google-cloud/firestore';
import { stateOf } from '../model/eventTypes.ts';
import type { CodedError } from '../model/job.ts';
import type { JobKind } from '../model/jobName.ts';
import { decideResults, missingResults, type Progress } from '../model/progress.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { untilDecided } from './contention.ts';
import { type Change, orDelete, under } from './documents/converter.ts';
import { type JobDocument, jobIn, type ResultsFields, resultsOf } from './documents/job.ts';
import { foundIn, leaseFrom, NO_LEASE, RELEASED, secondsLeft, writeIfOwner } from './lease.ts';

/** The lease of an attempt. An attempt renews it every few seconds, so that a killed instance is noticed after this time. */
export const RESULTS_LEASE_MILLIS = 10_000;

/** The right to publish a job's results and to record their progress. */
export interface ResultsClaim {
  readonly document: DocumentReference<JobDocument>;
  readonly owner: string;
  /** The number of results that were published when it was claimed. */
  readonly publishedBefore: number;
}

type ResultsClaimed =
  | { readonly status: 'claimed'; readonly claim: ResultsClaim; readonly from: Progress }
  | { readonly status: 'in_progress'; readonly retryAfterSeconds: number }
  | { readonly status: 'done' };

const UNAVAILABLE = ['STORE_UNAVAILABLE', 'Firestore did not answer in time. Deliver the event again.'] as const;

/**
 * The progress of results: the map `results` in a job's record. It holds a lease, so that one instance reads a job's
 * output, and the position, so that the next attempt resumes there.
 *
 * Every method throws {@link ServiceError} `STORE_UNAVAILABLE`. Those that take a claim return `false`, and write nothing,
 * where another owner has acquired the lease.
 */
export class JobResults {
  readonly #firestore: Firestore;

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /** Connects before the first claim, by reading a record that does not exist. */
  async connect(): Promise<void> {
    await jobIn(this.#firestore, 'none').get();
  }

  async claim(
    job: { readonly name: string; readonly kind: JobKind },
    eventType: string,
    deadline: Deadline,
  ): Promise<ResultsClaimed> {
    const owner = randomUUID();
    const document = jobIn(this.#firestore, job.name);
    const claiming = untilDecided(deadline, async (): Promise<ResultsClaimed> => {
      const snapshot = await document.get();
      const now = snapshot.readTime.toDate();
      const record = snapshot.data();
      const stored = record && resultsOf(record);
      const decision = decideResults(stored, eventType, owner, now);
      if (decision.action === 'done') return { status: 'done' };
      if (decision.action === 'wait')
        return { status: 'in_progress', retryAfterSeconds: secondsLeft(stored ?? {}, now, RESULTS_LEASE_MILLIS) };
      const { from } = decision;
      const lease = leaseFrom(snapshot.readTime, owner, RESULTS_LEASE_MILLIS);
      await acquire(snapshot, { ...progressOf(from), ...lease, event: eventType }, job, eventType);
      return { status: 'claimed', claim: { document, owner, publishedBefore: from.published }, from };
    });
    return await deadline.wait(claiming, ...UNAVAILABLE);
  }

  /** Records the progress and renews the lease. */
  async advance(claim: ResultsClaim, progress: Progress, deadline: Deadline): Promise<boolean> {
    return await this.#write(claim, deadline, (_results, snapshot) => ({
      ...progressOf(progress),
      ...leaseFrom(snapshot.readTime, claim.owner, RESULTS_LEASE_MILLIS),
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
    error: CodedError | undefined,
    deadline: Deadline,
  ): Promise<boolean> {
    return await this.#write(claim, deadline, (results, { readTime }) => ({
      ...progressOf(progress),
      ...RELEASED,
      ...(hasProgress(claim, progress) ? NOT_STALLED : { stalledSince: results.stalledSince ?? readTime.toDate() }),
      lastError: orDelete(error && lastErrorOf(error, readTime.toDate())),
    }));
  }

  async complete(claim: ResultsClaim, progress: Progress, deadline: Deadline): Promise<boolean> {
    const missing = orDelete(missingResults(progress));
    const completed = { state: 'complete' as const, total: progress.published, missing, order: FieldValue.delete() };
    return await this.#write(claim, deadline, () => ({ ...progressOf(progress), ...completed, ...NO_LEASE, ...ENDED }));
  }

  async fail(claim: ResultsClaim, progress: Progress, error: CodedError, deadline: Deadline): Promise<boolean> {
    const failed = { state: 'failed' as const, error };
    return await this.#write(claim, deadline, () => ({ ...progressOf(progress), ...failed, ...NO_LEASE, ...ENDED }));
  }

  async #write(
    { document, owner }: ResultsClaim,
    deadline: Deadline,
    changeOf: (
      results: ResultsFields,
      snapshot: Pick<DocumentSnapshot<JobDocument>, 'readTime'>,
    ) => Change<ResultsFields>,
  ): Promise<boolean> {
    const writing = writeIfOwner(
      document,
      owner,
      {
        leaseOf: ({ results }) => results,
        write: async ({ ref, record, readTime, unchanged }) =>
          record.results && (await ref.update(under('results', changeOf(record.results, { readTime })), unchanged)),
      },
      deadline,
    );
    return await deadline.wait(writing, ...UNAVAILABLE);
  }
}

const NOT_STALLED: Change<ResultsFields> = { restarts: FieldValue.delete(), stalledSince: FieldValue.delete() };
const ENDED: Change<ResultsFields> = { ...NOT_STALLED, lastError: FieldValue.delete() };

const MAX_ERROR_MESSAGE_LENGTH = 1_024;

function hasProgress({ publishedBefore }: ResultsClaim, { published }: Progress): boolean {
  return published > publishedBefore;
}

function lastErrorOf({ code, message }: CodedError, at: Date): NonNullable<ResultsFields['lastError']> {
  return { code, message: message.slice(0, MAX_ERROR_MESSAGE_LENGTH).toWellFormed(), at };
}

/** Writes a claim. An event that arrives before its job's record, or after its removal, creates one. */
async function acquire(
  snapshot: DocumentSnapshot<JobDocument>,
  results: Change<ResultsFields>,
  job: { readonly name: string; readonly kind: JobKind },
  eventType: string,
): Promise<void> {
  const found = foundIn(snapshot);
  if (found) {
    const isSameEvent = found.record.results?.event === eventType;
    const former = { error: FieldValue.delete(), ...(isSameEvent ? {} : ENDED) };
    await found.ref.update(under('results', { ...results, ...former }), found.unchanged);
  } else {
    const times = { createdAt: FieldValue.serverTimestamp(), updatedAt: FieldValue.serverTimestamp() };
    const fields = { jobId: job.name.toWellFormed(), kind: job.kind, state: stateOf(eventType), ...times };
    await snapshot.ref.create({ ...fields, results: withoutRemovals(results) as ResultsFields });
  }
}

/** Returns the progress to write. A field of an earlier attempt that this progress does not have is removed. */
function progressOf({ position, published, failed, total, expected, usage, order }: Progress): Change<ResultsFields> {
  return {
    state: 'running',
    position,
    published,
    failed,
    total: orDelete(total),
    expected: orDelete(expected),
    usage: orDelete(usage),
    order: orDelete(order),
    updatedAt: FieldValue.serverTimestamp(),
  };
}

/** Drops removals, which a new record does not allow. */
function withoutRemovals(fields: Change<ResultsFields>): object {
  const isRemoval = (value: unknown) => value instanceof FieldValue && value.isEqual(FieldValue.delete());
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isRemoval(value)));
}
