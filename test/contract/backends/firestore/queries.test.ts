import {
  type CollectionReference,
  FieldPath,
  Filter,
  GeoPoint,
  type Query,
  Timestamp,
  type WhereFilterOp,
} from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import { describeBackends, newProjectId, statusOf } from '../support.ts';
import { callStream, connect, idsOf } from './support.ts';

const ID = FieldPath.documentId();
const where = (field: string, op: WhereFilterOp, value: unknown) => Filter.where(field, op, value);
const and = (...filters: Filter[]) => Filter.and(...filters);
const or = (...filters: Filter[]) => Filter.or(...filters);

/** Ids of `everyKind`, from one number to another. */
const ids = (first: number, last = first) =>
  Array.from({ length: last - first + 1 }, (_, index) => `d${String(first + index).padStart(2, '0')}`);

const COMPARISONS: readonly (readonly [WhereFilterOp, unknown, readonly string[]])[] = [
  // A range matches values of the operand's type only.
  ['>', 0.5, ids(8, 11)],
  ['<', 0, ids(4, 5)],
  ['>=', 2 ** 53, ids(9, 11)],
  ['<=', Timestamp.fromMillis(0), ids(12)],
  ['>', 'a', ids(17, 20)],
  ['>', Buffer.from([0]), ids(22, 23)],
  ['>', [1], ids(33, 34)],
  ['<', { a: 1, b: 1 }, ids(35, 37)],
  ['<', true, ids(1)],
  ['==', null, ids(0)],
  ['==', Number.NaN, ids(3)],
  ['==', 1, ids(8)],
  ['==', { a: 1, b: 0 }, ids(37)],
  ['in', [1, null, 'a', [1]], [...ids(8), ...ids(16), ...ids(32)]],
  ['array-contains', 1, ids(32, 33)],
  ['array-contains-any', ['a', 2, null], ids(33, 34)],
  ['!=', null, ids(1, 39)],
  ['!=', Number.NaN, [...ids(1, 2), ...ids(4, 39)]],
  ['!=', 1, [...ids(1, 7), ...ids(9, 39)]],
  ['not-in', [1, 'a'], [...ids(1, 7), ...ids(9, 15), ...ids(17, 39)]],
  ['not-in', [1, null], []],
];

/** Queries of `grid` and the ids that they find. */
const GRID: readonly (readonly [(grid: CollectionReference) => Query, string])[] = [
  [(grid) => grid.where(and(where('a', '==', 1), where('b', '==', 1))), 'a1b1'],
  [(grid) => grid.where(or(where('a', '==', 1), where('b', '==', 1))), 'a1b1 a1b2 a1b3 a2b1 a3b1 onlyA onlyB'],
  [(grid) => grid.where(or(where('a', '>', 2), where('b', '==', 1))), 'a1b1 a2b1 a3b1 a3b2 a3b3'],
  [
    (grid) => grid.where(and(where('a', 'in', [1, 3]), or(where('b', '==', 1), where('b', '==', 3)))),
    'a1b1 a1b3 a3b1 a3b3',
  ],
  [(grid) => grid.where('a', '>', 1).where('b', '<', 3), 'a2b1 a2b2 a3b1 a3b2'],
  [(grid) => grid.where('b', '>', 1).orderBy('a', 'desc'), 'a3b3 a3b2 a2b3 a2b2 a1b3 a1b2'],
  [(grid) => grid.where(new FieldPath('map', 'x.y'), '==', 3), 'a3b1 a3b2 a3b3'],
  [(grid) => grid.where('a', '==', 1).orderBy('b', 'desc'), 'a1b3 a1b2 a1b1'],
  [(grid) => grid.where('missing', '==', 1), ''],
  [(grid) => grid.orderBy('a'), 'a1b1 a1b2 a1b3 onlyA a2b1 a2b2 a2b3 a3b1 a3b2 a3b3'],
  [(grid) => byBoth(grid).limit(4), 'a3b1 a3b2 a3b3 a2b1'],
  [(grid) => byBoth(grid).offset(2).limit(2), 'a3b3 a2b1'],
  [(grid) => byBoth(grid).limitToLast(2), 'a1b2 a1b3'],
  [(grid) => byBoth(grid).startAt(2, 2).endBefore(1), 'a2b2 a2b3'],
  [(grid) => byBoth(grid).startAfter(2).endAt(1, 1), 'a1b1'],
  [(grid) => grid.where(ID, 'in', ['onlyA', 'a2b2', 'none']), 'a2b2 onlyA'],
  [(grid) => grid.where(ID, '>', 'a3b2'), 'a3b3 onlyA onlyB'],
  [(grid) => grid.where(ID, '>=', 'a2b2').where(ID, '<', 'a3b1'), 'a2b2 a2b3'],
  [(grid) => grid.where('a', '==', 3).orderBy(ID, 'desc'), 'a3b3 a3b2 a3b1'],
];

const byBoth = (grid: CollectionReference) => grid.orderBy('a', 'desc').orderBy('b');

const FROM = [{ collectionId: 'a' }];
const ONE = { integerValue: 1 };
const values = (length: number) => ({
  arrayValue: { values: Array.from({ length }, (_, integerValue) => ({ integerValue })) },
});
const compare = (fieldPath: string, op: string, value: object = ONE) => ({
  fieldFilter: { field: { fieldPath }, op, value },
});
const all = (...filters: object[]) => ({ where: { compositeFilter: { op: 'AND', filters } } });

/** Queries that are refused with INVALID_ARGUMENT, without the checks of the client library. */
const REFUSED: readonly (readonly [string, object])[] = [
  ['in with 31 values', all(compare('v', 'IN', values(31)))],
  ['in with no values', all(compare('v', 'IN', values(0)))],
  ['not-in with 11 values', all(compare('v', 'NOT_IN', values(11)))],
  ['array-contains twice', all(compare('v', 'ARRAY_CONTAINS'), compare('w', 'ARRAY_CONTAINS'))],
  ['two negations', all(compare('v', 'NOT_EQUAL'), compare('v', 'NOT_IN', values(1)))],
  ['36 disjunctions', all(compare('v', 'IN', values(6)), compare('w', 'IN', values(6)))],
  ['a collection id with a slash', { from: [{ collectionId: 'a/b' }] }],
  ['an empty filter', { where: {} }],
  ['a filter without an operator', { where: { fieldFilter: { field: { fieldPath: 'f' }, value: ONE } } }],
  ['a filter without a value', { where: { fieldFilter: { field: { fieldPath: 'f' }, op: 'EQUAL' } } }],
  ['a filter of an invalid field', { where: { unaryFilter: { field: { fieldPath: 'a..b' }, op: 'IS_NAN' } } }],
  ['a cursor with too many values', { startAt: { values: [ONE, ONE] } }],
  ['a negative limit', { limit: { value: -1 } }],
];

describeBackends('Firestore', 'queries', (backend) => {
  /** Documents whose field `v` has a value of each kind, in Firestore's order: `d00`, `d01` and so on, and one without. */
  async function everyKind(): Promise<CollectionReference> {
    const firestore = connect(backend.host);
    const collection = firestore.collection('kinds');
    const inOrder = [
      [null, false, true],
      [Number.NaN, -Infinity, -1.5, 0, 0.5, 1, 2 ** 53, 9_007_199_254_740_993n, Infinity],
      [Timestamp.fromMillis(0), new Timestamp(0, 1_000)],
      ['', 'Z', 'a', 'ab', 'é', '\uFFFD', '😀'],
      [Buffer.from([0]), Buffer.from([0, 1]), Buffer.from([1])],
      ['a/b', 'a/b/c/d', 'a/c', 'b/a'].map((path) => firestore.doc(path)),
      [new GeoPoint(-1, 5), new GeoPoint(1, 2), new GeoPoint(1, 3)],
      [[], [1], [1, 'a'], [2]],
      [{}, { a: 1 }, { a: 1, b: 0 }, { a: 2 }, { b: 0 }],
    ].flat();
    const batch = firestore.batch().set(collection.doc('none'), { other: 1 });
    for (const [index, v] of inOrder.entries()) batch.set(collection.doc(ids(index).join('')), { v });
    await batch.commit();
    return collection;
  }

  test('orders values of all types, and leaves out documents without the field', async () => {
    const collection = await everyKind();
    expect(await idsOf(collection.orderBy('v'))).toEqual(ids(0, 39));
    expect(await idsOf(collection.orderBy('v', 'desc'))).toEqual(ids(0, 39).toReversed());
    expect(await idsOf(collection)).toEqual([...ids(0, 39), 'none']);
  });

  test('compares with values of all types', async () => {
    const collection = await everyKind();
    const found = COMPARISONS.map(async ([op, value]) => [op, value, await idsOf(collection.where('v', op, value))]);
    expect(await Promise.all(found)).toEqual(COMPARISONS);
  });

  /** `id` encodes a document's fields: `a1b2` has a = 1 and b = 2. */
  async function grid(): Promise<CollectionReference> {
    const firestore = connect(backend.host);
    const batch = firestore.batch();
    for (const a of [1, 2, 3]) {
      for (const b of [1, 2, 3]) batch.set(firestore.doc(`grid/a${a}b${b}`), { a, b, map: { 'x.y': a } });
    }
    batch.set(firestore.doc('grid/onlyA'), { a: 1 }).set(firestore.doc('grid/onlyB'), { b: 1 });
    await batch.commit();
    return firestore.collection('grid');
  }

  test('conjunctions, disjunctions, several inequalities, orders, cursors, offsets, limits and names', async () => {
    const collection = await grid();
    const found = GRID.map(async ([query]) => (await idsOf(query(collection))).join(' '));
    expect(await Promise.all(found)).toEqual(GRID.map(([, expected]) => expected));
    const [, second] = (await byBoth(collection).limit(2).get()).docs;
    expect(await idsOf(byBoth(collection).startAfter(second).limit(2))).toEqual(['a3b3', 'a2b1']);
  });

  test('projections and counts', async () => {
    const collection = await grid();
    const one = collection.where('a', '==', 2).limit(1);
    const read = async (query: Query) => (await query.get()).docs[0]?.data();
    expect(await read(one.select('b', new FieldPath('map', 'x.y')))).toEqual({ b: 1, map: { 'x.y': 2 } });
    expect(await read(one.select())).toEqual({});
    const [masked] = await collection.firestore.getAll(collection.doc('a1b2'), { fieldMask: ['b', 'none'] });
    expect(masked?.data()).toEqual({ b: 2 });
    expect((await collection.where('a', '==', 2).count().get()).data()).toEqual({ count: 3 });
    expect((await collection.limit(2).count().get()).data()).toEqual({ count: 2 });
  });

  test('a collection below a document', async () => {
    const firestore = connect(backend.host);
    const paths = ['x/1/sub/a', 'x/2/sub/b', 'x/2/deep/z/sub/c', 'sub/d'];
    await Promise.all(paths.map(async (path) => await firestore.doc(path).set({})));
    expect(await idsOf(firestore.collection('x/2/sub'))).toEqual(['b']);
  });

  test('documents of 20 MB in one stream', async () => {
    const collection = connect(backend.host).collection('big');
    const text = 'x'.repeat(1_000_000);
    await Promise.all(Array.from({ length: 20 }, async (_, n) => await collection.doc(`d${n}`).set({ n, text })));
    const { docs } = await collection.orderBy('n').get();
    expect(docs.map((each) => [each.get('n'), each.get('text').length])).toEqual(docs.map((_, n) => [n, 1_000_000]));
    expect(docs).toHaveLength(20);
  });

  test('a stream that finds nothing has a read time', async () => {
    const snapshot = await connect(backend.host).collection('none').get();
    expect(snapshot.empty).toBe(true);
    expect(snapshot.readTime.toMillis()).toBeGreaterThan(Date.now() - 10_000);
  });

  const parent = `projects/${newProjectId()}/databases/(default)/documents`;
  const run = async (structuredQuery: object) =>
    await statusOf(
      callStream(backend.host, 'RunQuery', { parent, structuredQuery: { from: FROM, ...structuredQuery } }),
    );
  const aggregate = async (...aggregations: object[]) => {
    const structuredAggregationQuery = { structuredQuery: { from: FROM }, aggregations };
    return await statusOf(callStream(backend.host, 'RunAggregationQuery', { parent, structuredAggregationQuery }));
  };

  test.each(REFUSED)('refuses %s', async (_name, query) => {
    expect(await run(query)).toBe('INVALID_ARGUMENT');
  });

  test('refuses a malformed parent, an aggregation of nothing, and all documents by descending names', async () => {
    const request = { parent: 'a', structuredQuery: { from: FROM } };
    expect(await statusOf(callStream(backend.host, 'RunQuery', request))).toBe('INVALID_ARGUMENT');
    expect(await aggregate()).toBe('INVALID_ARGUMENT');
    const orderBy = [{ field: { fieldPath: '__name__' }, direction: 'DESCENDING' }];
    expect(await run({ orderBy })).toBe('FAILED_PRECONDITION');
  });

  test('collection groups and sums are UNIMPLEMENTED by the embedded one', async () => {
    const expected = backend.isEmbedded ? 'UNIMPLEMENTED' : 'OK';
    expect(await run({ from: [{ collectionId: 'a', allDescendants: true }] })).toBe(expected);
    expect(await aggregate({ sum: { field: { fieldPath: 'n' } } })).toBe(expected);
  });
});
