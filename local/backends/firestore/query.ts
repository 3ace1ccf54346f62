import { status } from '@grpc/grpc-js';
import { invalid, RpcError, unimplemented } from '../rpc.ts';
import { NAME, readerOf, type StoredDocument } from './document.ts';
import { compileFilter, type Conjunction } from './filters.ts';
import type { Cursor, StructuredQuery, Value } from './messages.ts';
import { compareKeys, type Key, keyOf } from './values.ts';

export interface Order {
  readonly field: string;
  readonly direction: 'ASCENDING' | 'DESCENDING';
}

export interface Query extends Pick<StructuredQuery, 'startAt' | 'endAt' | 'offset'> {
  /** The collection's path. */
  readonly collection: string;
  /** A document is found when it matches one of them. */
  readonly alternatives: readonly Conjunction[];
  /** All orders, with those that Firestore adds; `__name__` is the last. */
  readonly orders: readonly Order[];
  readonly limit: number;
  /** The fields of a projection. */
  readonly mask: readonly string[] | undefined;
}

/** @throws RpcError INVALID_ARGUMENT, FAILED_PRECONDITION or UNIMPLEMENTED. */
export function compileQuery(parent: string, query: StructuredQuery | null | undefined): Query {
  if (!query) throw invalid('The request has no structured query.');
  const { from, select, startAt, endAt, offset, limit, where, findNearest } = query;
  const [source] = from;
  if (!source || from.length > 1) throw invalid('A query is from exactly one collection.');
  if (!/^[^/]+$/.test(source.collectionId)) throw invalid(`Invalid collection id "${source.collectionId}".`);
  if (source.allDescendants) throw unimplemented('collection group queries');
  if (findNearest) throw unimplemented('findNearest');
  if (offset < 0 || (limit && limit.value < 0)) throw invalid('offset and limit must not be negative.');
  const alternatives = compileFilter(where);
  const orders = allOrders(query, alternatives);
  if (orders[0]?.field === NAME && orders[0].direction === 'DESCENDING' && !where) {
    throw new RpcError(status.FAILED_PRECONDITION, 'Firestore does not support descending key scans');
  }
  if ([startAt, endAt].some((cursor) => cursor && cursor.values.length > orders.length)) {
    throw invalid('A cursor has more values than the query has orders.');
  }
  const mask = select?.fields.map(({ fieldPath }) => fieldPath);
  const collection = joinPath(parent, source.collectionId);
  return { collection, alternatives, orders, startAt, endAt, offset, limit: limit?.value ?? Infinity, mask };
}

export function joinPath(parent: string, collectionId: string): string {
  return parent === '' ? collectionId : `${parent}/${collectionId}`;
}

/** Adds the fields of inequalities, and the name: https://firebase.google.com/docs/firestore/query-data/multiple-range-fields. */
function allOrders({ orderBy }: StructuredQuery, alternatives: readonly Conjunction[]): readonly Order[] {
  const explicit = orderBy.map(({ field, direction }): Order => ({
    field: field?.fieldPath ?? '',
    direction: direction === 'DESCENDING' ? direction : 'ASCENDING',
  }));
  const unequal = alternatives.flat().filter(({ kind, field }) => kind === 'inequality' && field !== NAME);
  const implied = new Set([...unequal.map(({ field }) => field).toSorted(), NAME]);
  const direction = explicit.at(-1)?.direction ?? 'ASCENDING';
  for (const { field } of explicit) implied.delete(field);
  return [...explicit, ...[...implied].map((field): Order => ({ field, direction }))];
}

/** Returns the documents of a collection that a query finds, in its order. */
export function runQuery(documents: readonly StoredDocument[], query: Query): readonly StoredDocument[] {
  const { alternatives, orders, offset, limit } = query;
  const readers = orders.map(({ field }) => readerOf(field));
  const found = documents.flatMap((document) => {
    if (!alternatives.some((conjunction) => conjunction.every(({ matches }) => matches(document)))) return [];
    const key = keysOf(readers.flatMap((read) => read(document) ?? []));
    // A document without one of the fields is in no query that orders by it.
    return key.length === orders.length && isWithin(key, query) ? [{ document, key }] : [];
  });
  found.sort((a, b) => compareByOrders(a.key, b.key, orders));
  return found.slice(offset, offset + limit).map(({ document }) => document);
}

function keysOf(values: readonly Value[]): readonly Key[] {
  return values.map(keyOf);
}

function isWithin(key: readonly Key[], { startAt, endAt, orders }: Query): boolean {
  const compareTo = ({ values }: Cursor) => compareByOrders(key, keysOf(values), orders);
  const isAfterStart = !startAt || compareTo(startAt) >= (startAt.before ? 0 : 1);
  return isAfterStart && (!endAt || compareTo(endAt) <= (endAt.before ? -1 : 0));
}

/** Compares as far as `b` goes, which for a cursor is a prefix of the orders. */
function compareByOrders(a: readonly Key[], b: readonly Key[], orders: readonly Order[]): number {
  for (const [index, key] of b.entries()) {
    const order = Math.sign(compareKeys(a[index] ?? [], key));
    if (order !== 0) return orders[index]?.direction === 'DESCENDING' ? -order : order;
  }
  return 0;
}
