import { DocumentReference, type Firestore, type QuerySnapshot, Timestamp } from '@google-cloud/firestore';
import type { JobState } from '../../functions/model/eventTypes.ts';
import type { JobError } from '../../functions/model/job.ts';
import { type JobKind, jobDocumentId } from '../../functions/model/jobName.ts';
import { isJsonObject, type JsonObject } from '../../functions/model/json.ts';
import type { TokenUsage } from '../../functions/model/tokenUsage.ts';
import type { ResultsRecord } from '../../functions/model/progress.ts';
import { jobsWithIds, NEWEST, newestOf } from '../../functions/store/queries.ts';
import { type Filter, jobNamesOf, type Listed, type Page } from '../filters.ts';
import { readPageOf } from '../pages.ts';

/** How far the results of a job are, as its record says it. */
export interface JobResults extends Pick<ResultsRecord, 'state' | 'event'> {
  readonly total?: number;
  readonly published?: number;
  readonly failed?: number;
  /** The number of the job's requests, and of those without a result. */
  readonly expected?: number;
  readonly missing?: number;
  readonly error?: JobError;
  readonly usage?: TokenUsage;
  readonly updatedAt?: string;
}

export interface TimelineLine {
  readonly webhookId: string;
  readonly type: string;
  readonly time: string;
}

/** The record of a job, fit for JSON: times are ISO strings. It may hold fields that are not named here. */
export interface JobRecord extends JsonObject {
  readonly jobId: string;
  readonly kind: JobKind;
  readonly state: JobState;
  readonly outputFileUri?: string;
  readonly fileName?: string;
  readonly error?: JobError;
  readonly userMetadata?: JsonObject;
  readonly lastEvent?: TimelineLine;
  readonly timeline?: readonly TimelineLine[];
  readonly results?: JobResults;
  readonly submittedAt?: string;
  readonly createdAt?: string;
  readonly updatedAt?: string;
  readonly finishedAt?: string;
}

/** A record as it stood at a moment, by Firestore's clock. */
export interface FoundJob {
  readonly path: string;
  readonly readAt: Date;
  readonly record: JobRecord;
}

export interface JobFilter extends Filter {
  readonly kind?: JobKind | undefined;
}

/** The collection `jobs`, read only. */
export class JobRecords {
  readonly #firestore: Firestore;

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /** Lists a page, the jobs that changed last first. */
  async list({ state, kind, type, route, job, since }: JobFilter, page: Page): Promise<Listed<JobRecord>> {
    const values = { state, kind, route, jobId: job, 'lastEvent.type': type };
    const query = newestOf(this.#firestore, NEWEST.jobs, values, since);
    const { documents, nextPageToken } = await readPageOf(this.#firestore, 'jobs', [query], page);
    return { items: documents.map((document) => plain(document.data()) as JobRecord), nextPageToken };
  }

  /** @param id a job's name, the id of its document, or the name without its collection. */
  async find(id: string): Promise<FoundJob | undefined> {
    return firstOf(id, await this.#query(id).get());
  }

  /**
   * Reports the record now and on every change, also while it does not exist.
   *
   * @returns a function that stops it.
   */
  follow(id: string, onChange: (found: FoundJob | undefined) => void, onError: (error: Error) => void): () => void {
    return this.#query(id).onSnapshot((snapshot) => onChange(firstOf(id, snapshot)), onError);
  }

  #query(id: string) {
    return jobsWithIds(this.#firestore, documentIdsOf(id));
  }
}

function firstOf(id: string, { docs, readTime }: QuerySnapshot): FoundJob | undefined {
  const [document] = documentIdsOf(id).flatMap((documentId) => docs.filter((each) => each.id === documentId));
  return (
    document && { path: document.ref.path, readAt: readTime.toDate(), record: plain(document.data()) as JobRecord }
  );
}

/** The documents that a user may mean, the likeliest first. */
function documentIdsOf(id: string): readonly string[] {
  return [...new Set([...jobNamesOf(id), id].map(jobDocumentId))];
}

/** A value of Firestore's as JSON has it. */
export function plain(value: unknown): unknown {
  if (value instanceof Timestamp) return value.toDate().toISOString();
  if (value instanceof DocumentReference) return value.path;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(plain);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
