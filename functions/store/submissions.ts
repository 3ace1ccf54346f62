import { randomUUID } from 'node:crypto';
import { type DocumentReference, type DocumentSnapshot, FieldValue, type Firestore } from '@google-cloud/firestore';
import type { JsonObject } from '../model/json.ts';
import { isLeased } from '../model/lease.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { KeyedMutex } from '../runtime/keyedMutex.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { untilDecided } from './contention.ts';
import { JOB, jobIn } from './documents/job.ts';
import { type SubmissionDocument, submissionsIn } from './documents/submission.ts';
import { foundIn, type FoundRecord, leaseFrom, RELEASED, writeIfOwner } from './lease.ts';
import { jobOfSubmission } from './queries.ts';

/** The time for which a key gives the same answer. */
const KEPT_MILLIS = 86_400_000;

/**
 * The lease of a request: longer than it takes to find out what became of an earlier one and to record that (20 s), and
 * then to call Gemini and to record the answer (30 s). A request that is late starts nothing.
 */
export const FINDING_MILLIS = 20_000;
export const STARTING_MILLIS = 40_000;

/** The job to start, as the idempotency record knows it. */
interface SubmissionKey {
  /** Id of the record. */
  readonly recordId: string;
  /** SHA-256 of the request, in hex: a key is for one request. */
  readonly fingerprint: string;
}

/** The right to start a job and to record it. */
export interface SubmissionClaim {
  readonly recordId: string;
  /** Goes to Gemini with the job, so that the job can be found again. A key that is used again after 24 hours has another. */
  readonly submissionId: string;
  readonly owner: string;
}

/** A job that was started. */
interface SubmittedJob {
  readonly jobId: string;
  readonly kind: 'batch' | 'interaction';
  readonly route: string;
  /** The first job of the chain that this one continues. */
  readonly root: string | undefined;
  readonly metadata: JsonObject;
}

/**
 * The state of a submission:
 *
 * - `new`: Gemini has not been called; the claim is for starting the job
 * - `unknown`: Gemini was called by a request that ended without recording an answer; the claim is for finding the job
 * - `busy`: another request works on it
 * - `done`: the job was started
 * - `conflict`: the key was used for another request
 */
type ClaimedSubmission =
  | { readonly status: 'new'; readonly claim: SubmissionClaim }
  /** `askedMillisAgo` is by Firestore's clock. */
  | { readonly status: 'unknown'; readonly claim: SubmissionClaim; readonly askedMillisAgo: number }
  | { readonly status: 'busy' }
  | { readonly status: 'done'; readonly submissionId: string; readonly jobId: string }
  | { readonly status: 'conflict' };

const UNAVAILABLE = ['STORE_UNAVAILABLE', 'Firestore did not answer in time. Send it again.'] as const;

/**
 * The idempotency records of submissions, and the records of the jobs that they start.
 *
 * Every method throws {@link ServiceError} `STORE_UNAVAILABLE`.
 */
export class Submissions {
  readonly #firestore: Firestore;
  readonly #mutex = new KeyedMutex();

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /** Records the submission before Gemini is called, once for all simultaneous requests with its key. */
  async claim(key: SubmissionKey, deadline: Deadline): Promise<ClaimedSubmission> {
    const owner = randomUUID();
    const attempt = () => this.#tryClaim(key, owner);
    const claiming = untilDecided(deadline, () => this.#mutex.run(key.recordId, attempt));
    return await deadline.wait(claiming, ...UNAVAILABLE);
  }

  /**
   * Records that Gemini is about to be called, and renews the lease for the call.
   *
   * @throws {ServiceError} `SUBMISSION_IN_PROGRESS` where another request has acquired the submission.
   */
  async ask(claim: SubmissionClaim, deadline: Deadline): Promise<void> {
    const isOwner = await this.#write(claim, deadline, async ({ ref, readTime, unchanged }) => {
      const lease = leaseFrom(readTime, claim.owner, STARTING_MILLIS);
      await ref.update({ ...lease, startedAt: readTime }, unchanged);
    });
    if (isOwner) return;
    throw new ServiceError(
      'SUBMISSION_IN_PROGRESS',
      'Another request with this Idempotency-Key has taken over. Send it again.',
    );
  }

  /** Frees the key after a call that started nothing. */
  async forget(claim: SubmissionClaim, deadline: Deadline): Promise<void> {
    await this.#write(claim, deadline, async ({ ref, unchanged }) => await ref.delete(unchanged));
  }

  /** Releases a submission of which it is not known whether it started a job: the next request may find out at once. */
  async leaveOff(claim: SubmissionClaim, deadline: Deadline): Promise<void> {
    await this.#write(claim, deadline, async ({ ref, unchanged }) => await ref.update({ ...RELEASED }, unchanged));
  }

  /**
   * Records the job and the answer. An event of the job may have arrived first: its fields stay. The job exists now, so the
   * answer is recorded even where another request has acquired the submission, which must not start a second job.
   */
  async settle(claim: SubmissionClaim, job: SubmittedJob, deadline: Deadline): Promise<void> {
    const document = jobIn(this.#firestore, job.jobId);
    const { jobId, kind, route, root, metadata: userMetadata } = job;
    const settling = untilDecided(deadline, async () => {
      const snapshot = await document.get();
      const found = foundIn(snapshot);
      const batch = this.#firestore.batch();
      // Firestore's clock: a time that is ahead would delay the reconciler.
      const now = snapshot.readTime.toDate();
      const fields = { submittedAt: now, route, root, submissionId: claim.submissionId };
      if (found) {
        const given = found.record.userMetadata === undefined ? { userMetadata } : {};
        batch.update(document, { ...fields, ...given }, found.unchanged);
      } else {
        const created = { jobId, kind, state: 'submitted' as const, userMetadata, createdAt: now, updatedAt: now };
        batch.create(document, { ...created, ...fields });
      }
      batch.update(this.#documentOf(claim.recordId), { jobId, ...RELEASED });
      await batch.commit();
    });
    await deadline.wait(settling, ...UNAVAILABLE);
  }

  /** Returns the job whose callback named the submission, if one has arrived. */
  async findJob(submissionId: string, deadline: Deadline): Promise<string | undefined> {
    const finding = jobOfSubmission(this.#firestore, submissionId).withConverter(JOB).get();
    const { docs } = await deadline.wait(finding, ...UNAVAILABLE);
    return docs[0]?.data().jobId;
  }

  /** Returns the first job of the chain that a job belongs to: a job without a chain is the first itself. */
  async rootOf(jobId: string, deadline: Deadline): Promise<string> {
    const snapshot = await deadline.wait(jobIn(this.#firestore, jobId).get(), ...UNAVAILABLE);
    return snapshot.data()?.root ?? jobId;
  }

  async #tryClaim(key: SubmissionKey, owner: string): Promise<ClaimedSubmission> {
    const snapshot = await this.#documentOf(key.recordId).get();
    const found = foundIn(snapshot);
    if (found === undefined || isExpired(found)) return { status: 'new', claim: await begin(snapshot, key, owner) };
    const { ref, record, readTime, unchanged } = found;
    const { submissionId, jobId, startedAt } = record;
    if (record.fingerprint !== key.fingerprint) return { status: 'conflict' };
    if (jobId !== undefined) return { status: 'done', submissionId, jobId };
    if (isLeased(record, readTime.toDate()) && record.leaseOwner !== owner) return { status: 'busy' };
    await ref.update({ ...leaseFrom(readTime, owner, FINDING_MILLIS) }, unchanged);
    const claim = { recordId: key.recordId, submissionId, owner };
    if (startedAt === undefined) return { status: 'new', claim };
    return { status: 'unknown', claim, askedMillisAgo: readTime.toMillis() - startedAt.getTime() };
  }

  async #write(
    { recordId, owner }: SubmissionClaim,
    deadline: Deadline,
    write: (found: FoundRecord<SubmissionDocument>) => Promise<unknown>,
  ): Promise<boolean> {
    const writing = writeIfOwner(this.#documentOf(recordId), owner, { leaseOf: (record) => record, write }, deadline);
    return await deadline.wait(writing, ...UNAVAILABLE);
  }

  #documentOf(recordId: string): DocumentReference<SubmissionDocument> {
    return submissionsIn(this.#firestore).doc(recordId);
  }
}

/** Writes a new record, or over one that has expired. */
async function begin(
  snapshot: DocumentSnapshot<SubmissionDocument>,
  { recordId, fingerprint }: SubmissionKey,
  owner: string,
): Promise<SubmissionClaim> {
  const { ref, readTime } = snapshot;
  const submissionId = `sub_${randomUUID().replaceAll('-', '')}`;
  const expireAt = new Date(readTime.toMillis() + KEPT_MILLIS);
  const fields = { submissionId, fingerprint, expireAt, ...leaseFrom(readTime, owner, FINDING_MILLIS) };
  const found = foundIn(snapshot);
  if (found) {
    const former = { startedAt: FieldValue.delete(), jobId: FieldValue.delete() };
    await ref.update({ ...fields, ...former }, found.unchanged);
  } else {
    await ref.create(fields);
  }
  return { recordId, submissionId, owner };
}

/** Firestore deletes an expired record within a day (TTL); until then it can still be read. */
function isExpired({ record, readTime }: FoundRecord<SubmissionDocument>): boolean {
  return record.expireAt.getTime() <= readTime.toMillis();
}
