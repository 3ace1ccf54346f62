import { type DocumentSnapshot, FieldValue, type WriteBatch } from '@google-cloud/firestore';
import type { Delivery } from '../model/delivery.ts';
import { applyEvent, type JobChange } from '../model/job.ts';
import { announcesResults } from '../model/progress.ts';
import { orDelete } from './documents/converter.ts';
import { type JobDocument, resultsOf } from './documents/job.ts';

/**
 * Adds the change that an event makes to its job to a batch. The commit fails where the job has changed since it was read.
 *
 * @returns `undefined` where the event names no job.
 */
export function writeJobEvent(
  batch: WriteBatch,
  { event, webhookId, receivedAt }: Delivery,
  snapshot: DocumentSnapshot<JobDocument>,
): JobChange | undefined {
  if (event?.job === undefined) return undefined;
  const record = snapshot.data();
  const change = applyEvent(record, { ...event, job: event.job }, webhookId);
  const results = change.repeatOf === undefined && announcesResults(record && resultsOf(record), event.type);
  const announced = results
    ? { results: { state: 'pending' as const, event: event.type, updatedAt: FieldValue.serverTimestamp() } }
    : {};
  const fields = { ...change.job, ...announced, updatedAt: receivedAt };
  if (snapshot.updateTime) {
    const { updateTime: lastUpdateTime } = snapshot;
    batch.update(snapshot.ref, { ...fields, error: orDelete(change.job.error) }, { lastUpdateTime });
  } else {
    batch.create(snapshot.ref, { ...fields, createdAt: receivedAt });
  }
  return change;
}
