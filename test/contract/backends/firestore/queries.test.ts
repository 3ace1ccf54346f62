import {
  AggregateField,
  type CollectionReference,
  FieldPath,
  Filter,
  GeoPoint,
  type Query,
  Timestamp,
  type WhereFilterOp,
} from '@google-cloud/firestore';
import { grpc } from 'google-gax';
import { expect, test } from 'vitest';
import { connect, describeBackends, idsOf, newProjectId, statusOf, statusOfStream } from './support.ts';

describeBackends('Firestore queries', (backend) => {
  /** Documents whose field `v` has a value of each kind, in Firestore's order: `d00`, `d01` and so on, and one without. */
  async function everyKind(): Promise<CollectionReference> {
    const firestore = connect(backend.host);
    const collection = firestore.collection('kinds');
    const numbers = [Number.NaN, -Infinity, -1.5, 0, 0.5, 1, 2 ** 53, 9_007_199_254_740_993n, Infinity];
    const times = [Timestamp.fromMillis(0), new Timestamp(0, 1_000)];
    const strings = ['', 'Z', 'a', 'ab', 'é', '\uFFFD', '😀'];
    const bytes = [Buffer.from([0]), Buffer.from([0, 1]), Buffer.from([1])];
    const references = ['a/b', 'a/b/c/d', 'a/c', 'b/a'].map((path) => firestore.doc(path));
    const points = [new GeoPoint(-1, 5), new GeoPoint(1, 2), new GeoPoint(1, 3)];
    const lists = [[], [1], [1, 'a'], [2]];
    const maps = [{}, { a: 1 }, { a: 1, b: 0 }, { a: 2 }, { b: 0 }];
    const values = [
      null,
      false,
      true,
      ...numbers,
      ...times,
      ...strings,
      ...bytes,
      ...references,
      ...points,
      ...lists,
      ...maps,
    ];
    const batch = firestore.batch().set(collection.doc('none'), { other: 1 });
    for (const [index, v] of values.entries()) batch.set(collection.doc(`d${String(index).padStart(2, '0')}`), { v });
    await batch.commit();
    return collection;
  }

  test('orders values of all types, and leaves out documents without the field', async () => {
    const collection = await everyKind();
    const ids = await idsOf(collection.orderBy('v'));
    expect(ids).toHaveLength(40);
    expect(ids).toEqual(ids.toSorted());
    expect(await idsOf(collection.orderBy('v', 'desc'))).toEqual(ids.toReversed());
    expect(await idsOf(collection)).toEqual([...ids, 'none']);
  });

  test('a range finds values of its own type only', async () => {
    const collection = await everyKind();
    const found = async (op: '<' | '<=' | '>' | '>=', value: unknown) => await idsOf(collection.where('v', op, value));
    expect(await found('>', 0.5)).toEqual(['d08', 'd09', 'd10', 'd11']);
    expect(await found('<', 0)).toEqual(['d04', 'd05']);
    expect(await found('>=', 2 ** 53)).toEqual(['d09', 'd10', 'd11']);
    expect(await found('<=', Timestamp.fromMillis(0))).toEqual(['d12']);
    expect(await found('>', 'a')).toEqual(['d17', 'd18', 'd19', 'd20']);
    expect(await found('>', Buffer.from([0]))).toEqual(['d22', 'd23']);
    expect(await found('>', [1])).toEqual(['d33', 'd34']);
    expect(await found('<', { a: 1, b: 1 })).toEqual(['d35', 'd36', 'd37']);
    expect(await found('<', true)).toEqual(['d01']);
  });

  test('equality and membership', async () => {
    const collection = await everyKind();
    const found = async (field: string, op: WhereFilterOp, value: unknown) =>
      await idsOf(collection.where(field, op, value));
    expect(await found('v', '==', null)).toEqual(['d00']);
    expect(await found('v', '==', Number.NaN)).toEqual(['d03']);
    expect(await found('v', '==', 1)).toEqual(['d08']);
    expect(await found('v', '==', { a: 1, b: 0 })).toEqual(['d37']);
    expect(await found('v', 'in', [1, null, 'a', [1]])).toEqual(['d08', 'd16', 'd32']);
    expect(await found('v', 'array-contains', 1)).toEqual(['d32', 'd33']);
    expect(await found('v', 'array-contains-any', ['a', 2, null])).toEqual(['d33', 'd34']);
    expect(await found('v', '!=', null)).toHaveLength(39);
    expect(await found('v', '!=', Number.NaN)).toHaveLength(38);
    expect(await found('v', '!=', 1)).toHaveLength(38);
    expect(await found('v', 'not-in', [1, 'a'])).toHaveLength(37);
    expect(await found('v', 'not-in', [1, null])).toEqual([]);
    expect(await found('missing', '==', 1)).toEqual([]);
  });

  test('refuses too many values, and filters that no query may combine', async () => {
    const all = connect(backend.host).collection('a');
    const numbers = (length: number) => Array.from({ length }, (_, at) => at);
    const refused = [
      all.where('v', 'in', numbers(31)),
      all.where('v', 'not-in', numbers(11)),
      all.where('v', 'array-contains', 1).where('w', 'array-contains', 2),
      all.where('v', '!=', 1).where('v', 'not-in', [2]),
      all.where('v', 'in', numbers(6)).where('w', 'in', numbers(6)),
    ];
    const statuses = await Promise.all(refused.map(async (query) => await statusOf(query.get())));
    expect(statuses).toEqual(refused.map(() => 'INVALID_ARGUMENT'));
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

  test('conjunctions, disjunctions and several inequalities', async () => {
    const collection = await grid();
    const [a, b] = [Filter.where('a', '==', 1), Filter.where('b', '==', 1)];
    expect(await idsOf(collection.where(Filter.and(a, b)))).toEqual(['a1b1']);
    expect(await idsOf(collection.where(Filter.or(a, b)))).toEqual('a1b1 a1b2 a1b3 a2b1 a3b1 onlyA onlyB'.split(' '));
    expect(await idsOf(collection.where(Filter.or(Filter.where('a', '>', 2), b)))).toEqual([
      'a1b1',
      'a2b1',
      'a3b1',
      'a3b2',
      'a3b3',
    ]);
    const nested = Filter.and(Filter.or(a, Filter.where('a', '==', 3)), Filter.or(b, Filter.where('b', '==', 3)));
    expect(await idsOf(collection.where(nested))).toEqual(['a1b1', 'a1b3', 'a3b1', 'a3b3']);
    expect(await idsOf(collection.where('a', '>', 1).where('b', '<', 3))).toEqual(['a2b1', 'a2b2', 'a3b1', 'a3b2']);
    expect(await idsOf(collection.where('b', '>', 1).orderBy('a', 'desc'))).toEqual([
      'a3b3',
      'a3b2',
      'a2b3',
      'a2b2',
      'a1b3',
      'a1b2',
    ]);
    expect(await idsOf(collection.where(new FieldPath('map', 'x.y'), '==', 3))).toEqual(['a3b1', 'a3b2', 'a3b3']);
  });

  test('orders, cursors, offset and limits', async () => {
    const collection = await grid();
    const ordered = collection.orderBy('a', 'desc').orderBy('b');
    expect(await idsOf(ordered.limit(4))).toEqual(['a3b1', 'a3b2', 'a3b3', 'a2b1']);
    expect(await idsOf(ordered.offset(2).limit(2))).toEqual(['a3b3', 'a2b1']);
    expect(await idsOf(ordered.limitToLast(2))).toEqual(['a1b2', 'a1b3']);
    expect(await idsOf(ordered.startAt(2, 2).endBefore(1))).toEqual(['a2b2', 'a2b3']);
    expect(await idsOf(ordered.startAfter(2).endAt(1, 1))).toEqual(['a1b1']);
    const [, second] = (await ordered.limit(2).get()).docs;
    expect(await idsOf(ordered.startAfter(second).limit(2))).toEqual(['a3b3', 'a2b1']);
    expect(await idsOf(collection.where('a', '==', 1).orderBy('b', 'desc'))).toEqual(['a1b3', 'a1b2', 'a1b1']);
    expect(await idsOf(collection.orderBy('a'))).toEqual(
      'a1b1 a1b2 a1b3 onlyA a2b1 a2b2 a2b3 a3b1 a3b2 a3b3'.split(' '),
    );
  });

  test('documents by their names, which descend only where a field is compared', async () => {
    const collection = await grid();
    const id = FieldPath.documentId();
    expect(await idsOf(collection.where(id, 'in', ['onlyA', 'a2b2', 'none']))).toEqual(['a2b2', 'onlyA']);
    expect(await idsOf(collection.where(id, '>', 'a3b2'))).toEqual(['a3b3', 'onlyA', 'onlyB']);
    expect(await idsOf(collection.where(id, '>=', 'a2b2').where(id, '<', 'a3b1'))).toEqual(['a2b2', 'a2b3']);
    expect(await idsOf(collection.where('a', '==', 3).orderBy(id, 'desc'))).toEqual(['a3b3', 'a3b2', 'a3b1']);
    expect(await statusOf(collection.orderBy(id, 'desc').get())).toBe('FAILED_PRECONDITION');
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

  test('a collection below a document, and collection groups', async () => {
    const firestore = connect(backend.host);
    const paths = ['x/1/sub/a', 'x/2/sub/b', 'x/2/deep/z/sub/c', 'sub/d', 'other/e'];
    await Promise.all(paths.map(async (path) => await firestore.doc(path).set({})));
    expect(await idsOf(firestore.collection('x/2/sub'))).toEqual(['b']);
    const group = firestore.collectionGroup('sub');
    const found = await idsOf(group).catch((error: { code: number }) => error.code);
    expect(found).toEqual(backend.isEmbedded ? grpc.status.UNIMPLEMENTED : ['d', 'a', 'c', 'b']);
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

  const from = [{ collectionId: 'a' }];
  const field = { fieldPath: 'f' };
  const name = { fieldPath: '__name__' };
  const one = { integerValue: 1 };

  test.each<[string, object]>([
    ['a collection id with a slash', { from: [{ collectionId: 'a/b' }] }],
    ['an empty filter', { from, where: {} }],
    ['a filter without an operator', { from, where: { fieldFilter: { field, value: one } } }],
    ['a filter without a value', { from, where: { fieldFilter: { field, op: 'EQUAL' } } }],
    ['a filter of an invalid field', { from, where: { unaryFilter: { field: { fieldPath: 'a..b' }, op: 'IS_NAN' } } }],
    [
      'a name that is compared with a number',
      { from, where: { fieldFilter: { field: name, op: 'EQUAL', value: one } } },
    ],
    ['a cursor with too many values', { from, startAt: { values: [one, one] } }],
    ['a cursor that is not a name', { from, startAt: { values: [one] } }],
    ['a field that is ordered twice', { from, orderBy: [{ field }, { field }] }],
    ['a negative limit', { from, limit: { value: -1 } }],
  ])('refuses %s', async (_name, structuredQuery) => {
    const parent = `projects/${newProjectId()}/databases/(default)/documents`;
    expect(await statusOfStream(backend.host, 'RunQuery', { parent, structuredQuery })).toBe('INVALID_ARGUMENT');
  });

  test('refuses a malformed parent, and an aggregation of nothing', async () => {
    const query = { structuredQuery: { from } };
    expect(await statusOfStream(backend.host, 'RunQuery', { parent: 'a', ...query })).toBe('INVALID_ARGUMENT');
    const parent = `projects/${newProjectId()}/databases/(default)/documents`;
    const request = { parent, structuredAggregationQuery: query };
    expect(await statusOfStream(backend.host, 'RunAggregationQuery', request)).toBe('INVALID_ARGUMENT');
  });

  test('sums', async () => {
    const collection = connect(backend.host).collection('a');
    const sum = collection.aggregate({ total: AggregateField.sum('n') }).get();
    expect(await statusOf(sum)).toBe(backend.isEmbedded ? 'UNIMPLEMENTED' : 'OK');
  });
});
