import { FieldValue, GeoPoint, Timestamp } from '@google-cloud/firestore';
import { describe, expect, test } from 'vitest';
import { connect, connectRaw, newProjectId, statusOf, describeBackends } from './support.ts';

/** A test whose result depends on the backend names both results; docs/local.md lists the differences. */
describeBackends('Firestore writes', (backend) => {
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

  test('lists collections, and documents that exist as parents only', async () => {
    const firestore = connect(backend.host);
    await firestore.doc('a/real').set({ n: 1 });
    await firestore.doc('a/gone').set({});
    await firestore.doc('a/gone').delete();
    await firestore.doc('a/parent/sub/x/deep/y').set({});
    const paths = (references: readonly { path: string }[]) => references.map(({ path }) => path);
    expect(paths(await firestore.listCollections())).toEqual(['a']);
    expect(paths(await firestore.collection('a').listDocuments())).toEqual(['a/parent', 'a/real']);
    expect(paths(await firestore.doc('a/parent').listCollections())).toEqual(['a/parent/sub']);
    expect(paths(await firestore.collection('a/parent/sub').listDocuments())).toEqual(['a/parent/sub/x']);
    await firestore.batch().delete(firestore.doc('a/real')).delete(firestore.doc('a/parent/sub/x/deep/y')).commit();
    expect(await firestore.listCollections()).toEqual([]);
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

  describe('limits', () => {
    const nested = (levels: number): object =>
      levels === 0 ? { integerValue: 1 } : { mapValue: { fields: { m: nested(levels - 1) } } };
    const list = (...values: object[]) => ({ arrayValue: { values } });
    const text = (length: number) => ({ stringValue: 'x'.repeat(length) });

    test.each([
      ['document over 1 MiB', 'a/b', { s: text(700_000), t: text(400_000) }, /maximum entity size is 1048576 bytes/],
      ['value over 1,048,487 bytes', 'a/b', { s: text(1_048_488) }, /longer than 1048487 bytes/],
      ['more than 20 levels', 'a/b', { m: nested(21) }, /Property m contains an invalid nested entity/],
      ['value without a type', 'a/b', { x: {} }, /./],
      ['timestamp after the year 9999', 'a/b', { t: { timestampValue: { seconds: 253_402_300_800 } } }, /imestamp/],
      ['array in an array', 'a/b', { l: list(list()) }, /Cannot convert an array value in an array value/],
      ['reserved field name', 'a/b', { __x__: text(1) }, /field name '?__x__'? is reserved/],
      ['reserved name in a map', 'a/b', { m: { mapValue: { fields: { __x__: text(1) } } } }, /is reserved/],
      ['empty field name', 'a/b', { '': text(1) }, /property.name is the empty string/],
      ['field name over 1,500 bytes', 'a/b', { ['é'.repeat(751)]: text(1) }, /longer than 1500 bytes/],
      ['id "."', 'a/.', {}, /contains a resource id "."/],
      ['id ".."', 'a/..', {}, /contains a resource id ".."/],
      ['reserved id', 'a/__x__', {}, /Resource id "__x__" is invalid because it is reserved/],
      ['reserved collection', '__x__/a', {}, /Collection id "__x__" is invalid because it is reserved/],
      ['id over 1,500 bytes', `a/${'é'.repeat(751)}`, {}, /key path element name is longer than 1500 bytes/],
      ['empty id', 'a/', {}, /has invalid trailing "\/"/],
      ['collection as a document', 'a/b/c', {}, /lacks "\/"/],
    ])('refuses: %s', async (_name, path, fields, message) => {
      const { client, database, documents } = connectRaw(backend.host);
      const commit = client.commit({ database, writes: [{ update: { name: `${documents}/${path}`, fields } }] });
      await expect(commit).rejects.toMatchObject({ code: 3, details: expect.stringMatching(message) });
    });

    test.each<[string, object]>([
      ['empty write', {}],
      ['mask with an invalid path', { update: {}, updateMask: { fieldPaths: ['a..b'] } }],
      ['transform without a type', { update: {}, updateTransforms: [{ fieldPath: 'n' }] }],
      [
        'increment by a string',
        { update: {}, updateTransforms: [{ fieldPath: 'n', increment: { stringValue: 'a' } }] },
      ],
    ])('refuses: %s', async (_name, write) => {
      const { client, database, documents } = connectRaw(backend.host);
      const named = 'update' in write ? { ...write, update: { name: `${documents}/a/b` } } : write;
      expect(await statusOf(client.commit({ database, writes: [named] }))).toBe('INVALID_ARGUMENT');
      expect(await statusOf(client.commit({ database: 'none', writes: [] }))).toBe('INVALID_ARGUMENT');
    });

    test.each([
      ['20 levels', 'a/b', { m: nested(20) }],
      ['array in a map in an array', 'a/b', { l: list({ mapValue: { fields: { l: list() } } }) }],
      ['value of 1,048,487 bytes', 'a/b', { s: text(1_048_487) }],
      ['id of 1,500 bytes', `a/${'é'.repeat(750)}`, {}],
      ['id "__id7__"', 'a/__id7__', {}],
      ['field name with dots', 'a/b', { 'x.y': text(1) }],
    ])('accepts: %s', async (_name, path, fields) => {
      const { client, database, documents } = connectRaw(backend.host);
      const writes = [{ update: { name: `${documents}/${path}`, fields } }];
      expect(await statusOf(client.commit({ database, writes }))).toBe('OK');
    });

    test('a document of exactly 1 MiB fits, one byte more does not', async () => {
      const firestore = connect(backend.host);
      // 16 + "a/b" (2 + 2) for the name, 32 for the document, 2 for each field's name and 1 for each string.
      const data = (bytes: number) => ({
        s: 'x'.repeat(700_000),
        t: 'x'.repeat(bytes - 700_000 - 16 - 4 - 32 - 4 - 2),
      });
      expect(await statusOf(firestore.doc('a/b').set(data(1_048_576)))).toBe('OK');
      expect(await statusOf(firestore.doc('a/b').set(data(1_048_577)))).toBe('INVALID_ARGUMENT');
    });

    test('a request over 4 MiB', async () => {
      const { client, database, documents } = connectRaw(backend.host);
      const writes = Array.from({ length: 5 }, (_, index) => ({
        update: { name: `${documents}/a/${index}`, fields: { s: text(1_000_000) } },
      }));
      const commit = client.commit({ database, writes }, { retry: null });
      expect(await statusOf(commit)).toBe(backend.isEmbedded ? 'OK' : 'RESOURCE_EXHAUSTED');
    });
  });
});
