import { FieldPath, Filter, type Firestore, type Query, Timestamp } from '@google-cloud/firestore';
import { beforeAll, expect, test } from 'vitest';
import { describeBackends, statusOf } from './support.ts';

async function ids(query: Query): Promise<readonly string[]> {
  return (await query.get()).docs.map(({ id }) => id);
}

describeBackends('reads', ({ open }) => {
  let firestore: Firestore;
  const people = () => firestore.collection('people');

  beforeAll(async () => {
    firestore = open();
    const documents = {
      ada: { name: 'Ada', age: 36, tags: ['math', 'code'], address: { city: 'London' }, at: new Timestamp(30, 0) },
      bob: { name: 'Bob', age: 36, tags: ['code'], address: { city: 'Oslo' }, at: new Timestamp(10, 0) },
      cyd: { name: 'Cyd', age: 40.5, tags: [], address: { city: 'Oslo' }, at: new Timestamp(20, 0) },
      dan: { name: 'Dan', age: null },
      eve: { name: 'Eve', age: 'old' },
    };
    const batch = firestore.batch();
    for (const [id, data] of Object.entries(documents)) batch.set(people().doc(id), data);
    batch.set(firestore.doc('people/ada/pets/rex'), { kind: 'dog' });
    batch.set(firestore.doc('people/zoe/pets/tom'), { kind: 'cat' });
    await batch.commit();
  });

  test.each<[string, (all: Query) => Query, readonly string[]]>([
    ['equality', (all) => all.where('age', '==', 36), ['ada', 'bob']],
    ['equality of a nested field', (all) => all.where('address.city', '==', 'Oslo'), ['bob', 'cyd']],
    ['null', (all) => all.where('age', '==', null), ['dan']],
    ['not equal, which excludes null', (all) => all.where('age', '!=', 36), ['cyd', 'eve']],
    ['inequality, of one type alone', (all) => all.where('age', '>=', 36), ['ada', 'bob', 'cyd']],
    [
      'range',
      (all) => all.where('at', '>', new Timestamp(10, 0)).where('at', '<=', new Timestamp(30, 0)),
      ['cyd', 'ada'],
    ],
    ['in', (all) => all.where('name', 'in', ['Bob', 'Eve']), ['bob', 'eve']],
    ['not in', (all) => all.where('name', 'not-in', ['Ada', 'Bob', 'Cyd']), ['dan', 'eve']],
    ['array contains', (all) => all.where('tags', 'array-contains', 'code'), ['ada', 'bob']],
    ['array contains any', (all) => all.where('tags', 'array-contains-any', ['math', 'x']), ['ada']],
    [
      'or',
      (all) => all.where(Filter.or(Filter.where('name', '==', 'Ada'), Filter.where('age', '==', null))),
      ['ada', 'dan'],
    ],
    ['document id', (all) => all.where(FieldPath.documentId(), 'in', ['bob', 'nobody']), ['bob']],
    ['order across types', (all) => all.orderBy('age'), ['dan', 'ada', 'bob', 'cyd', 'eve']],
    ['descending order', (all) => all.orderBy('age', 'desc'), ['eve', 'cyd', 'bob', 'ada', 'dan']],
    ['order leaves out documents without the field', (all) => all.orderBy('at'), ['bob', 'cyd', 'ada']],
    ['start after', (all) => all.orderBy('at').startAfter(new Timestamp(10, 0)), ['cyd', 'ada']],
    ['start at, end before', (all) => all.orderBy('name').startAt('Bob').endBefore('Dan'), ['bob', 'cyd']],
    ['end at', (all) => all.orderBy('name').endAt('Bob'), ['ada', 'bob']],
    ['limit and offset', (all) => all.orderBy('name').offset(1).limit(2), ['bob', 'cyd']],
    ['limit to last', (all) => all.orderBy('name').limitToLast(2), ['dan', 'eve']],
  ])('%s', async (_case, narrowed, expected) => {
    expect(await ids(narrowed(people()))).toEqual(expected);
  });

  test('a cursor at a document continues after it, also among equal values', async () => {
    const query = people().where('age', '==', 36).orderBy('name');
    const [first] = (await query.limit(1).get()).docs;
    expect(first?.id).toBe('ada');
    expect(await ids(first ? query.startAfter(first) : query)).toEqual(['bob']);
  });

  test('a projection returns the named fields alone', async () => {
    const { docs } = await people().where('name', '==', 'Ada').select('address.city', 'age').get();
    expect(docs.map((document) => document.data())).toEqual([{ address: { city: 'London' }, age: 36 }]);
  });

  test('counts match, with a limit and with filters', async () => {
    const counts = [people(), people().where('age', '==', 36), people().limit(3)].map(
      async (query) => (await query.count().get()).data().count,
    );
    expect(await Promise.all(counts)).toEqual([5, 2, 3]);
  });

  test('a collection group finds documents below any parent', async () => {
    expect(await ids(firestore.collectionGroup('pets').where('kind', '==', 'cat'))).toEqual(['tom']);
  });

  test('lists documents, missing parents included, and collections', async () => {
    const listed = (await people().listDocuments()).map(({ id }) => id);
    expect(listed.toSorted()).toEqual(['ada', 'bob', 'cyd', 'dan', 'eve', 'zoe']);
    expect((await firestore.listCollections()).map(({ id }) => id)).toEqual(['people']);
    expect((await people().doc('ada').listCollections()).map(({ id }) => id)).toEqual(['pets']);
  });

  test('many documents are read at one time, missing ones included', async () => {
    const [ada, nobody] = await firestore.getAll(people().doc('ada'), people().doc('nobody'), { fieldMask: ['name'] });
    expect([ada?.data(), nobody?.exists]).toEqual([{ name: 'Ada' }, false]);
    expect(ada?.readTime.isEqual(nobody?.readTime as Timestamp)).toBe(true);
  });

  test('more than 30 values of an in filter are refused', async () => {
    const values = Array.from({ length: 31 }, (_, n) => n);
    expect(await statusOf(people().where('age', 'in', values).get())).toBe('INVALID_ARGUMENT');
  });

  test('a listener sees the document and its changes', async () => {
    const document = firestore.doc('watched/one');
    const seen: unknown[] = [];
    const stop = document.onSnapshot((snapshot) => seen.push(snapshot.data()?.['n']));
    await expect.poll(() => seen).toEqual([undefined]);
    await document.set({ n: 1 });
    await document.set({ n: 2 });
    await expect.poll(() => seen.at(-1)).toBe(2);
    await document.delete();
    await expect.poll(() => seen.at(-1)).toBe(undefined);
    stop();
  });

  test('a listener of a query sees documents enter and leave it', async () => {
    const query = firestore.collection('queue').where('state', '==', 'open');
    const seen: string[] = [];
    const stop = query.onSnapshot((snapshot) => {
      seen.push(...snapshot.docChanges().map(({ type, doc }) => `${type} ${doc.id}`));
    });
    const document = firestore.doc('queue/a');
    await document.set({ state: 'open' });
    await expect.poll(() => seen).toEqual(['added a']);
    await document.set({ state: 'done' });
    await expect.poll(() => seen).toEqual(['added a', 'removed a']);
    stop();
  });
});
