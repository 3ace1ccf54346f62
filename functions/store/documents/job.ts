import type { CollectionReference, Firestore } from '@google-cloud/firestore';
import type { Job, JobError } from '../../model/job.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Lease } from '../../model/lease.ts';
import type { Progress, ResultsRecord } from '../../model/progress.ts';
import { jobDocumentId } from '../../model/jobName.ts';
import { converterOf } from './converter.ts';

/**
 * `jobs/{id}`: one per Gemini job. Four writers share it, and each changes its own fields only:
 *
 * - deliveries: {@link EventFields}, and `results` when an event first announces results
 * - submissions: {@link SubmissionFields}
 * - results: the map `results`, {@link ResultsFields}
 * - the reconciler: the map `reconcile`, {@link ReconcileFields}; `state` while no event has given one; `updatedAt`; and
 *   the restarts in `results`
 *
 * A record is created by the first of them. `createdAt` and `updatedAt` are the creator's.
 */
export interface JobDocument extends EventFields, SubmissionFields {
  readonly results?: ResultsFields | undefined;
  readonly reconcile?: ReconcileFields | undefined;
  readonly createdAt?: Date | undefined;
  /** The latest change by an event or the reconciler, which queries the jobs with the oldest first. */
  readonly updatedAt?: Date | undefined;
}

/** The state of a job by its events: `jobId`, `state`, `error`, `timeline`, `ends` and more. */
type EventFields = Job;

/** Fields that submitJob writes. */
interface SubmissionFields {
  readonly submittedAt?: Date | undefined;
  readonly route?: string | undefined;
  /** The id that went to Gemini with the job. */
  readonly submissionId?: string | undefined;
  /** The first job of a chain of interactions. */
  readonly root?: string | undefined;
  /** Written only where no event has given it. */
  readonly userMetadata?: JsonObject | undefined;
}

/** The progress of the results. */
export interface ResultsFields extends Partial<Progress>, Lease {
  readonly state: 'pending' | 'running' | 'complete' | 'failed';
  /** The type of the event that announced the results. */
  readonly event?: string | undefined;
  /** `expected` − `total`, where positive. */
  readonly missing?: number | undefined;
  /** Why the results failed for good. */
  readonly error?: JobError | undefined;
  /** Why the latest attempt stopped. */
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: Date } | undefined;
  readonly updatedAt?: Date | undefined;
  /** Restarts by the reconciler since a result was last published. */
  readonly restarts?: number | undefined;
  /** The time since which no result was published. */
  readonly stalledSince?: Date | undefined;
}

/** The reconciler's state of a job without news. */
interface ReconcileFields extends Lease {
  /** Queries of Gemini that found no end. */
  readonly queries?: number | undefined;
  /** The earliest time of the next query. */
  readonly nextAt?: Date | undefined;
  /** Set while Gemini does not know the job. */
  readonly unknown?: boolean | undefined;
}

export const JOB = converterOf<JobDocument>();

function jobsIn(firestore: Firestore): CollectionReference<JobDocument> {
  return firestore.collection('jobs').withConverter(JOB);
}

export function jobIn(firestore: Firestore, jobName: string) {
  return jobsIn(firestore).doc(jobDocumentId(jobName));
}

/** Returns the results as decisions take them: announced results have no progress yet. */
export function resultsOf({ results }: JobDocument): ResultsRecord | undefined {
  return results && { position: 0, published: 0, failed: 0, ...results };
}

/** Returns the webhook-id of the delivery that announced the results. */
export function announcedBy({ timeline, results }: JobDocument): string | undefined {
  return timeline?.find(({ type }) => type === results?.event)?.webhookId;
}
