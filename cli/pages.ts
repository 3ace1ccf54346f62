import type { Firestore, Query, QueryDocumentSnapshot } from '@google-cloud/firestore';
import { usageError } from './errors.ts';
import type { Page } from './filters.ts';
import { withinAnswerTime } from './store.ts';

interface DocumentPage {
  readonly documents: readonly QueryDocumentSnapshot[];
  /** Absent on the last page. */
  readonly nextPageToken?: string | undefined;
}

/**
 * Reads one page of several queries together, which have the same descending order.
 *
 * @throws {CliError} of usage, where the page token names no record.
 */
export async function readPageOf(
  firestore: Firestore,
  collection: 'jobs' | 'deliveries',
  queries: readonly Query[],
  { limit, after }: Page,
  orderBy = collection === 'jobs' ? 'updatedAt' : 'firstReceivedAt',
): Promise<DocumentPage> {
  const last = after === undefined ? undefined : await withinAnswerTime(lastOf(firestore, collection, after));
  const found = await Promise.all(
    queries.map(async (query) => {
      const rest = last === undefined ? query : query.startAfter(last);
      return (await withinAnswerTime(rest.limit(limit + 1).get())).docs;
    }),
  );
  const documents = found.flat().toSorted((a, b) => millisOf(b, orderBy) - millisOf(a, orderBy) || compareIds(b, a));
  const page = documents.slice(0, limit);
  return { documents: page, nextPageToken: documents.length > limit ? page.at(-1)?.id : undefined };
}

async function lastOf(firestore: Firestore, collection: string, token: string) {
  const isId = /^[^/]{1,1500}$/.test(token) && token !== '.' && token !== '..';
  const snapshot = isId ? await firestore.collection(collection).doc(token).get() : undefined;
  if (snapshot?.exists) return snapshot;
  throw usageError(`--page-token ${token} is not known. Copy the token that the page before printed.`);
}

function millisOf(document: QueryDocumentSnapshot, field: string): number {
  const value: unknown = document.get(field);
  return value instanceof Object && 'toMillis' in value && typeof value.toMillis === 'function'
    ? Number(value.toMillis())
    : 0;
}

function compareIds(a: QueryDocumentSnapshot, b: QueryDocumentSnapshot): number {
  return a.id < b.id ? -1 : Number(a.id > b.id);
}
