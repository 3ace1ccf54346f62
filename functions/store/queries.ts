import { FieldPath, type Firestore, type Query, type QueryDocumentSnapshot } from '@google-cloud/firestore';

/**
 * Every query of the project stands here, because an index that is missing is told by Firestore only, and by no emulator:
 * a test compares them with the index file, and another one finds those that stand elsewhere.
 */

/** Of what is looked after: a field that is one of some values, and a time to order by. */
export interface QueryShape {
  readonly collection: string;
  readonly field: string;
  readonly values: readonly string[];
  readonly orderBy: string;
  readonly direction: 'asc' | 'desc';
}

/** A job that may still end. */
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

/** Where a page begins: behind the last document of the one before. */
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

/** A list for people: the newest first. Of several fields Firestore merges the indexes. */
export interface NewestShape {
  readonly collection: string;
  readonly fields: readonly string[];
  readonly orderBy: string;
}

export const NEWEST = {
  jobs: { collection: 'jobs', fields: ['state', 'kind'], orderBy: 'updatedAt' },
  deliveries: { collection: 'deliveries', fields: ['state'], orderBy: 'firstReceivedAt' },
} as const satisfies Record<string, NewestShape>;

/** @param values of the fields; those without one are not looked at. */
export function newestOf(
  firestore: Firestore,
  { collection, fields, orderBy }: NewestShape,
  values: Readonly<Record<string, string | undefined>>,
  limit: number,
): Query {
  const all: Query = firestore.collection(collection);
  return fields
    .filter((field) => values[field] !== undefined)
    .reduce((query, field) => query.where(field, '==', values[field]), all)
    .orderBy(orderBy, 'desc')
    .limit(limit);
}

/** The path of a job's field by which alone jobs are found, which its index is for. */
export const SUBMISSION_FIELD = 'userMetadata.submission_id';

export function jobOfSubmission(firestore: Firestore, submissionId: string): Query {
  return firestore.collection('jobs').where(SUBMISSION_FIELD, '==', submissionId).limit(1);
}

/** Documents by their ids, which needs no index. */
export function jobsWithIds(firestore: Firestore, ids: readonly string[]): Query {
  return firestore.collection('jobs').where(FieldPath.documentId(), 'in', ids);
}
