import { expect, test } from 'vitest';
import { describeBackends, statusOf } from './support.ts';

describeBackends('transactions', ({ open }) => {
  test('simultaneous transactions that read and write one document lose no update', async () => {
    const firestore = open();
    const document = firestore.doc('counters/one');
    await document.set({ n: 0 });
    const add = async () =>
      await firestore.runTransaction(
        async (transaction) => {
          const { n = 0 } = (await transaction.get(document)).data() as { n?: number };
          transaction.set(document, { n: n + 1 });
        },
        { maxAttempts: 20 },
      );
    await Promise.all(Array.from({ length: 5 }, add));
    expect((await document.get()).get('n')).toBe(5);
  });

  test('of transactions that create one document after they have not found it, one creates it', async () => {
    const firestore = open();
    const document = firestore.doc('locks/one');
    const take = async () =>
      await firestore.runTransaction(async (transaction) => {
        if ((await transaction.get(document)).exists) return false;
        transaction.create(document, {});
        return true;
      });
    const taken = await Promise.all([take(), take(), take()]);
    expect(taken.filter(Boolean)).toHaveLength(1);
  });

  test('a transaction that fails writes nothing', async () => {
    const firestore = open();
    const document = firestore.doc('things/rolled-back');
    const failing = firestore.runTransaction(async (transaction) => {
      await transaction.get(document);
      transaction.set(document, { n: 1 });
      throw new Error('given up');
    });
    await expect(failing).rejects.toThrow('given up');
    expect((await document.get()).exists).toBe(false);
  });

  test('a read-only transaction reads one moment', async () => {
    const firestore = open();
    const document = firestore.doc('things/read');
    await document.set({ n: 1 });
    const read = await firestore.runTransaction(
      async (transaction) => {
        const first = (await transaction.get(document)).get('n') as number;
        await document.set({ n: 2 });
        return [first, (await transaction.get(document)).get('n')];
      },
      { readOnly: true },
    );
    expect(read).toEqual([1, 1]);
  });

  test('a query in a transaction is read again where its result has changed', async () => {
    const firestore = open();
    const open_ = firestore.collection('tasks').where('state', '==', 'open');
    await firestore.doc('tasks/a').set({ state: 'open' });
    let attempts = 0;
    const counted = await firestore.runTransaction(async (transaction) => {
      attempts += 1;
      const { size } = await transaction.get(open_);
      transaction.set(firestore.doc('totals/tasks'), { size });
      return size;
    });
    expect([counted, attempts]).toEqual([1, 1]);
    expect(await statusOf(firestore.doc('totals/tasks').get())).toBe('OK');
  });
});
