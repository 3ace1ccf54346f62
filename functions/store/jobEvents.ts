import { type DocumentReference, FieldValue, type Timestamp } from '@google-cloud/firestore';
import type { Delivery } from '../model/delivery.ts';
import { applyEvent, type JobChange } from '../model/job.ts';
import { announcesResults } from '../model/progress.ts';
import { ABSENT, type Write } from './commits.ts';
import { orDelete } from './documents/converter.ts';
import { type JobDocument, resultsOf } from './documents/job.ts';

/** By Firestore's clock, as the reconciler reads it: the clocks of instances may differ. */
const NOW = FieldValue.serverTimestamp();

/** A job's record as a write expects it: as it was read, or, without an update time, absent. */
export interface ExpectedJob {
  readonly ref: DocumentReference<JobDocument>;
  readonly updateTime?: Timestamp | undefined;
  readonly record?: JobDocument | undefined;
}

/** The change that an event makes to its job, and the write of it. */
interface JobEventWrite {
  readonly change: JobChange;
  readonly write: Write;
}

/** Returns `undefined` where the event names no job. */
export function jobEventWrite(
  { event, webhookId }: Delivery,
  { ref: document, updateTime, record }: ExpectedJob,
): JobEventWrite | undefined {
  if (event?.job === undefined) return undefined;
  const change = applyEvent(record, { ...event, job: event.job }, webhookId);
  const results = change.repeatOf === undefined && announcesResults(record && resultsOf(record), event.type);
  const announced = results ? { results: { state: 'pending' as const, event: event.type, updatedAt: NOW } } : {};
  const fields = { ...change.job, ...announced, updatedAt: NOW };
  const write = updateTime
    ? { document, fields: { ...fields, error: orDelete(change.job.error) }, expected: updateTime }
    : { document, fields: { ...fields, createdAt: NOW }, expected: ABSENT };
  return { change, write };
}
