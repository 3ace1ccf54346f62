import { type DocumentData, FieldValue, type Firestore, Timestamp } from '@google-cloud/firestore';
import type { KnownJob } from '../model/reconciledDelivery.ts';
import type { JobState } from '../model/eventTypes.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { isContention } from './grpc.ts';
import { readJob } from './jobs.ts';
import { type PageStart, QUERIES, queryOf, type QueryRange } from './queries.ts';

/** A job as a reconciler sees it. */
export interface RegisteredJob extends KnownJob {
  readonly snapshot: PageStart;
  readonly state: JobState;
  readonly since: Date;
  /** The version of its record that this is. */
  readonly version: Timestamp;
  /** How often Gemini was queried about it without an end. */
  readonly queries: number;
  /** The earliest time of the next query. */
  readonly nextAt: Date | undefined;
  /** Until then one run works on it. */
  readonly heldUntil: Date | undefined;
  /** Gemini did not know it at the last query. */
  readonly isGone: boolean;
  readonly isOverdueAnnounced: boolean;
  /** The webhook-id of the delivery that announced the results. */
  readonly announcedBy: string | undefined;
  readonly resultsLeaseUntil: Date | undefined;
  readonly resultsUpdatedAt: Date;
  /** Restarts since results were last published. */
  readonly restarts: number;
  /** The time since which no result was published. */
  readonly stalledSince: Date;
}

type Query = 'silentJobs' | 'overdueJobs' | 'stalledResults';

/** The records of jobs, as the reconciler reads and changes them. */
export class ReconcilableJobs {
  readonly #firestore: Firestore;

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /** Returns one page of a query's jobs. */
  async page(query: Query, range: QueryRange, deadline: Deadline): Promise<readonly RegisteredJob[]> {
    const found = queryOf(this.#firestore, QUERIES[query], range).get();
    const { docs } = await deadline.wait(found, 'STORE_UNAVAILABLE', 'Firestore did not answer in time.');
    return docs.map(readRegistered);
  }

  /**
   * Records a query of a job before it is sent, so that only one of several runs sends it.
   *
   * @returns the job as it is now; `undefined`, here and below, where its record has changed since it was read.
   */
  async claimQuery(
    job: RegisteredJob,
    { now, nextAt, heldUntil }: { readonly now: Date; readonly nextAt: Date; readonly heldUntil: Date },
    deadline: Deadline,
  ): Promise<RegisteredJob | undefined> {
    const reconcile = { asked: job.queries + 1, nextAt, heldUntil };
    return await this.#change(job, { updatedAt: now, reconcile }, deadline);
  }

  /** Claims a job in order to announce something about it. */
  async hold(job: RegisteredJob, heldUntil: Date, deadline: Deadline): Promise<RegisteredJob | undefined> {
    return await this.#change(job, { 'reconcile.heldUntil': heldUntil }, deadline);
  }

  /** Moves a job that cannot be queried to the back of the queue. */
  async defer(job: RegisteredJob, now: Date, deadline: Deadline): Promise<RegisteredJob | undefined> {
    return await this.#change(job, { updatedAt: now }, deadline);
  }

  /**
   * Claims the restart of a job's results.
   *
   * @returns `false` where the record has changed since it was read.
   */
  async claimRestart(job: RegisteredJob, now: Date, deadline: Deadline): Promise<boolean> {
    const results = { updatedAt: now, restarts: job.restarts + 1, stalledSince: job.stalledSince };
    const fields = Object.fromEntries(Object.entries(results).map(([name, value]) => [`results.${name}`, value]));
    return (await this.#change(job, fields, deadline)) !== undefined;
  }

  /** Records that a claimed job has not ended at Gemini. */
  async markRunning(job: RegisteredJob, deadline: Deadline): Promise<RegisteredJob | undefined> {
    return await this.#change(job, { state: 'running', ...NOT_HELD }, deadline);
  }

  /** Records that Gemini does not know a claimed job. */
  async markUnknown(job: RegisteredJob, nextAt: Date, deadline: Deadline): Promise<RegisteredJob | undefined> {
    const gone = { state: 'unknown', 'reconcile.gone': true, 'reconcile.nextAt': nextAt };
    return await this.#change(job, { ...gone, ...NOT_HELD }, deadline);
  }

  async #change(job: RegisteredJob, fields: DocumentData, deadline: Deadline): Promise<RegisteredJob | undefined> {
    const changing = job.snapshot.ref.update(fields, { lastUpdateTime: job.version }).then(
      ({ writeTime }) => ({ ...job, version: writeTime, heldUntil: undefined }),
      (error: unknown) => {
        if (isContention(error)) return undefined;
        throw error;
      },
    );
    return await deadline.wait(changing, 'STORE_UNAVAILABLE', 'Firestore did not answer in time.');
  }
}

const NOT_HELD = { 'reconcile.heldUntil': FieldValue.delete() };

function readRegistered(snapshot: PageStart): RegisteredJob {
  const data = snapshot.data();
  const job = readJob(snapshot);
  const timeline = job?.timeline ?? [];
  const results = (data['results'] ?? {}) as DocumentData;
  const reconcile = (data['reconcile'] ?? {}) as DocumentData;
  return {
    snapshot,
    name: job?.jobId ?? '',
    kind: job?.kind ?? 'unknown',
    state: job?.state ?? 'unknown',
    route: data['route'] as string | undefined,
    since: timeOf(data['submittedAt']) ?? timeOf(data['createdAt']) ?? new Date(0),
    version: snapshot.updateTime,
    queries: Number(reconcile['asked'] ?? 0),
    nextAt: timeOf(reconcile['nextAt']),
    heldUntil: timeOf(reconcile['heldUntil']),
    isGone: reconcile['gone'] === true,
    isOverdueAnnounced: timeline.some(({ type }) => type === 'job.overdue'),
    announcedBy: timeline.find(({ type }) => type === results['event'])?.webhookId,
    resultsLeaseUntil: timeOf(results['leaseUntil']),
    resultsUpdatedAt: timeOf(results['updatedAt']) ?? new Date(0),
    restarts: Number(results['restarts'] ?? 0),
    stalledSince: timeOf(results['stalledSince']) ?? timeOf(results['updatedAt']) ?? new Date(0),
  };
}

/** Returns the position of a job in the query that it was found by. */
export function positionOf({ snapshot }: RegisteredJob): PageStart {
  return snapshot;
}

function timeOf(value: unknown): Date | undefined {
  return value instanceof Timestamp ? value.toDate() : undefined;
}
