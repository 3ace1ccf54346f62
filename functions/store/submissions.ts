import { randomUUID } from 'node:crypto';
import {
  type DocumentReference,
  type DocumentSnapshot,
  FieldValue,
  type Firestore,
  Timestamp,
} from '@google-cloud/firestore';
import { jobDocumentId } from '../model/jobName.ts';
import type { JsonObject } from '../model/json.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { untilDecided } from './contention.ts';
import { jobOfSubmission } from './queries.ts';
import { KeyedMutex } from '../runtime/keyedMutex.ts';

/** As long as the same key gives the same answer. */
const KEPT_MILLIS = 86_400_000;

/**
 * Who holds a submission is at work, or gone, after so long: longer than it takes to find out what became of it and to
 * record that (20 s); and then to ask Gemini and record its answer (30 s). Whoever is late starts nothing all the same.
 */
export const FINDING_MILLIS = 20_000;
export const ASKING_MILLIS = 40_000;

/** What is to be started, as the idempotency record knows it. */
export interface SubmissionKey {
  /** Id of the record. */
  readonly recordId: string;
  /** SHA-256 of the request, in hex: the same key is for the same request. */
  readonly fingerprint: string;
}

/** The right to start a job and to record it, until its lease is over and somebody else takes it. */
export interface SubmissionClaim {
  readonly recordId: string;
  /** Goes with the job, and finds it again. A key that is used again after its time has another one. */
  readonly submissionId: string;
  readonly owner: string;
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
 * - `new`: Gemini was never asked; it is ours to start
 * - `unknown`: somebody asked Gemini, and is gone: whether the job was started is to be found out; it is ours to do so
 * - `busy`: somebody is at it
 * - `done`: it was started
 * - `conflict`: the key was used for another request
 */
export type ClaimedSubmission =
  | { readonly status: 'new'; readonly claim: SubmissionClaim }
  /** By Firestore's clock. */
  | { readonly status: 'unknown'; readonly claim: SubmissionClaim; readonly askedMillisAgo: number }
  | { readonly status: 'busy' }
  | { readonly status: 'done'; readonly submissionId: string; readonly jobId: string }
  | { readonly status: 'conflict' };

const UNAVAILABLE = ['STORE_UNAVAILABLE', 'Firestore did not answer in time; send it again.'] as const;

/** The idempotency records of submissions, `submissions/{record id}`, and the jobs' records that come of them. */
export class Submissions {
  readonly #firestore: Firestore;
  readonly #turns = new KeyedMutex();

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /** Records the submission before Gemini is asked, once for all simultaneous requests under its key. */
  async claim(key: SubmissionKey, deadline: Deadline): Promise<ClaimedSubmission> {
    const owner = randomUUID();
    const attempt = () => this.#tryClaim(key, owner);
    const claiming = untilDecided(deadline, () => this.#turns.take(key.recordId, attempt));
    return await deadline.wait(claiming, ...UNAVAILABLE);
  }

  /**
   * Records that Gemini is asked from now on, and renews the lease for that.
   *
   * @throws {ServiceError} `SUBMISSION_IN_PROGRESS` where somebody else has taken the submission over.
   */
  async ask(claim: SubmissionClaim, deadline: Deadline): Promise<void> {
    const isOurs = await this.#change(claim, deadline, async ({ ref, readTime }, lastUpdateTime) => {
      const lease = leaseFrom(readTime.toMillis(), claim.owner, ASKING_MILLIS);
      await ref.update({ ...lease, startedAt: readTime }, { lastUpdateTime });
    });
    if (isOurs) return;
    throw new ServiceError('SUBMISSION_IN_PROGRESS', 'Another request under this Idempotency-Key has taken over.');
  }

  /** Nothing was started: the key is free again. */
  async forget(claim: SubmissionClaim, deadline: Deadline): Promise<void> {
    await this.#change(claim, deadline, async ({ ref }, lastUpdateTime) => {
      await ref.delete({ lastUpdateTime });
    });
  }

  /** Whether something was started is not known: the next request under the key may find out at once. */
  async leaveOff(claim: SubmissionClaim, deadline: Deadline): Promise<void> {
    await this.#change(claim, deadline, async ({ ref }, lastUpdateTime) => {
      await ref.update({ leaseUntil: Timestamp.fromMillis(0) }, { lastUpdateTime });
    });
  }

  /** Records the job and then the answer. The job's callback may have come already: what it said stays. */
  async settle(claim: SubmissionClaim, job: SubmittedJob, deadline: Deadline): Promise<void> {
    const document = this.#firestore.doc(`jobs/${jobDocumentId(job.jobId)}`);
    const { owner, submissionId } = claim;
    const settling = untilDecided(deadline, async () => {
      const snapshot = await document.get();
      const batch = this.#firestore.batch();
      const known = snapshot.data();
      // Firestore's clock: after the time of an instance that is ahead, the reconciler would look for the job too late.
      const now = snapshot.readTime;
      const fields = { submittedAt: now, route: job.route, submissionId, root: job.root };
      if (snapshot.updateTime) {
        const metadata = known?.['userMetadata'] === undefined ? { userMetadata: job.metadata } : {};
        batch.update(document, { ...fields, ...metadata }, { lastUpdateTime: snapshot.updateTime });
      } else {
        const times = { createdAt: now, updatedAt: now };
        const record = { jobId: job.jobId, kind: job.kind, state: 'submitted', userMetadata: job.metadata };
        batch.create(document, { ...record, ...fields, ...times });
      }
      // The job is there, so whoever has taken the submission over must not ask for another.
      const answer = { jobId: job.jobId, owner, leaseUntil: Timestamp.fromMillis(0) };
      batch.update(this.#documentOf(claim.recordId), answer);
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

  async #tryClaim(key: SubmissionKey, owner: string): Promise<ClaimedSubmission> {
    const document = this.#documentOf(key.recordId);
    const snapshot = await document.get();
    const now = snapshot.readTime.toMillis();
    if (snapshot.updateTime === undefined || isOver(snapshot, now)) {
      return { status: 'new', claim: await begin(snapshot, key, owner, now) };
    }
    if (snapshot.get('fingerprint') !== key.fingerprint) return { status: 'conflict' };
    const submissionId = snapshot.get('submissionId') as string;
    const jobId = snapshot.get('jobId') as string | undefined;
    if (jobId !== undefined) return { status: 'done', submissionId, jobId };
    const isLeased = (snapshot.get('leaseUntil') as Timestamp).toMillis() > now;
    if (isLeased && snapshot.get('owner') !== owner) return { status: 'busy' };
    await document.update(leaseFrom(now, owner, FINDING_MILLIS), { lastUpdateTime: snapshot.updateTime });
    const claim = { recordId: key.recordId, submissionId, owner };
    const startedAt = snapshot.get('startedAt') as Timestamp | undefined;
    if (startedAt === undefined) return { status: 'new', claim };
    return { status: 'unknown', claim, askedMillisAgo: now - startedAt.toMillis() };
  }

  /** @returns whether the claim still held; another owner's record is left alone. */
  async #change(
    { recordId, owner }: SubmissionClaim,
    deadline: Deadline,
    write: (snapshot: DocumentSnapshot, lastUpdateTime: Timestamp) => Promise<void>,
  ): Promise<boolean> {
    const changing = untilDecided(deadline, async () => {
      const snapshot = await this.#documentOf(recordId).get();
      if (snapshot.updateTime === undefined || snapshot.get('owner') !== owner) return false;
      await write(snapshot, snapshot.updateTime);
      return true;
    });
    return await deadline.wait(changing, ...UNAVAILABLE);
  }

  #documentOf(recordId: string): DocumentReference {
    return this.#firestore.doc(`submissions/${recordId}`);
  }
}

/** Writes a record where there is none, or over one whose time is over. */
async function begin(
  { ref, updateTime }: DocumentSnapshot,
  { recordId, fingerprint }: SubmissionKey,
  owner: string,
  now: number,
): Promise<SubmissionClaim> {
  const submissionId = `sub_${randomUUID().replaceAll('-', '')}`;
  const expireAt = Timestamp.fromMillis(now + KEPT_MILLIS);
  const fields = { submissionId, fingerprint, expireAt, ...leaseFrom(now, owner, FINDING_MILLIS) };
  if (updateTime === undefined) {
    await ref.create(fields);
  } else {
    const before = { startedAt: FieldValue.delete(), jobId: FieldValue.delete() };
    await ref.update({ ...fields, ...before }, { lastUpdateTime: updateTime });
  }
  return { recordId, submissionId, owner };
}

function leaseFrom(now: number, owner: string, millis: number) {
  return { owner, leaseUntil: Timestamp.fromMillis(now + millis) };
}

/** TTL removes a record within a day of its end; until then it still stands there. */
function isOver(snapshot: DocumentSnapshot, now: number): boolean {
  return (snapshot.get('expireAt') as Timestamp).toMillis() <= now;
}
