import type { DocumentSnapshot, Query, QuerySnapshot } from '@google-cloud/firestore';
import { expect, onTestFinished, test } from 'vitest';
import { describeBackends } from '../support.ts';
import { connect } from './support.ts';

describeBackends('Firestore', 'listeners', (backend) => {
  /** Collects what a listener receives, as text that a test compares. */
  function listen(query: Query): { readonly changes: readonly string[]; readonly sizes: readonly number[] } {
    const [changes, sizes]: [string[], number[]] = [[], []];
    const onNext = (snapshot: QuerySnapshot) => {
      sizes.push(snapshot.size);
      changes.push(...snapshot.docChanges().map(({ type, doc }) => `${type} ${doc.id}`));
    };
    onTestFinished(query.onSnapshot(onNext, (error) => expect.unreachable(String(error))));
    return { changes, sizes };
  }

  test('a document: missing, created, changed, deleted', async () => {
    const document = connect(backend.host).doc('a/b');
    const seen: unknown[] = [];
    onTestFinished(document.onSnapshot((snapshot: DocumentSnapshot) => void seen.push(snapshot.data())));
    await expect.poll(() => seen).toEqual([undefined]);
    await document.set({ n: 1 });
    await expect.poll(() => seen).toEqual([undefined, { n: 1 }]);
    await document.update({ n: 2 });
    await expect.poll(() => seen).toEqual([undefined, { n: 1 }, { n: 2 }]);
    await document.delete();
    await expect.poll(() => seen).toEqual([undefined, { n: 1 }, { n: 2 }, undefined]);
  });

  test('a query: documents that enter it, change in it and leave it', async () => {
    const firestore = connect(backend.host);
    await firestore.doc('jobs/a').set({ state: 'running', n: 1 });
    await firestore.doc('jobs/b').set({ state: 'done', n: 2 });
    const { changes, sizes } = listen(firestore.collection('jobs').where('state', '==', 'running'));
    await expect.poll(() => sizes).toEqual([1]);
    await firestore.doc('jobs/b').update({ state: 'running' });
    await expect.poll(() => changes).toEqual(['added a', 'added b']);
    await firestore.doc('jobs/b').update({ n: 3 });
    await firestore.doc('elsewhere/c').set({ state: 'running' });
    await expect.poll(() => changes).toEqual(['added a', 'added b', 'modified b']);
    await firestore.doc('jobs/a').update({ state: 'done' });
    await firestore.doc('jobs/b').delete();
    await expect.poll(() => changes).toEqual(['added a', 'added b', 'modified b', 'removed a', 'removed b']);
    expect(sizes.at(-1)).toBe(0);
  });

  test('a commit of several documents is one snapshot', async () => {
    const firestore = connect(backend.host);
    const { sizes } = listen(firestore.collection('a').orderBy('n'));
    await expect.poll(() => sizes).toEqual([0]);
    await firestore.batch().set(firestore.doc('a/x'), { n: 1 }).set(firestore.doc('a/y'), { n: 2 }).commit();
    await expect.poll(() => sizes).toEqual([0, 2]);
  });

  test('a limited query fills up with the next document', async () => {
    const firestore = connect(backend.host);
    for (const [index, id] of ['x', 'y', 'z'].entries()) await firestore.doc(`a/${id}`).set({ n: index });
    const { changes } = listen(firestore.collection('a').orderBy('n').limit(2));
    await expect.poll(() => changes).toEqual(['added x', 'added y']);
    await firestore.doc('a/x').delete();
    await expect.poll(() => changes).toEqual(['added x', 'added y', 'removed x', 'added z']);
  });

  test('the last documents after a cursor, while others arrive before, after and among them', async () => {
    const firestore = connect(backend.host);
    const put = async (n: number) => await firestore.doc(`a/d${n}`).set({ n });
    for (const n of [1, 3, 5, 7]) await put(n);
    const { changes, sizes } = listen(firestore.collection('a').orderBy('n').startAfter(1).limitToLast(2));
    await expect.poll(() => changes).toEqual(['added d5', 'added d7']);
    await put(0);
    await put(6);
    await expect.poll(() => changes.slice(2)).toEqual(['removed d5', 'added d6']);
    await firestore.doc('a/d7').delete();
    await expect.poll(() => changes.slice(4)).toEqual(['removed d7', 'added d5']);
    expect(sizes.at(-1)).toBe(2);
  });

  test('a query that is refused is an error of its listener', async () => {
    const numbers = Array.from({ length: 31 }, (_, index) => index);
    const query = connect(backend.host).collection('a').where('n', 'in', numbers);
    const error = await new Promise((resolve) =>
      onTestFinished(query.onSnapshot(() => resolve('a snapshot'), resolve)),
    );
    expect(String(error)).toContain("'IN' supports up to 30 comparison values.");
  });

  test('several listeners of one client', async () => {
    const firestore = connect(backend.host);
    const all = listen(firestore.collection('a'));
    const some = listen(firestore.collection('a').where('n', '>', 1));
    await expect.poll(() => [all.sizes, some.sizes]).toEqual([[0], [0]]);
    await firestore.doc('a/x').set({ n: 1 });
    await firestore.doc('a/y').set({ n: 2 });
    await expect.poll(() => [all.changes, some.changes]).toEqual([['added x', 'added y'], ['added y']]);
  });
});
