import type { Firestore, QuerySnapshot } from '@google-cloud/firestore';
import { type JobKind, jobDocumentId } from '../../functions/model/jobName.ts';
import type { JobDocument } from '../../functions/store/documents/job.ts';
import { jobsWithIds, NEWEST, newestOf } from '../../functions/store/queries.ts';
import { CliError } from '../errors.ts';
import { type Filter, jobNamesOf, type Listed, type Page } from '../filters.ts';
import { readPageOf } from '../pages.ts';
import { type RecordJson, recordJson } from '../recordJson.ts';
import { withinAnswerTime } from '../store.ts';

/** The record of a job, as {@link recordJson} gives it. */
export type JobRecord = RecordJson<JobDocument>;

export type RecordedResults = NonNullable<JobRecord['results']>;

/** A record as it stood at a moment, by Firestore's clock. */
export interface FoundJob {
  readonly path: string;
  readonly readAt: Date;
  readonly record: JobRecord;
}

export interface JobFilter extends Filter {
  readonly kind?: JobKind | undefined;
}

/** Lists a page, the jobs that changed last first. */
export async function listJobs(
  firestore: Firestore,
  { state, kind, type, route, job, since }: JobFilter,
  page: Page,
): Promise<Listed<JobRecord>> {
  const values = { state, kind, route, jobId: job, 'lastEvent.type': type };
  const query = newestOf(firestore, NEWEST.jobs, values, since);
  const { documents, nextPageToken } = await readPageOf(firestore, 'jobs', [query], page);
  return { items: documents.map((document) => recordJson<JobDocument>(document.data())), nextPageToken };
}

/**
 * @param id a job's name, the id of its document, or the name without its collection.
 * @throws {CliError} `JOB_NOT_FOUND`
 */
export async function requireJob(firestore: Firestore, id: string): Promise<FoundJob> {
  const found = firstOf(id, await withinAnswerTime(jobsWithIds(firestore, documentIdsOf(id)).get()));
  if (found) return found;
  throw new CliError('JOB_NOT_FOUND', `There is no record of ${id}. List the jobs: gemini-callbacks jobs list`);
}

/**
 * Reports the record now and on every change, also while it does not exist.
 *
 * @returns a function that stops it.
 */
export function followJob(
  firestore: Firestore,
  id: string,
  onChange: (found: FoundJob | undefined) => void,
  onError: (error: Error) => void,
): () => void {
  return jobsWithIds(firestore, documentIdsOf(id)).onSnapshot((snapshot) => onChange(firstOf(id, snapshot)), onError);
}

function firstOf(id: string, { docs, readTime }: QuerySnapshot): FoundJob | undefined {
  const [document] = documentIdsOf(id).flatMap((documentId) => docs.filter((each) => each.id === documentId));
  return (
    document && { path: document.ref.path, readAt: readTime.toDate(), record: recordJson<JobDocument>(document.data()) }
  );
}

/** The documents that a user may mean, the likeliest first. */
function documentIdsOf(id: string): readonly string[] {
  return [...new Set([...jobNamesOf(id), id].map(jobDocumentId))];
}
