import { status } from '@grpc/grpc-js';
import { invalid, RpcError, unimplemented } from '../rpc.ts';
import { NAME } from './fieldPath.ts';
import { compileFilter, type Conjunction, readerOf, requireReference } from './filters.ts';
import type { Cursor, StructuredQuery, Value } from './messages.ts';
import { joinPath } from './names.ts';
import type { Database, StoredDocument } from './store.ts';
import { compareValues } from './values.ts';

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
  const { startAt, endAt, offset, limit, where, findNearest } = query;
  const [from, ...more] = query.from;
  if (from === undefined || more.length > 0) throw invalid('A query is from exactly one collection.');
  if (from.allDescendants) throw unimplemented('collection group queries');
  if (!/^[^/]+$/.test(from.collectionId)) throw invalid(`Invalid collection id "${from.collectionId}".`);
  if (findNearest) throw unimplemented('findNearest');
  const collection = joinPath(parent, from.collectionId);
  const alternatives = compileFilter(where);
  const orders = allOrders(query, alternatives);
  if (orders[0]?.field === NAME && orders[0].direction === 'DESCENDING' && !where) {
    throw new RpcError(status.FAILED_PRECONDITION, 'Firestore does not support descending key scans');
  }
  for (const cursor of [startAt, endAt]) checkCursor(cursor, orders);
  if (offset < 0 || (limit && limit.value < 0)) throw invalid('offset and limit must not be negative.');
  const mask = query.select?.fields.map(({ fieldPath }) => fieldPath);
  return { collection, alternatives, orders, startAt, endAt, offset, limit: limit ? limit.value : Infinity, mask };
}

function checkCursor(cursor: Cursor | null, orders: readonly Order[]): void {
  for (const [index, value] of (cursor?.values ?? []).entries()) {
    const order = orders[index];
    if (!order) throw invalid('A cursor has more values than the query has orders.');
    if (order.field === NAME) requireReference(value);
  }
}

/** Adds the fields of inequalities, and the name: https://firebase.google.com/docs/firestore/query-data/multiple-range-fields. */
function allOrders({ orderBy }: StructuredQuery, alternatives: readonly Conjunction[]): readonly Order[] {
  const explicit = orderBy.map(({ field, direction }): Order => ({
    field: field?.fieldPath ?? '',
    direction: direction === 'DESCENDING' ? direction : 'ASCENDING',
  }));
  if (new Set(explicit.map(({ field }) => field)).size < explicit.length) throw invalid('A field is ordered twice.');
  const unequal = alternatives
    .flat()
    .flatMap(({ kind, field }) => (kind === 'inequality' && field !== NAME ? field : []));
  const implied = [...new Set(unequal.toSorted()), NAME];
  const added = implied.filter((field) => !explicit.some((order) => order.field === field));
  const direction = explicit.at(-1)?.direction ?? 'ASCENDING';
  return [...explicit, ...added.map((field): Order => ({ field, direction }))];
}

/** Returns the documents that a query finds at a time, in its order. */
export function runQuery(database: Database, query: Query, atMicros = Infinity): readonly StoredDocument[] {
  const { alternatives, orders, offset, limit } = query;
  const readers = orders.map(({ field }) => readerOf(field));
  const found = database.documents(query.collection, atMicros).flatMap((document) => {
    if (!alternatives.some((conjunction) => conjunction.every(({ matches }) => matches(document)))) return [];
    const key = readers.flatMap((read) => read(document) ?? []);
    // A document without one of the fields is in no query that orders by it.
    return key.length === orders.length && isWithin(key, query) ? [{ document, key }] : [];
  });
  found.sort((a, b) => compareKeys(a.key, b.key, orders));
  return found.slice(offset, offset + limit).map(({ document }) => document);
}

function isWithin(key: readonly Value[], { startAt, endAt, orders }: Query): boolean {
  const compareTo = ({ values }: Cursor) => compareKeys(key, values, orders);
  const isAfterStart = !startAt || compareTo(startAt) >= (startAt.before ? 0 : 1);
  return isAfterStart && (!endAt || compareTo(endAt) <= (endAt.before ? -1 : 0));
}

/** Compares as far as the shorter key goes, which for a cursor is a prefix of the orders. */
function compareKeys(a: readonly Value[], b: readonly Value[], orders: readonly Order[]): number {
  for (const [index, { direction }] of orders.entries()) {
    const [left, right] = [a[index], b[index]];
    if (left === undefined || right === undefined) return 0;
    const order = Math.sign(compareValues(left, right));
    if (order !== 0) return direction === 'DESCENDING' ? -order : order;
  }
  return 0;
}
