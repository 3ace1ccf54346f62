import type { Firestore, Query, QueryDocumentSnapshot } from '@google-cloud/firestore';

/**
 * Every query of the project: a field that is one of some values, and a time to order by.
 *
 * They stand in one place because each needs a composite index, which no emulator asks for and a test compares with the
 * index file.
 */
export interface QueryShape {
  readonly collection: string;
  readonly field: string;
  readonly values: readonly string[];
  readonly orderBy: string;
}

export const QUERIES = {
  pendingDeliveries: {
    collection: 'deliveries',
    field: 'state',
    values: ['pending'],
    orderBy: 'firstReceivedAt',
  },
  silentJobs: {
    collection: 'jobs',
    field: 'state',
    values: ['submitted', 'running', 'unknown'],
    orderBy: 'updatedAt',
  },
  overdueJobs: {
    collection: 'jobs',
    field: 'state',
    values: ['submitted', 'running', 'unknown'],
    orderBy: 'createdAt',
  },
  stalledResults: {
    collection: 'jobs',
    field: 'results.state',
    values: ['pending', 'running'],
    orderBy: 'results.updatedAt',
  },
} as const satisfies Record<string, QueryShape>;

/** Where a page begins: behind the last document of the one before. */
export type PageStart = QueryDocumentSnapshot;

/** The oldest documents of a query, from before a time. */
export function queryOf(
  firestore: Firestore,
  { collection, field, values, orderBy }: QueryShape,
  { before, after, limit }: { before: Date; after: PageStart | undefined; limit: number },
): Query {
  const query = firestore
    .collection(collection)
    .where(field, 'in', values)
    .where(orderBy, '<=', before)
    .orderBy(orderBy)
    .limit(limit);
  return after ? query.startAfter(after) : query;
}

/** A list for people: the newest first, of all or of those with one value of a field. */
export interface NewestShape {
  readonly collection: string;
  readonly field?: string;
  readonly orderBy: string;
}

export const NEWEST = {
  jobs: { collection: 'jobs', orderBy: 'updatedAt' },
  jobsInState: { collection: 'jobs', field: 'state', orderBy: 'updatedAt' },
  jobsOfKind: { collection: 'jobs', field: 'kind', orderBy: 'updatedAt' },
  deliveriesInState: { collection: 'deliveries', field: 'state', orderBy: 'firstReceivedAt' },
} as const satisfies Record<string, NewestShape>;

export function newestOf(
  firestore: Firestore,
  { collection, field, orderBy }: NewestShape,
  value: string | undefined,
  limit: number,
): Query {
  const all: Query = firestore.collection(collection);
  return (field === undefined ? all : all.where(field, '==', value)).orderBy(orderBy, 'desc').limit(limit);
}
