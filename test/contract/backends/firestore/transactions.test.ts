import { once } from 'node:events';
import type { Transaction } from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import { describeBackends, statusOf } from '../support.ts';
import { callStream, connect, connectRaw } from './support.ts';

describeBackends('Firestore', 'transactions', (backend) => {
  test('of concurrent transactions that read and create, one wins and the others see its document', async () => {
    const firestore = connect(backend.host);
    const document = firestore.doc('a/b');
    const claim = async () =>
      await firestore.runTransaction(async (transaction) => {
        if ((await transaction.get(document)).exists) return 'duplicate';
        transaction.create(document, {});
        return 'won';
      });
    const outcomes = await Promise.all(Array.from({ length: 8 }, claim));
    expect(outcomes.filter((outcome) => outcome === 'won')).toHaveLength(1);
  });

  test('no increment is lost', async () => {
    const firestore = connect(backend.host);
    const document = firestore.doc('a/b');
    await document.set({ n: 0 });
    const increment = async () =>
      await firestore.runTransaction(
        async (transaction) => {
          const snapshot = await transaction.get(document);
          transaction.update(document, { n: Number(snapshot.get('n')) + 1 });
        },
        { maxAttempts: 10 },
      );
    await Promise.all(Array.from({ length: 5 }, increment));
    expect((await document.get()).data()).toEqual({ n: 5 });
  });

  test('a query that would find another document is contention, too', async () => {
    const firestore = connect(backend.host);
    const free = firestore.collection('seats').where('free', '==', true);
    await Promise.all(['a', 'b', 'c'].map(async (id) => await firestore.doc(`seats/${id}`).set({ free: true })));
    const take = async () =>
      await firestore.runTransaction(
        async (transaction) => {
          const [first] = (await transaction.get(free.limit(1))).docs;
          if (first) transaction.update(first.ref, { free: false });
          return first?.id;
        },
        { maxAttempts: 10 },
      );
    const taken = await Promise.all([take(), take(), take(), take()]);
    expect(new Set(taken)).toEqual(new Set(['a', 'b', 'c', undefined]));
  });

  test('a failed transaction writes nothing, and its error arrives', async () => {
    const firestore = connect(backend.host);
    const [one, two] = [firestore.doc('a/one'), firestore.doc('a/two')];
    await two.set({});
    const run = async (use: (transaction: Transaction) => unknown) =>
      await firestore.runTransaction(async (transaction) => {
        await transaction.get(one);
        transaction.set(one, {});
        use(transaction);
      });
    expect(await statusOf(run((transaction) => transaction.create(two, {})))).toBe('ALREADY_EXISTS');
    const failure = new Error('mine');
    const failing = run(() => {
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    expect((await one.get()).exists).toBe(false);
  });

  test('a blind create needs no read, and a delete and several documents are committed together', async () => {
    const firestore = connect(backend.host);
    await firestore.doc('a/old').set({});
    await firestore.runTransaction(async (transaction) => {
      transaction.create(firestore.doc('a/new'), { n: 1 }).delete(firestore.doc('a/old'));
    });
    const snapshots = await firestore.getAll(firestore.doc('a/new'), firestore.doc('a/old'));
    expect(snapshots.map(({ exists }) => exists)).toEqual([true, false]);
  });

  test('a read-only transaction reads one moment, while others change, add and remove documents', async () => {
    const firestore = connect(backend.host);
    const collection = firestore.collection('a');
    const [changed, removed, added] = [collection.doc('changed'), collection.doc('removed'), collection.doc('added')];
    await firestore.batch().set(changed, { n: 1 }).set(removed, { n: 1 }).commit();
    const read = await firestore.runTransaction(
      async (transaction) => {
        await transaction.get(changed);
        await firestore.batch().set(changed, { n: 2 }).delete(removed).set(added, { n: 1 }).commit();
        const { docs } = await transaction.get(collection.where('n', '==', 1));
        return [
          docs.map(({ id }) => id),
          (await transaction.get(changed)).get('n'),
          (await transaction.get(added)).exists,
        ];
      },
      { readOnly: true },
    );
    expect(read).toEqual([['changed', 'removed'], 1, false]);
  });

  test('a read at a past time', async () => {
    const { client, database, documents } = connectRaw(backend.host);
    const name = `${documents}/a/b`;
    const [{ commitTime }] = await client.commit({ database, writes: [{ update: { name } }] });
    const request = { database, documents: [name], readTime: commitTime };
    const read = callStream(backend.host, 'BatchGetDocuments', request);
    expect(await statusOf(read)).toBe(backend.isEmbedded ? 'UNIMPLEMENTED' : 'OK');
  });

  test('a write of another during a read-write transaction: refused by one of the two', async () => {
    const { client, database, documents } = connectRaw(backend.host);
    const document = `${documents}/a/b`;
    const write = { update: { name: document, fields: { n: { integerValue: 1 } } } };
    const reading = client.batchGetDocuments({ database, documents: [document], newTransaction: { readWrite: {} } });
    const [{ transaction }] = (await once(reading, 'data')) as [{ transaction: Buffer }];
    await once(reading.resume(), 'end');
    const [other, mine] = await Promise.all([
      statusOf(client.commit({ database, writes: [write] }, { retry: null })),
      statusOf(client.commit({ database, writes: [write], transaction }, { retry: null })),
    ]);
    // Locks make the other writer wait; optimistic concurrency aborts the transaction, whose client then retries.
    expect([other, mine]).toEqual(['OK', backend.isEmbedded ? 'ABORTED' : 'OK']);
  });

  test('a transaction ends once', async () => {
    const { client, database } = connectRaw(backend.host);
    const begin = async () => (await client.beginTransaction({ database }))[0].transaction as Buffer;
    const commit = async (transaction: Buffer) =>
      await statusOf(client.commit({ database, transaction }, { retry: null }));
    const transaction = await begin();
    expect([await commit(transaction), await commit(transaction)]).toEqual(['OK', 'INVALID_ARGUMENT']);
    const rolledBack = await begin();
    await client.rollback({ database, transaction: rolledBack });
    expect(await commit(rolledBack)).toBe('INVALID_ARGUMENT');
    expect(await commit(Buffer.from('none'))).toBe('INVALID_ARGUMENT');
  });
});
