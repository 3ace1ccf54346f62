import { randomUUID } from 'node:crypto';
import {
  type DocumentData,
  FieldValue,
  type Firestore,
  type QueryDocumentSnapshot,
  type Timestamp,
} from '@google-cloud/firestore';
import type { JobState } from '../model/eventTypes.ts';
import { isLeased } from '../model/lease.ts';
import type { AnnouncedJob } from '../model/reconciledDelivery.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { isContention } from '../runtime/grpcStatus.ts';
import { under } from './documents/converter.ts';
import { announcedBy, JOB, type JobDocument } from './documents/job.ts';
import { foundIn, leaseFrom, NO_LEASE } from './lease.ts';
import { type PageStart, QUERIES, queryOf, type QueryRange } from './queries.ts';

/** A run's time for one job: longer than it takes to query the job, to record its end and to publish it. */
const LEASE_MILLIS = 30_000;

/** A job as a reconciler sees it. */
export interface ReconcilableJob extends AnnouncedJob {
  readonly snapshot: QueryDocumentSnapshot<JobDocument>;
  readonly state: JobState;
  readonly since: Date;
  /** The version of its record that this is. */
  readonly version: Timestamp;
  /** Queries of Gemini that found no end. */
  readonly queries: number;
  /** The earliest time of the next query. */
  readonly nextAt: Date | undefined;
  /** True while another run works on it. */
  readonly isLeased: boolean;
  /** Gemini did not know it at the last query. */
  readonly isUnknown: boolean;
  readonly isOverdueAnnounced: boolean;
  /** The webhook-id of the delivery that announced the results. */
  readonly announcedBy: string | undefined;
  /** True while an instance reads the results. */
  readonly areResultsLeased: boolean;
  readonly resultsUpdatedAt: Date;
  /** Restarts since results were last published. */
  readonly restarts: number;
  /** The time since which no result was published. */
  readonly stalledSince: Date;
}

type Query = 'silentJobs' | 'overdueJobs' | 'stalledResults';

const UNAVAILABLE = ['STORE_UNAVAILABLE', 'Firestore did not answer in time.'] as const;

/**
 * The records of jobs, as the reconciler reads and changes them.
 *
 * Every change returns the job as it is afterwards, or `undefined` where its record has changed since it was read: then an
 * event or another run was faster.
 */
export class ReconcilableJobs {
  readonly #firestore: Firestore;
  readonly #owner = randomUUID();

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /** Returns one page of a query's jobs. */
  async page(query: Query, range: QueryRange, deadline: Deadline): Promise<readonly ReconcilableJob[]> {
    const found = queryOf(this.#firestore, QUERIES[query], range).withConverter(JOB).get();
    const { docs } = await deadline.wait(found, ...UNAVAILABLE);
    return docs.map(readReconcilable);
  }

  /** Records a query of a job before it is sent, so that only one of several runs sends it. */
  async claimQuery(
    job: ReconcilableJob,
    { now, nextAt }: { readonly now: Date; readonly nextAt: Date },
    deadline: Deadline,
  ): Promise<ReconcilableJob | undefined> {
    const query = under('reconcile', { queries: job.queries + 1, nextAt, unknown: FieldValue.delete() });
    const lease = await this.#newLease(job, deadline);
    return lease && (await this.#change(job, { updatedAt: now, ...query, ...lease.fields }, deadline));
  }

  /** Claims a job in order to announce something about it, unless another run works on it. */
  async claim(job: ReconcilableJob, deadline: Deadline): Promise<ReconcilableJob | undefined> {
    const lease = await this.#newLease(job, deadline);
    return lease && !lease.isHeld ? await this.#change(job, lease.fields, deadline) : undefined;
  }

  /** Moves a job that cannot be queried to the back of the queue. */
  async defer(job: ReconcilableJob, now: Date, deadline: Deadline): Promise<ReconcilableJob | undefined> {
    return await this.#change(job, { updatedAt: now }, deadline);
  }

  /** Claims the restart of a job's results. */
  async claimRestart(job: ReconcilableJob, now: Date, deadline: Deadline): Promise<ReconcilableJob | undefined> {
    const results = { updatedAt: now, restarts: job.restarts + 1, stalledSince: job.stalledSince };
    return await this.#change(job, under('results', results), deadline);
  }

  /** Records that a claimed job has not ended at Gemini. */
  async markRunning(job: ReconcilableJob, deadline: Deadline): Promise<ReconcilableJob | undefined> {
    return await this.#change(job, { state: 'running', ...under('reconcile', NO_LEASE) }, deadline);
  }

  /** Records that Gemini does not know a claimed job. */
  async markUnknown(job: ReconcilableJob, nextAt: Date, deadline: Deadline): Promise<ReconcilableJob | undefined> {
    const unknown = under('reconcile', { unknown: true, nextAt, ...NO_LEASE });
    return await this.#change(job, { state: 'unknown', ...unknown }, deadline);
  }

  /** Reads the time and the lease again: the page may be older than a lease is long. */
  async #newLease(job: ReconcilableJob, deadline: Deadline): Promise<NewLease | undefined> {
    const found = foundIn(await deadline.wait(job.snapshot.ref.get(), ...UNAVAILABLE));
    if (found === undefined || !found.unchanged.lastUpdateTime.isEqual(job.version)) return undefined;
    const { record, readTime } = found;
    const isHeld = isLeased(record.reconcile ?? {}, readTime.toDate());
    return { isHeld, fields: under('reconcile', leaseFrom(readTime, this.#owner, LEASE_MILLIS)) };
  }

  async #change(job: ReconcilableJob, fields: DocumentData, deadline: Deadline): Promise<ReconcilableJob | undefined> {
    const changing = job.snapshot.ref.update(fields, { lastUpdateTime: job.version }).then(
      ({ writeTime }) => ({ ...job, version: writeTime, isLeased: false }),
      (error: unknown) => {
        if (isContention(error)) return undefined;
        throw error;
      },
    );
    return await deadline.wait(changing, ...UNAVAILABLE);
  }
}

interface NewLease {
  /** True while another run's lease lasts. */
  readonly isHeld: boolean;
  readonly fields: DocumentData;
}

function readReconcilable(snapshot: QueryDocumentSnapshot<JobDocument>): ReconcilableJob {
  const { jobId, kind, state, route, timeline, submittedAt, createdAt, reconcile = {}, ...job } = snapshot.data();
  const { results } = job;
  const readAt = snapshot.readTime.toDate();
  const resultsUpdatedAt = results?.updatedAt ?? new Date(0);
  return {
    snapshot,
    name: jobId,
    kind,
    state,
    route,
    since: submittedAt ?? createdAt ?? new Date(0),
    version: snapshot.updateTime,
    queries: reconcile.queries ?? 0,
    nextAt: reconcile.nextAt,
    isLeased: isLeased(reconcile, readAt),
    isUnknown: reconcile.unknown === true,
    isOverdueAnnounced: timeline?.some(({ type }) => type === 'job.overdue') ?? false,
    announcedBy: announcedBy(snapshot.data()),
    areResultsLeased: isLeased(results ?? {}, readAt),
    resultsUpdatedAt,
    restarts: results?.restarts ?? 0,
    stalledSince: results?.stalledSince ?? resultsUpdatedAt,
  };
}

/** Returns the position of a job in the query that it was found by. */
export function positionOf({ snapshot }: ReconcilableJob): PageStart {
  return snapshot;
}
