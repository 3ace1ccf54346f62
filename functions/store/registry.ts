import { type DocumentData, FieldValue, type Firestore, Timestamp } from '@google-cloud/firestore';
import type { KnownJob } from '../model/finding.ts';
import type { JobState } from '../model/job.ts';
import type { Deadline } from '../platform/deadline.ts';
import { isContention } from './grpc.ts';
import { readJob } from './jobs.ts';
import { type PageStart, QUERIES, queryOf } from './queries.ts';

/** A job as a reconciler sees it. */
export interface RegisteredJob extends KnownJob {
  readonly snapshot: PageStart;
  readonly state: JobState;
  readonly since: Date;
  readonly updatedAt: Date;
  /** How often Gemini was asked about it in vain. */
  readonly asked: number;
  /** Not to be asked again before. */
  readonly nextAt: Date | undefined;
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
export class JobRegistry {
  readonly #firestore: Firestore;

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /** The oldest of a kind of job from before a time. */
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
   * @returns whether that is us.
   */
  async claimAsking(job: RegisteredJob, now: Date, nextAt: Date, deadline: Deadline): Promise<boolean> {
    return await this.#touch(job, { updatedAt: now, reconcile: { asked: job.asked + 1, nextAt } }, deadline);
  }

  /** The same for the restart of a job's results. After the last one they are in no query, which goes by their time. */
  async claimRestart(job: RegisteredJob, now: Date, isLast: boolean, deadline: Deadline): Promise<boolean> {
    const updatedAt = isLast ? FieldValue.delete() : now;
    const fields = { 'results.updatedAt': updatedAt, 'results.restarts': job.restarts + 1 };
    return await this.#touch(job, fields, deadline);
  }

  /** Gemini says that it goes on: known, at least. */
  async markRunning({ snapshot }: RegisteredJob, deadline: Deadline): Promise<void> {
    const update = snapshot.ref.update({ state: 'running' });
    await deadline.wait(update, 'STORE_UNAVAILABLE', 'Firestore did not answer in time.');
  }

  async #touch({ snapshot }: RegisteredJob, fields: DocumentData, deadline: Deadline): Promise<boolean> {
    const touching = snapshot.ref.update(fields, { lastUpdateTime: snapshot.updateTime }).then(
      () => true,
      (error: unknown) => {
        if (isContention(error)) return false;
        throw error;
      },
    );
    return await deadline.wait(touching, 'STORE_UNAVAILABLE', 'Firestore did not answer in time.');
  }
}

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
    updatedAt: timeOf(data['updatedAt']) ?? new Date(0),
    asked: Number(reconcile['asked'] ?? 0),
    nextAt: timeOf(reconcile['nextAt']),
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
