import { FieldValue, Timestamp } from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import { describeBackends, statusOf } from './support.ts';

describeBackends('writes', ({ open }) => {
  test('every kind of value returns as it was written, times to the microsecond', async () => {
    const firestore = open();
    const document = firestore.doc('values/all');
    const value = {
      text: 'ü\u0000',
      integer: 42,
      double: 0.1,
      negativeZero: -0,
      nan: Number.NaN,
      yes: true,
      nothing: null,
      bytes: Buffer.from([0, 255]),
      list: [1, 'a', { b: [] }],
      map: { 'odd.name`': 1, inner: { deep: [] } },
      time: new Timestamp(1_780_000_000, 123_456_000),
      reference: firestore.doc('other/one'),
    };
    await document.set(value);
    const data = (await document.get()).data();
    expect({ ...data, reference: data?.['reference'].path }).toEqual({ ...value, reference: 'other/one' });
    await document.set({ time: new Timestamp(1, 123_456_789) });
    expect((await document.get()).get('time')).toEqual(new Timestamp(1, 123_456_000));
  });

  test('preconditions: create, update, delete and last update time', async () => {
    const document = open().doc('things/one');
    expect(await statusOf(document.update({ a: 1 }))).toBe('NOT_FOUND');
    expect(await statusOf(document.delete({ exists: true }))).toBe('NOT_FOUND');
    const { writeTime } = await document.create({ a: 1 });
    expect(await statusOf(document.create({ a: 2 }))).toBe('ALREADY_EXISTS');
    const { writeTime: second } = await document.update({ a: 2 }, { lastUpdateTime: writeTime });
    expect(await statusOf(document.update({ a: 3 }, { lastUpdateTime: writeTime }))).toBe('FAILED_PRECONDITION');
    expect(await statusOf(document.delete({ lastUpdateTime: writeTime }))).toBe('FAILED_PRECONDITION');
    const snapshot = await document.get();
    expect([snapshot.get('a'), snapshot.updateTime, snapshot.createTime]).toEqual([2, second, writeTime]);
  });

  test('update masks change the named paths alone; a deleted field is removed', async () => {
    const document = open().doc('things/masked');
    await document.set({ a: { b: 1, c: 2 }, d: 3, list: [1] });
    await document.update({ 'a.b': 5, d: FieldValue.delete(), 'e.f.g': 6 });
    expect((await document.get()).data()).toEqual({ a: { b: 5, c: 2 }, list: [1], e: { f: { g: 6 } } });
    await document.set({ a: { h: 7 } }, { merge: true });
    expect((await document.get()).get('a')).toEqual({ b: 5, c: 2, h: 7 });
    await document.set({ a: { h: 8 } }, { mergeFields: ['a'] });
    expect((await document.get()).get('a')).toEqual({ h: 8 });
  });

  test('transforms: server time, increment, and arrays as sets', async () => {
    const document = open().doc('things/transformed');
    await document.set({ n: 1, list: [1, 2] });
    await document.update({
      at: FieldValue.serverTimestamp(),
      n: FieldValue.increment(2),
      fresh: FieldValue.increment(1.5),
      list: FieldValue.arrayUnion(2, 3),
    });
    const snapshot = await document.get();
    expect(snapshot.data()).toMatchObject({ n: 3, fresh: 1.5, list: [1, 2, 3] });
    const skew = snapshot.get('at').toMillis() - (snapshot.updateTime?.toMillis() ?? 0);
    expect(Math.abs(skew)).toBeLessThan(1_000);
    await document.update({ list: FieldValue.arrayRemove(1) });
    expect((await document.get()).get('list')).toEqual([2, 3]);
  });

  test('a batch is written whole or not at all, and its writes see each other', async () => {
    const firestore = open();
    const [one, two] = [firestore.doc('batch/one'), firestore.doc('batch/two')];
    await two.create({ there: true });
    expect(await statusOf(firestore.batch().create(one, { a: 1 }).create(two, { a: 1 }).commit())).toBe(
      'ALREADY_EXISTS',
    );
    expect((await one.get()).exists).toBe(false);
    const results = await firestore.batch().create(one, { a: 1 }).update(one, { b: 2 }).delete(two).commit();
    expect(results).toHaveLength(3);
    expect([(await one.get()).data(), (await two.get()).exists]).toEqual([{ a: 1, b: 2 }, false]);
  });

  test('update times rise strictly, also for simultaneous writes of one document', async () => {
    const document = open().doc('things/counted');
    const results = await Promise.all(
      Array.from({ length: 50 }, async () => await document.set({ n: FieldValue.increment(1) }, { merge: true })),
    );
    const times = results.map(({ writeTime }) => writeTime.seconds * 1_000_000 + writeTime.nanoseconds / 1_000);
    expect(new Set(times).size).toBe(50);
    expect((await document.get()).get('n')).toBe(50);
  });

  test('of 50 simultaneous creates exactly one succeeds', async () => {
    const document = open().doc('things/created');
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => await statusOf(document.create({ n }))),
    );
    expect(statuses.filter((status) => status === 'OK')).toHaveLength(1);
    expect(statuses.filter((status) => status === 'ALREADY_EXISTS')).toHaveLength(49);
  });

  test('a bulk writer reports each write for itself', async () => {
    const firestore = open();
    await firestore.doc('bulk/1').create({});
    const writer = firestore.bulkWriter();
    writer.onWriteError(() => false);
    const writes = [0, 1, 2].map(async (n) => await statusOf(writer.create(firestore.doc(`bulk/${n}`), { n })));
    await writer.close();
    expect(await Promise.all(writes)).toEqual(['OK', 'ALREADY_EXISTS', 'OK']);
  });

  test.each([
    ['a document over 1 MiB', 'limits/large', { a: Buffer.alloc(524_288), b: Buffer.alloc(524_288) }],
    ['a reserved document id', 'limits/__x__', { a: 1 }],
    ['a document id over 1,500 bytes', `limits/${'x'.repeat(1_501)}`, { a: 1 }],
    ['a reserved field name', 'limits/field', { __x__: 1 }],
    ['an array in an array', 'limits/array', { a: [[1]] }],
  ])('refuses %s', async (_case, path, data) => {
    expect(await statusOf(open().doc(path).set(data))).toBe('INVALID_ARGUMENT');
  });

  test('projects and databases do not see each other', async () => {
    const [one, two] = [open(), open()];
    await one.doc('apart/a').set({ n: 1 });
    expect((await two.doc('apart/a').get()).exists).toBe(false);
  });
});
