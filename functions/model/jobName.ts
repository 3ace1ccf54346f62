import { sha256 } from '../runtime/sha256.ts';

export type JobKind = 'batch' | 'interaction' | 'video' | 'unknown';

/** The collection in which Gemini names jobs of a kind, where it has one of its own. */
const COLLECTIONS: Partial<Record<JobKind, string>> = { batch: 'batches', interaction: 'interactions' };

const MAX_DOCUMENT_ID_BYTES = 1_500;

/** The kind of job an event speaks of: the first part of its type. */
export function jobKindOf(eventType: string): JobKind {
  const [kind] = eventType.split('.', 1);
  return kind === 'batch' || kind === 'interaction' || kind === 'video' ? kind : 'unknown';
}

/** The canonical name of a job: `batches/<id>` and `interactions/<id>` also where Gemini gives the bare id (docs/gemini-wire.md 1.8). */
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
