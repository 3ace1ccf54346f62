import type { CollectionReference, Firestore } from '@google-cloud/firestore';
import type { Lease } from '../../model/lease.ts';
import { converterOf } from './converter.ts';

/** `submissions/{record id}`: the idempotency record of one `Idempotency-Key`. submitJob alone writes it. */
export interface SubmissionDocument extends Lease {
  /** Goes to Gemini with the job, so that the job can be found again. */
  readonly submissionId: string;
  /** SHA-256 of the request, in hex: a key is for one request. */
  readonly fingerprint: string;
  /** The time at which Gemini was called. */
  readonly startedAt?: Date | undefined;
  /** The job that was started. */
  readonly jobId?: string | undefined;
  /** The key is free after this time, and Firestore deletes the record (TTL). */
  readonly expireAt: Date;
}

const SUBMISSION = converterOf<SubmissionDocument>();

export function submissionsIn(firestore: Firestore): CollectionReference<SubmissionDocument> {
  return firestore.collection('submissions').withConverter(SUBMISSION);
}
