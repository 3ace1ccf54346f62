import {
  type DocumentData,
  type DocumentReference,
  type DocumentSnapshot,
  type Firestore,
  Timestamp,
} from '@google-cloud/firestore';
import { jobDocumentId } from '../model/jobName.ts';
import type { JsonObject } from '../model/json.ts';
import type { Deadline } from '../platform/deadline.ts';
import { untilDecided } from './contention.ts';
import { jobOfSubmission } from './queries.ts';

/** As long as the same key gives the same answer. */
const KEPT_MILLIS = 86_400_000;

/** Longer than Gemini may take to answer: who holds it is at work, or gone. */
export const SUBMISSION_LEASE_MILLIS = 40_000;

/** What is to be started, as the idempotency record knows it. */
export interface SubmissionKey {
  readonly submissionId: string;
  /** SHA-256 of the request, in hex: the same key is for the same request. */
  readonly fingerprint: string;
}

/** A job that was started, and what the caller is answered. */
export interface SubmittedJob {
  readonly jobId: string;
  readonly kind: 'batch' | 'interaction';
  readonly route: string;
  /** The first job of the chain that this one goes on with. */
  readonly root: string | undefined;
  readonly metadata: JsonObject;
}

/**
 * What is known of a submission:
 *
 * - `new`: nothing; it is ours to start
 * - `unknown`: somebody asked Gemini, and is gone: whether the job was started is to be found out; it is ours to do so
 * - `busy`: somebody is at it
 * - `done`: it was started
 * - `conflict`: the key was used for another request
 */
export type SubmissionClaim =
  | { readonly status: 'new' }
  | { readonly status: 'unknown'; readonly startedAt: Date }
  | { readonly status: 'busy' }
  | { readonly status: 'done'; readonly jobId: string }
  | { readonly status: 'conflict' };

const UNAVAILABLE = ['STORE_UNAVAILABLE', 'Firestore did not answer in time; send it again.'] as const;

/** The idempotency records of submissions, `submissions/{submission id}`, and the jobs' records that come of them. */
export class Submissions {
  readonly #firestore: Firestore;

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /** Records the submission before Gemini is asked, once for all simultaneous requests under its key. */
  async claim({ submissionId, fingerprint }: SubmissionKey, deadline: Deadline): Promise<SubmissionClaim> {
    const document = this.#documentOf(submissionId);
    const claiming = untilDecided<SubmissionClaim>(deadline, async () => {
      const snapshot = await document.get();
      const now = snapshot.readTime.toMillis();
      const lease = { leaseUntil: Timestamp.fromMillis(now + SUBMISSION_LEASE_MILLIS) };
      if (snapshot.updateTime === undefined || isOver(snapshot, now)) {
        await this.#begin(snapshot, { submissionId, fingerprint, ...lease }, now);
        return { status: 'new' };
      }
      if (snapshot.get('fingerprint') !== fingerprint) return { status: 'conflict' };
      const jobId = snapshot.get('jobId') as string | undefined;
      if (jobId !== undefined) return { status: 'done', jobId };
      if ((snapshot.get('leaseUntil') as Timestamp).toMillis() > now) return { status: 'busy' };
      await document.update(lease, { lastUpdateTime: snapshot.updateTime });
      return { status: 'unknown', startedAt: (snapshot.get('startedAt') as Timestamp).toDate() };
    });
    return await deadline.wait(claiming, ...UNAVAILABLE);
  }

  /** Nothing was started: the key is free again. */
  async forget(submissionId: string, deadline: Deadline): Promise<void> {
    await deadline.wait(this.#documentOf(submissionId).delete(), ...UNAVAILABLE);
  }

  /** Whether something was started is not known: the next request under the key may find out at once. */
  async leaveOff(submissionId: string, deadline: Deadline): Promise<void> {
    const update = this.#documentOf(submissionId).update({ leaseUntil: Timestamp.fromMillis(0) });
    await deadline.wait(update, ...UNAVAILABLE);
  }

  /** Records the job and then the answer. The job's callback may have come already: what it said stays. */
  async settle(submissionId: string, job: SubmittedJob, now: Date, deadline: Deadline): Promise<void> {
    const document = this.#firestore.doc(`jobs/${jobDocumentId(job.jobId)}`);
    const settling = untilDecided(deadline, async () => {
      const [snapshot, submission] = await this.#firestore.getAll(document, this.#documentOf(submissionId));
      if (snapshot === undefined || submission === undefined) throw new Error('Firestore answered without a document.');
      const batch = this.#firestore.batch();
      const known = snapshot.data();
      const fields = { submittedAt: now, route: job.route, submissionId, root: job.root };
      if (snapshot.updateTime) {
        const metadata = known?.['userMetadata'] === undefined ? { userMetadata: job.metadata } : {};
        batch.update(document, { ...fields, ...metadata }, { lastUpdateTime: snapshot.updateTime });
      } else {
        const times = { createdAt: now, updatedAt: now };
        const record = { jobId: job.jobId, kind: job.kind, state: 'submitted', userMetadata: job.metadata };
        batch.create(document, { ...record, ...fields, ...times });
      }
      batch.update(submission.ref, { jobId: job.jobId, leaseUntil: Timestamp.fromMillis(0) });
      await batch.commit();
    });
    await deadline.wait(settling, ...UNAVAILABLE);
  }

  /** The job whose callback named the submission, if one has come. */
  async findJob(submissionId: string, deadline: Deadline): Promise<string | undefined> {
    const { docs } = await deadline.wait(jobOfSubmission(this.#firestore, submissionId).get(), ...UNAVAILABLE);
    return docs[0]?.get('jobId') as string | undefined;
  }

  /** The first job of the chain that a job belongs to; by itself it is a chain of one. */
  async rootOf(jobId: string, deadline: Deadline): Promise<string> {
    const reading = this.#firestore.doc(`jobs/${jobDocumentId(jobId)}`).get();
    const snapshot = await deadline.wait(reading, ...UNAVAILABLE);
    return (snapshot.get('root') as string | undefined) ?? jobId;
  }

  async #begin(snapshot: DocumentSnapshot, fields: DocumentData, now: number): Promise<void> {
    const times = { startedAt: Timestamp.fromMillis(now), expireAt: Timestamp.fromMillis(now + KEPT_MILLIS) };
    if (snapshot.updateTime === undefined) await snapshot.ref.create({ ...fields, ...times });
    else await snapshot.ref.set({ ...fields, ...times });
  }

  #documentOf(submissionId: string): DocumentReference {
    return this.#firestore.doc(`submissions/${submissionId}`);
  }
}

/** TTL removes a record within a day of its end; until then it still stands there. */
function isOver(snapshot: DocumentSnapshot, now: number): boolean {
  return (snapshot.get('expireAt') as Timestamp).toMillis() <= now;
}
