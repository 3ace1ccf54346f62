import { type DocumentData, FieldValue, type Firestore, Timestamp } from '@google-cloud/firestore';
import type { KnownJob } from '../model/reconciledDelivery.ts';
import type { JobState } from '../model/eventTypes.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { isContention } from './grpc.ts';
import { readJob } from './jobs.ts';
import { type PageStart, QUERIES, queryOf } from './queries.ts';

/** A job as a reconciler sees it. */
export interface RegisteredJob extends KnownJob {
  readonly snapshot: PageStart;
  readonly state: JobState;
  readonly since: Date;
  /** The version of its record that this is. */
  readonly version: Timestamp;
  /** How often Gemini was asked about it in vain. */
  readonly asked: number;
  /** Not to be asked again before. */
  readonly nextAt: Date | undefined;
  /** Until then a reconciler is at work on it. */
  readonly heldUntil: Date | undefined;
  /** Gemini did not know it when it was asked last. */
  readonly isGone: boolean;
  readonly isOverdueTold: boolean;
  /** The delivery that announced what its results are of. */
  readonly announcedBy: string | undefined;
  readonly resultsLeaseUntil: Date | undefined;
  readonly resultsUpdatedAt: Date;
  /** How often its results were started again since somebody took them up. */
  readonly restarts: number;
}

type Query = 'silentJobs' | 'overdueJobs' | 'stalledResults';

/** The jobs' records, for whoever looks after those that nothing is heard of. */
export class ReconcilableJobs {
  readonly #firestore: Firestore;

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /** The first of a query's jobs, from before a time. */
  async page(
    query: Query,
    before: Date,
    after: PageStart | undefined,
    limit: number,
    deadline: Deadline,
  ): Promise<readonly RegisteredJob[]> {
    const found = queryOf(this.#firestore, QUERIES[query], { before, after, limit }).get();
    const { docs } = await deadline.wait(found, 'STORE_UNAVAILABLE', 'Firestore did not answer in time.');
    return docs.map(readRegistered);
  }

  /**
   * Says that a job is being asked about, before it is: of several at once one may.
   *
   * @returns the job as it is now; `undefined` where its record has changed since it was read, as with all that follow.
   */
  async claimAsking(
    job: RegisteredJob,
    { now, nextAt, heldUntil }: { readonly now: Date; readonly nextAt: Date; readonly heldUntil: Date },
    deadline: Deadline,
  ): Promise<RegisteredJob | undefined> {
    const asked = job.asked + 1;
    return await this.#change(job, { updatedAt: now, reconcile: { asked, nextAt, heldUntil } }, deadline);
  }

  /** The same for what is to be told of it. */
  async hold(job: RegisteredJob, heldUntil: Date, deadline: Deadline): Promise<RegisteredJob | undefined> {
    return await this.#change(job, { 'reconcile.heldUntil': heldUntil }, deadline);
  }

  /** Puts a job about which there is nothing to ask behind all others. */
  async pass(job: RegisteredJob, now: Date, deadline: Deadline): Promise<RegisteredJob | undefined> {
    return await this.#change(job, { updatedAt: now }, deadline);
  }

  /** The same for the restart of a job's results. After the last one they are in no query, which goes by their time. */
  async claimRestart(job: RegisteredJob, now: Date, isLast: boolean, deadline: Deadline): Promise<boolean> {
    const updatedAt = isLast ? FieldValue.delete() : now;
    const fields = { 'results.updatedAt': updatedAt, 'results.restarts': job.restarts + 1 };
    return await this.#touch(job, fields, deadline);
  }

  /** Gemini says that a job which was claimed goes on. */
  async markRunning(job: RegisteredJob, deadline: Deadline): Promise<RegisteredJob | undefined> {
    return await this.#change(job, { state: 'running', ...NOT_HELD }, deadline);
  }

  /** Gemini does not know a job which was claimed: nobody can say what has become of it. */
  async markGone(job: RegisteredJob, nextAt: Date, deadline: Deadline): Promise<RegisteredJob | undefined> {
    const gone = { state: 'unknown', 'reconcile.gone': true, 'reconcile.nextAt': nextAt };
    return await this.#change(job, { ...gone, ...NOT_HELD }, deadline);
  }

  async #touch(job: RegisteredJob, fields: DocumentData, deadline: Deadline): Promise<boolean> {
    return (await this.#change(job, fields, deadline)) !== undefined;
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
    asked: Number(reconcile['asked'] ?? 0),
    nextAt: timeOf(reconcile['nextAt']),
    heldUntil: timeOf(reconcile['heldUntil']),
    isGone: reconcile['gone'] === true,
    isOverdueTold: timeline.some(({ type }) => type === 'job.overdue'),
    announcedBy: timeline.find(({ type }) => type === results['event'])?.webhookId,
    resultsLeaseUntil: timeOf(results['leaseUntil']),
    resultsUpdatedAt: timeOf(results['updatedAt']) ?? new Date(0),
    restarts: Number(results['restarts'] ?? 0),
  };
}

function timeOf(value: unknown): Date | undefined {
  return value instanceof Timestamp ? value.toDate() : undefined;
}
