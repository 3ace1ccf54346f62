import { FieldPath, type Firestore, type Query, type QueryDocumentSnapshot } from '@google-cloud/firestore';

/**
 * All queries of the project: Firestore refuses a query without its index, but no emulator does. A test compares them with
 * the index file, and another test finds queries elsewhere.
 */

/** A query for a field that has one of some values, ordered by a time. */
interface QueryShape {
  readonly collection: string;
  readonly field: string;
  readonly values: readonly string[];
  readonly orderBy: string;
  readonly direction: 'asc' | 'desc';
}

/** The states of a job without an end. */
const OPEN = ['submitted', 'running', 'unknown'] as const;

export const QUERIES = {
  pendingDeliveries: {
    collection: 'deliveries',
    field: 'state',
    values: ['pending'],
    orderBy: 'firstReceivedAt',
    direction: 'asc',
  },
  silentJobs: {
    collection: 'jobs',
    field: 'state',
    values: OPEN,
    orderBy: 'updatedAt',
    direction: 'asc',
  },
  overdueJobs: {
    collection: 'jobs',
    field: 'state',
    values: OPEN,
    orderBy: 'createdAt',
    direction: 'desc',
  },
  stalledResults: {
    collection: 'jobs',
    field: 'results.state',
    values: ['pending', 'running'],
    orderBy: 'results.updatedAt',
    direction: 'asc',
  },
  failedResults: {
    collection: 'jobs',
    field: 'results.state',
    values: ['failed'],
    orderBy: 'results.updatedAt',
    direction: 'asc',
  },
} as const satisfies Record<string, QueryShape>;

/** The last document of the page before. */
export type PageStart = QueryDocumentSnapshot;

/** The part of a query that is read. */
export interface QueryRange {
  /** The latest time, inclusive. */
  readonly before: Date;
  /** The earliest time, inclusive. */
  readonly since?: Date;
  readonly after: PageStart | undefined;
  readonly limit: number;
}

/** Returns the query for one page. */
export function queryOf(
  firestore: Firestore,
  { collection, field, values, orderBy, direction }: QueryShape,
  { before, since, after, limit }: QueryRange,
): Query {
  const all = firestore.collection(collection).where(field, 'in', values).where(orderBy, '<=', before);
  const query = (since ? all.where(orderBy, '>=', since) : all).orderBy(orderBy, direction).limit(limit);
  return after ? query.startAfter(after) : query;
}

/** A list for operators, newest first. For a filter by several fields Firestore merges their indexes. */
export interface NewestShape {
  readonly collection: string;
  readonly fields: readonly string[];
  readonly orderBy: string;
}

export const NEWEST = {
  jobs: { collection: 'jobs', fields: ['state', 'kind', 'jobId', 'route', 'lastEvent.type'], orderBy: 'updatedAt' },
  deliveries: { collection: 'deliveries', fields: ['state', 'type', 'jobId', 'route'], orderBy: 'firstReceivedAt' },
  /** Ordered by the results' own time, which every record with results has. */
  results: { collection: 'jobs', fields: ['results.state'], orderBy: 'results.updatedAt' },
} as const satisfies Record<string, NewestShape>;

/** One value of a field, or one of several. */
type FilterValue = string | readonly string[] | undefined;

/**
 * Selects records by the values of some of the shape's fields, newest first.
 *
 * @param since the earliest time of the field that orders them.
 */
export function newestOf(
  firestore: Firestore,
  { collection, fields, orderBy }: NewestShape,
  values: Readonly<Record<string, FilterValue>>,
  since?: Date,
): Query {
  const all: Query = firestore.collection(collection);
  const filtered = fields.reduce((query, field) => {
    const value = values[field];
    if (value === undefined) return query;
    return typeof value === 'string' ? query.where(field, '==', value) : query.where(field, 'in', value);
  }, all);
  return (since === undefined ? filtered : filtered.where(orderBy, '>=', since)).orderBy(orderBy, 'desc');
}

/** Selects records that are older than a time, by the same indexes. */
export function olderThan(query: Query, { orderBy }: NewestShape, before: Date): Query {
  return query.where(orderBy, '<', before);
}

/** The field by which submitJob finds the job of a lost answer; the index is for this query alone. */
export const SUBMISSION_FIELD = 'userMetadata.submission_id';

export function jobOfSubmission(firestore: Firestore, submissionId: string): Query {
  return firestore.collection('jobs').where(SUBMISSION_FIELD, '==', submissionId).limit(1);
}

/** Returns the query for documents by their ids, which needs no index. */
export function jobsWithIds(firestore: Firestore, ids: readonly string[]): Query {
  return firestore.collection('jobs').where(FieldPath.documentId(), 'in', ids);
}
