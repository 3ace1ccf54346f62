import type { DocumentData, DocumentReference, Timestamp } from '@google-cloud/firestore';
import { coalesce } from '../runtime/coalesce.ts';
import { Deadline } from '../runtime/deadline.ts';
import { routedBy } from '../runtime/grpcService.ts';
import { Status } from '../runtime/grpcStatus.ts';
import type { Database } from './database.ts';
import { encodeFields, type EncodedTime, encodeTime, timeOf } from './encodedWrite.ts';

/** The record must not exist. */
export const ABSENT = 'absent' as const;

/** The creation of a record, or a change of some of its fields. */
export interface Write {
  readonly document: DocumentReference;
  /** Names, not paths: a dot in a name is part of it. */
  readonly fields: DocumentData;
  /** The version of the record before the write; any, where it is left out. */
  readonly expected?: Timestamp | typeof ABSENT;
}

/** Commits writes, all or none of them, and resolves with the time of the last one. */
export type Commit = (writes: readonly Write[]) => Promise<Timestamp>;

interface CommitResponse {
  readonly writeResults: readonly { readonly updateTime: EncodedTime | null }[];
  readonly commitTime: EncodedTime;
}

/** No request that waits for a commit takes longer. */
const COMMIT_MILLIS = 8_000;

/** The statuses after which Firestore's client repeats a commit too. */
const REPEATED: ReadonlySet<number> = new Set([Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED]);

/** Returns a {@link Commit} whose calls of one turn share a call (docs/design/0001-coalesced-firestore-calls.md). */
export function coalescedCommits(database: Database): Commit {
  return coalesce(async (groups: readonly (readonly Write[])[]) => {
    const { writeResults, commitTime } = await commit(database, groups.flat());
    let end = 0;
    return groups.map(({ length }) => timeOf(writeResults[(end += length) - 1]?.updateTime ?? commitTime));
  });
}

/** Commits by the service's stub: `WriteBatch` takes longer (docs/design/0010-calls-by-the-stub.md). */
async function commit({ service, databaseId }: Database, writes: readonly Write[]): Promise<CommitResponse> {
  const { projectId } = await service.connect();
  const database = `projects/${projectId}/databases/${databaseId}`;
  return await service.call({
    method: 'commit',
    request: { database, writes: writes.map((write) => encodeWrite(write, database)) },
    headers: { ...routedBy('database', database), 'google-cloud-resource-prefix': database },
    deadline: Deadline.inMillis(COMMIT_MILLIS),
    isTransient: (status) => REPEATED.has(status),
  });
}

function encodeWrite({ document, fields: values, expected }: Write, database: string): object {
  const { fields, fieldPaths, updateTransforms } = encodeFields(values);
  const update = { name: `${database}/documents/${document.path}`, fields };
  if (expected === ABSENT) return { update, updateTransforms, currentDocument: { exists: false } };
  const currentDocument = expected === undefined ? { exists: true } : { updateTime: encodeTime(expected) };
  return { update, updateTransforms, updateMask: { fieldPaths }, currentDocument };
}
