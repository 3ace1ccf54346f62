import { FieldValue, GeoPoint, Timestamp } from '@google-cloud/firestore';
import { expect, test } from 'vitest';
import { describeBackends, newProjectId, statusOf } from '../support.ts';
import { connect, connectRaw } from './support.ts';

describeBackends('Firestore', 'writes', (backend) => {
  test('returns every type of value as it was written, timestamps with microseconds', async () => {
    const firestore = connect(backend.host);
    const document = firestore.doc('a/all');
    const value = {
      null: null,
      boolean: false,
      integer: 0,
      double: 1.5,
      negativeZero: -0,
      infinity: -Infinity,
      notANumber: Number.NaN,
      string: '',
      unicode: 'ß😀',
      bytes: Buffer.from([0, 255]),
      reference: document,
      geo: new GeoPoint(0, -1),
      array: [[], 1].slice(1),
      map: { empty: {}, nested: { list: [{ deep: true }] } },
      'odd.name`\\': 1,
    };
    await document.set({ ...value, time: new Timestamp(5, 123_456_789) });
    const { time, reference, ...read } = (await document.get()).data() ?? {};
    const { reference: _reference, ...written } = value;
    expect(read).toEqual(written);
    expect(reference.path).toBe(document.path);
    expect(time).toEqual(new Timestamp(5, 123_456_000));
  });

  test('set replaces, merge and update change the named fields, also nested ones and deletions', async () => {
    const document = connect(backend.host).doc('a/b');
    const data = async () => (await document.get()).data();
    await document.set({ keep: 1, map: { x: 1, y: 2 }, 'a.b': 1 });
    await document.update({ 'map.x': 3, 'map.z.deep': 4, keep: FieldValue.delete() });
    expect(await data()).toEqual({ map: { x: 3, y: 2, z: { deep: 4 } }, 'a.b': 1 });
    await document.set({ map: { y: FieldValue.delete() }, 'a.b': { c: 2 } }, { merge: true });
    expect(await data()).toEqual({ map: { x: 3, z: { deep: 4 } }, 'a.b': { c: 2 } });
    await document.set({ map: 5, ignored: 1 }, { mergeFields: ['map'] });
    expect(await data()).toEqual({ map: 5, 'a.b': { c: 2 } });
    await document.update({ 'map.x': 1 });
    expect(await data()).toEqual({ map: { x: 1 }, 'a.b': { c: 2 } });
    await document.set({ only: true });
    expect(await data()).toEqual({ only: true });
    await document.delete();
    expect(await data()).toBeUndefined();
    await document.set({}, { merge: true });
    expect(await data()).toEqual({});
  });

  test('transforms are computed where the document is', async () => {
    const document = connect(backend.host).doc('a/b');
    const before = Date.now();
    await document.set({ n: 1, list: ['a', 1], text: 'x', big: 2 ** 53 - 1, nested: { n: 1 } });
    await document.update({
      n: FieldValue.increment(2),
      text: FieldValue.increment(1.5),
      'nested.n': FieldValue.increment(0.5),
      missing: FieldValue.increment(-1),
      list: FieldValue.arrayUnion('b', 'a', 1, 'b'),
      other: FieldValue.arrayUnion('c'),
      at: FieldValue.serverTimestamp(),
      'nested.at': FieldValue.serverTimestamp(),
    });
    const read = (await document.get()).data() ?? {};
    expect(read).toMatchObject({ n: 3, text: 1.5, missing: -1, list: ['a', 1, 'b'], other: ['c'], nested: { n: 1.5 } });
    expect(read['at'].toMillis()).toBeGreaterThanOrEqual(before - 1_000);
    expect(read['at'].nanoseconds % 1_000_000).toBe(0);
    expect(read['nested'].at).toEqual(read['at']);
    await document.update({ n: FieldValue.arrayUnion('replaced') });
    expect((await document.get()).get('n')).toEqual(['replaced']);
  });

  test('integers saturate, and a double makes a sum a double', async () => {
    const { client, database, documents } = connectRaw(backend.host);
    const document = `${documents}/a/b`;
    const fields = { top: { integerValue: '9223372036854775806' }, n: { integerValue: 5 } };
    const transforms = [
      { fieldPath: 'top', increment: { integerValue: 5 } },
      { fieldPath: 'n', increment: { doubleValue: -0.5 } },
      { fieldPath: 'n', increment: { integerValue: 1 } },
    ];
    const [{ writeResults }] = await client.commit({
      database,
      writes: [{ update: { name: document, fields }, updateTransforms: transforms }],
    });
    expect(writeResults?.[0]?.transformResults?.map((value) => value.integerValue ?? value.doubleValue)).toEqual([
      '9223372036854775807',
      4.5,
      5.5,
    ]);
  });

  test('preconditions: exists and update time', async () => {
    const firestore = connect(backend.host);
    const document = firestore.doc('a/b');
    const missing = firestore.doc('a/missing');
    const { writeTime } = await document.create({ n: 1 });
    expect(await statusOf(document.create({ n: 2 }))).toBe('ALREADY_EXISTS');
    expect(await statusOf(missing.update({ n: 1 }))).toBe('NOT_FOUND');
    expect(await statusOf(missing.delete({ exists: true }))).toBe('NOT_FOUND');
    expect(await statusOf(missing.delete())).toBe('OK');
    expect(await statusOf(missing.update({ n: 1 }, { lastUpdateTime: writeTime }))).toBe('FAILED_PRECONDITION');
    await document.update({ n: 2 }, { lastUpdateTime: writeTime });
    expect(await statusOf(document.update({ n: 3 }, { lastUpdateTime: writeTime }))).toBe('FAILED_PRECONDITION');
    expect(await statusOf(document.delete({ lastUpdateTime: writeTime }))).toBe('FAILED_PRECONDITION');
    expect((await document.get()).data()).toEqual({ n: 2 });
  });

  test('a batch is applied in its order and as a whole, or not at all', async () => {
    const firestore = connect(backend.host);
    const [one, two, taken] = [firestore.doc('a/one'), firestore.doc('a/two'), firestore.doc('a/taken')];
    await one.set({ n: 1 });
    await taken.set({});
    const failing = firestore.batch().set(two, { n: 1 }).update(one, { n: 2 }).create(taken, { n: 3 });
    expect(await statusOf(failing.commit())).toBe('ALREADY_EXISTS');
    expect([(await one.get()).data(), (await two.get()).exists]).toEqual([{ n: 1 }, false]);
    const batch = firestore.batch().create(two, { n: 1 }).update(two, { m: 2 }).delete(one).set(one, { again: true });
    const results = await batch.commit();
    expect(new Set(results.map(({ writeTime }) => writeTime.valueOf())).size).toBe(1);
    const [readOne, readTwo] = await firestore.getAll(one, two);
    expect([readOne?.data(), readTwo?.data()]).toEqual([{ again: true }, { n: 1, m: 2 }]);
    expect(readOne?.updateTime).toEqual(readTwo?.updateTime);
  });

  test('times rise strictly with every write, and a read is at or after what it returns', async () => {
    const firestore = connect(backend.host);
    const documents = Array.from({ length: 50 }, (_, index) => firestore.doc(`a/${index}`));
    const times = await Promise.all(documents.map(async (document) => (await document.set({ n: 1 })).writeTime));
    expect(new Set(times.map((time) => time.valueOf())).size).toBe(50);
    expect(times.every(({ nanoseconds }) => nanoseconds % 1_000 === 0)).toBe(true);
    const created = await documents[0]?.get();
    await documents[0]?.update({ n: 2 });
    const updated = await documents[0]?.get();
    const micros = (time: Timestamp | undefined) => (time?.seconds ?? 0) * 1e6 + (time?.nanoseconds ?? 0) / 1e3;
    expect(updated?.createTime).toEqual(created?.updateTime);
    expect(micros(updated?.updateTime)).toBeGreaterThan(micros(created?.readTime));
    expect(micros(updated?.readTime)).toBeGreaterThanOrEqual(micros(updated?.updateTime));
  });

  test('a batch that creates a document after it has written it', async () => {
    const firestore = connect(backend.host);
    const document = firestore.doc('a/b');
    const batch = firestore.batch().set(document, { n: 1 }).create(document, { n: 2 });
    expect(await statusOf(batch.commit())).toBe(backend.isEmbedded ? 'ALREADY_EXISTS' : 'INVALID_ARGUMENT');
    expect((await document.get()).exists).toBe(false);
  });

  test('a commit that names a document of another database', async () => {
    const { client, database } = connectRaw(backend.host);
    const name = `projects/${newProjectId()}/databases/(default)/documents/a/b`;
    const commit = client.commit({ database, writes: [{ update: { name } }] }, { retry: null });
    expect(await statusOf(commit)).toBe(backend.isEmbedded ? 'INVALID_ARGUMENT' : 'OK');
  });

  test('of simultaneous creates exactly one succeeds', async () => {
    const document = connect(backend.host).doc('a/b');
    const creates = Array.from({ length: 50 }, async (_, n) => await statusOf(document.create({ n })));
    const statuses = await Promise.all(creates);
    expect(statuses.filter((status) => status === 'OK')).toHaveLength(1);
    expect(statuses.filter((status) => status === 'ALREADY_EXISTS')).toHaveLength(49);
  });

  test('a write that changes nothing keeps the update time', async () => {
    const document = connect(backend.host).doc('a/b');
    const { writeTime } = await document.set({ n: 1, map: { x: [1] } });
    expect((await document.set({ n: 1, map: { x: [1] } })).writeTime).toEqual(writeTime);
    await document.update({ 'map.x': [1] }, { lastUpdateTime: writeTime });
    const { writeTime: later } = await document.set({ n: 1.5, map: { x: [1] } });
    expect(later.valueOf() > writeTime.valueOf()).toBe(true);
  });

  test('a bulk writer reports each write for itself', async () => {
    const firestore = connect(backend.host);
    await firestore.doc('a/taken').set({});
    const writer = firestore.bulkWriter();
    writer.onWriteError(() => false);
    const outcomes = [writer.create(firestore.doc('a/taken'), {}), writer.create(firestore.doc('a/free'), { n: 1 })];
    await writer.close();
    expect(await Promise.all(outcomes.map(statusOf))).toEqual(['ALREADY_EXISTS', 'OK']);
    expect((await firestore.doc('a/free').get()).data()).toEqual({ n: 1 });
  });

  test('a batch has no limit of 500 writes', async () => {
    const firestore = connect(backend.host);
    const batch = firestore.batch();
    for (let index = 0; index < 501; index += 1) batch.set(firestore.doc(`a/${index}`), {});
    expect(await batch.commit()).toHaveLength(501);
  });

  test('projects and databases are kept apart', async () => {
    const projectId = newProjectId();
    const databases = [
      connect(backend.host, { projectId }),
      connect(backend.host, { projectId, databaseId: 'second' }),
      connect(backend.host),
    ];
    await databases[0]?.doc('a/b').set({});
    const found = await Promise.all(databases.map(async (database) => (await database.doc('a/b').get()).exists));
    expect(found).toEqual([true, false, false]);
  });

  test('lists pages', async () => {
    const { client, database, documents } = connectRaw(backend.host);
    const ids = ['a', 'b', 'c'];
    await client.commit({ database, writes: ids.map((id) => ({ update: { name: `${documents}/col/${id}` } })) });
    const listed: unknown[] = [];
    const pages = client.listDocumentsAsync({ parent: documents, collectionId: 'col', pageSize: 2 });
    for await (const document of pages) listed.push(document.name);
    expect(listed).toEqual(ids.map((id) => `${documents}/col/${id}`));
  });
});
