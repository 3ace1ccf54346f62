import { status } from '@grpc/grpc-js';
import { NAME } from './fieldPath.ts';
import { compileFilter, type Conjunction, readerOf } from './filters.ts';
import type { Cursor, StructuredQuery, Value } from './messages.ts';
import { joinPath } from './names.ts';
import { invalid, StatusError, unimplemented } from './status.ts';
import type { Database, StoredDocument } from './store.ts';
import { compareValues } from './values.ts';

export interface Order {
  readonly field: string;
  readonly direction: 'ASCENDING' | 'DESCENDING';
}

export interface Query {
  /** The path of the document that the collections are below; empty for the database's root. */
  readonly parent: string;
  /** Missing for all collections. */
  readonly collectionId: string | undefined;
  readonly isGroup: boolean;
  /** A document is found when it matches one of them. */
  readonly alternatives: readonly Conjunction[];
  /** All orders, with those that Firestore adds; `__name__` is the last. */
  readonly orders: readonly Order[];
  readonly startAt: Cursor | undefined;
  readonly endAt: Cursor | undefined;
  readonly offset: number;
  readonly limit: number;
}

export function compileQuery(parent: string, query: StructuredQuery): Query {
  const [from, ...more] = query.from;
  if (from === undefined || more.length > 0) throw invalid('A query is from exactly one collection.');
  if (query.findNearest) throw unimplemented('findNearest');
  if (from.collectionId === undefined && !from.allDescendants) throw invalid('A query needs a collection id.');
  const alternatives = compileFilter(query.where);
  const orders = allOrders(query, alternatives);
  const [first] = orders;
  if (first?.field === NAME && first.direction === 'DESCENDING' && !query.where) {
    throw new StatusError(status.FAILED_PRECONDITION, 'Firestore does not support descending key scans');
  }
  for (const cursor of [query.startAt, query.endAt]) {
    if (cursor && cursor.values.length > orders.length)
      throw invalid('A cursor has more values than the query has orders.');
  }
  return {
    parent,
    collectionId: from.collectionId,
    isGroup: from.allDescendants ?? false,
    alternatives,
    orders,
    startAt: query.startAt,
    endAt: query.endAt,
    offset: query.offset ?? 0,
    limit: query.limit ? (query.limit.value ?? 0) : Infinity,
  };
}

/** Adds the fields of inequalities, and the name: https://firebase.google.com/docs/firestore/query-data/multiple-range-fields. */
function allOrders({ orderBy }: StructuredQuery, alternatives: readonly Conjunction[]): readonly Order[] {
  const explicit = orderBy.map(({ field, direction }): Order => ({
    field: field.fieldPath,
    direction: direction === 'DESCENDING' ? 'DESCENDING' : 'ASCENDING',
  }));
  const direction = explicit.at(-1)?.direction ?? 'ASCENDING';
  const unequal = alternatives.flat().filter(({ kind }) => kind === 'inequality');
  const implied = [...new Set(unequal.map(({ field }) => field).toSorted()), NAME];
  const isOrdered = (field: string) => explicit.some((order) => order.field === field);
  const added = implied
    .filter((field) => !isOrdered(field))
    .toSorted((a, b) => Number(a === NAME) - Number(b === NAME));
  return [...explicit, ...added.map((field): Order => ({ field, direction }))];
}

/** Returns the documents that a query finds at a time, in its order. */
export function runQuery(database: Database, query: Query, atMicros: number): readonly StoredDocument[] {
  const { alternatives, orders, startAt, endAt, offset, limit } = query;
  const keyOf = orderKey(orders);
  const found: { document: StoredDocument; key: readonly Value[] }[] = [];
  for (const document of candidates(database, query, atMicros)) {
    if (!alternatives.some((conjunction) => conjunction.every((condition) => condition.matches(document)))) continue;
    const key = keyOf(document);
    if (key && isWithin(key, orders, startAt, endAt)) found.push({ document, key });
  }
  found.sort((a, b) => compareKeys(a.key, b.key, orders));
  return found.slice(offset, offset + limit).map(({ document }) => document);
}

export function isInScope({ parent, collectionId, isGroup }: Query, collection: string): boolean {
  if (!isGroup) return collection === joinPath(parent, collectionId ?? '');
  const isBelow = parent === '' || collection.startsWith(`${parent}/`);
  return isBelow && (collectionId === undefined || collection.split('/').at(-1) === collectionId);
}

function candidates(database: Database, query: Query, atMicros: number): readonly StoredDocument[] {
  const paths = query.isGroup ? database.collectionPaths() : [joinPath(query.parent, query.collectionId ?? '')];
  return paths.filter((path) => isInScope(query, path)).flatMap((path) => database.documents(path, atMicros));
}

/** A document without one of the fields is in no query that orders by it. */
function orderKey(orders: readonly Order[]): (document: StoredDocument) => readonly Value[] | undefined {
  const readers = orders.map(({ field }) => readerOf(field));
  return (document) => {
    const key = readers.flatMap((read) => read(document) ?? []);
    return key.length === orders.length ? key : undefined;
  };
}

/** Compares as far as the shorter key goes, which for a cursor is a prefix of the orders. */
function compareKeys(a: readonly Value[], b: readonly Value[], orders: readonly Order[]): number {
  for (const [index, { direction }] of orders.entries()) {
    const [left, right] = [a[index], b[index]];
    if (left === undefined || right === undefined) return 0;
    const order = compareValues(left, right);
    if (order !== 0) return direction === 'DESCENDING' ? -order : order;
  }
  return 0;
}

function isWithin(
  key: readonly Value[],
  orders: readonly Order[],
  startAt: Cursor | undefined,
  endAt: Cursor | undefined,
): boolean {
  const start = startAt ? compareKeys(key, startAt.values, orders) : 1;
  const end = endAt ? compareKeys(key, endAt.values, orders) : -1;
  return (startAt?.before ? start >= 0 : start > 0) && (endAt?.before === true ? end < 0 : end <= 0);
}
