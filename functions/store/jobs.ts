import {
  type DocumentData,
  type DocumentSnapshot,
  FieldValue,
  Timestamp,
  type WriteBatch,
} from '@google-cloud/firestore';
import type { Job, TimelineEntry } from '../model/job.ts';

/** Reads what the events said of a job out of its record, `jobs/{id}`. */
export function readJob(snapshot: DocumentSnapshot): Job | undefined {
  const data = snapshot.data();
  if (data === undefined) return undefined;
  const timeline: DocumentData[] = data['timeline'] ?? [];
  return {
    jobId: data['jobId'] as string,
    kind: data['kind'] as Job['kind'],
    state: data['state'] as Job['state'],
    outputFileUri: data['outputFileUri'] as string | undefined,
    fileName: data['fileName'] as string | undefined,
    error: data['error'] as Job['error'],
    userMetadata: data['userMetadata'] as Job['userMetadata'],
    finishedAt: readTime(data['finishedAt']),
    timeline: timeline.map(readEntry),
    ends: readEnds(data['ends']),
  };
}

/**
 * Writes what the events say of a job; fields of others are not touched, and nothing if the record has changed since.
 *
 * @param results that are to come, where this is the first to say so.
 */
export function writeJob(
  batch: WriteBatch,
  snapshot: DocumentSnapshot,
  { error, ...said }: Job,
  results: DocumentData | undefined,
  at: Date,
): void {
  const fields = { ...said, results };
  if (snapshot.updateTime) {
    const changed = { ...fields, error: error ?? FieldValue.delete(), updatedAt: at };
    batch.update(snapshot.ref, changed, { lastUpdateTime: snapshot.updateTime });
  } else {
    batch.create(snapshot.ref, { ...fields, error, createdAt: at, updatedAt: at });
  }
}

function readEntry(entry: DocumentData): TimelineEntry {
  return {
    webhookId: entry['webhookId'] as string,
    type: entry['type'] as string,
    time: readTime(entry['time']) ?? new Date(0),
  };
}

function readEnds(ends: DocumentData | undefined): Job['ends'] {
  if (ends === undefined) return undefined;
  const read = Object.entries(ends).map(([state, end]: [string, DocumentData]) => [
    state,
    { webhookId: end['webhookId'] as string, time: readTime(end['time']) ?? new Date(0) },
  ]);
  return Object.fromEntries(read) as Job['ends'];
}

function readTime(value: unknown): Date | undefined {
  return value instanceof Timestamp ? value.toDate() : undefined;
}
