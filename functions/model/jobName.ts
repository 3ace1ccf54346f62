import { sha256 } from '../runtime/sha256.ts';

export const JOB_KINDS = ['batch', 'interaction', 'video', 'unknown'] as const;

export type JobKind = (typeof JOB_KINDS)[number];

/** The collections of job names, for kinds that have one. */
const COLLECTIONS: Partial<Record<JobKind, string>> = { batch: 'batches', interaction: 'interactions' };

const MAX_DOCUMENT_ID_BYTES = 1_500;

/** Returns the kind of an event's job: the first part of its type. */
export function jobKindOf(eventType: string): JobKind {
  const [kind] = eventType.split('.', 1);
  return JOB_KINDS.find((known) => known === kind) ?? 'unknown';
}

/** Returns the canonical name of a job, also where Gemini sends a bare id: `batches/<id>` (docs/gemini-wire.md 1.8). */
export function canonicalJobName(kind: JobKind, id: string): string {
  const collection = COLLECTIONS[kind];
  return collection === undefined || id.includes('/') ? id : `${collection}/${id}`;
}

/** The id of a job's document: its name with `/` as `~`, or its hash where Firestore would refuse that as an id. */
export function jobDocumentId(jobName: string): string {
  const id = jobName.replaceAll('/', '~');
  return isDocumentId(id) ? id : `sha256~${sha256(jobName)}`;
}

function isDocumentId(id: string): boolean {
  const reserved = id === '' || id === '.' || id === '..' || /^__.*__$/s.test(id);
  return !reserved && id.isWellFormed() && Buffer.byteLength(id) <= MAX_DOCUMENT_ID_BYTES;
}
