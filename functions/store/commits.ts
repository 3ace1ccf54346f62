import type { DocumentData, DocumentReference, Firestore, Timestamp, WriteBatch } from '@google-cloud/firestore';
import { coalesce } from '../runtime/coalesce.ts';

/** The record must not exist. */
export const ABSENT = 'absent' as const;

/** The creation of a record, or a change of some of its fields. */
export interface Write {
  readonly document: DocumentReference;
  readonly fields: DocumentData;
  /** The version of the record before the write; any, where it is left out. */
  readonly expected?: Timestamp | typeof ABSENT;
}

/** Commits writes, all or none of them, and resolves with the time of the last one. */
export type Commit = (writes: readonly Write[]) => Promise<Timestamp>;

/** Returns a {@link Commit} whose calls of one turn share a call (docs/design/0001-coalesced-firestore-calls.md). */
export function coalescedCommits(firestore: Firestore): Commit {
  return coalesce(async (groups: readonly (readonly Write[])[]) => {
    const batch = firestore.batch();
    for (const write of groups.flat()) addTo(batch, write);
    const results = await batch.commit();
    let end = 0;
    return groups.map(({ length }) => {
      const last = results[(end += length) - 1];
      if (last === undefined) throw new Error('Firestore committed without the time of the writes.');
      return last.writeTime;
    });
  });
}

function addTo(batch: WriteBatch, { document, fields, expected }: Write): void {
  if (expected === ABSENT) batch.create(document, fields);
  else batch.update(document, fields, expected === undefined ? {} : { lastUpdateTime: expected });
}
