import { type DocumentReference, FieldValue, type Timestamp, type WriteBatch } from '@google-cloud/firestore';
import type { Delivery } from '../model/delivery.ts';
import { applyEvent, type JobChange } from '../model/job.ts';
import { announcesResults } from '../model/progress.ts';
import { orDelete } from './documents/converter.ts';
import { type JobDocument, resultsOf } from './documents/job.ts';

/** A job's record as it was read, or expected: without an update time there is none. */
export interface KnownJob {
  readonly ref: DocumentReference<JobDocument>;
  readonly updateTime?: Timestamp | undefined;
  readonly record?: JobDocument | undefined;
}

/**
 * Adds the change that an event makes to its job to a batch. The commit fails where the job's record is another one.
 *
 * @returns `undefined` where the event names no job.
 */
export function writeJobEvent(
  batch: WriteBatch,
  { event, webhookId, receivedAt }: Delivery,
  { ref, updateTime, record }: KnownJob,
): JobChange | undefined {
  if (event?.job === undefined) return undefined;
  const change = applyEvent(record, { ...event, job: event.job }, webhookId);
  const results = change.repeatOf === undefined && announcesResults(record && resultsOf(record), event.type);
  const announced = results
    ? { results: { state: 'pending' as const, event: event.type, updatedAt: FieldValue.serverTimestamp() } }
    : {};
  const fields = { ...change.job, ...announced, updatedAt: receivedAt };
  if (updateTime) {
    batch.update(ref, { ...fields, error: orDelete(change.job.error) }, { lastUpdateTime: updateTime });
  } else {
    batch.create(ref, { ...fields, createdAt: receivedAt });
  }
  return change;
}
