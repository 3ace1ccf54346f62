import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DocumentSnapshot, FieldPath, FieldValue, Filter } from '@google-cloud/firestore';
import { expect, onTestFinished, test } from 'vitest';
import { startFirestore, Store } from '../../../../local/backends/firestore/index.ts';
import { newestOf, NEWEST, QUERIES, queryOf } from '../../../../functions/store/queries.ts';
import { newProjectId, statusOf } from '../support.ts';
import { callStream, connect, connectRaw, idsOf, type Raw } from './support.ts';

const INDEXES = join(import.meta.dirname, '../../../../firestore.indexes.json');

async function start(options: Parameters<typeof startFirestore>[0] = {}) {
  const server = await startFirestore(options);
  onTestFinished(() => server.stop());
  return server;
}

test('refuses the queries whose index is not in firestore.indexes.json, and runs the project’s own', async () => {
  const { host } = await start({ indexes: INDEXES });
  const firestore = connect(host);
  const jobs = firestore.collection('jobs');
  const parent = `projects/${newProjectId()}/databases/(default)/documents`;
  const structuredQuery = {
    from: [{ collectionId: 'jobs' }],
    where: { fieldFilter: { field: { fieldPath: 'state' }, op: 'EQUAL', value: { stringValue: 'running' } } },
    orderBy: [{ field: { fieldPath: 'expireAt' }, direction: 'DESCENDING' }],
  };
  await expect(callStream(host, 'RunQuery', { parent, structuredQuery })).rejects.toMatchObject({
    code: 9,
    details:
      'The query requires an index. Add it to firestore.indexes.json: {"collectionGroup":"jobs","queryScope":"COLLECTION",' +
      '"fields":[{"fieldPath":"state","order":"ASCENDING"},{"fieldPath":"expireAt","order":"DESCENDING"}]}',
  });
  const page = { before: new Date(), after: undefined, limit: 1 };
  const own = [
    ...Object.values(QUERIES).map((shape) => queryOf(firestore, shape, page)),
    newestOf(firestore, NEWEST.jobs, { state: 'running', kind: 'batch' }, new Date()),
    jobs.where('state', 'in', ['running']).select('state'),
  ];
  expect(await Promise.all(own.map(async (query) => await statusOf(query.get())))).toEqual(own.map(() => 'OK'));
});

test('a listener of a query without its index fails with the same error', async () => {
  const { host } = await start({ indexes: INDEXES });
  const query = connect(host).collection('jobs').where('state', '==', 'x').orderBy('expireAt');
  const error = await new Promise((_resolve, reject) => {
    onTestFinished(query.onSnapshot(() => reject(new Error('a snapshot')), reject));
  }).catch((reason: unknown) => reason);
  expect(String(error)).toContain('The query requires an index');
});

test('without a file of indexes every query runs', async () => {
  const { host } = await start();
  const collection = connect(host).collection('a');
  const query = collection.where(Filter.or(Filter.where('a', '>', 1), Filter.where('b', '==', 2))).orderBy('c');
  expect(await idsOf(query)).toEqual([]);
});

test('a restart keeps all documents with their versions, and a listener continues', async () => {
  const store = new Store();
  const first = await startFirestore({ store });
  const projectId = newProjectId();
  const firestore = connect(first.host, { projectId });
  const [kept, removed] = [firestore.doc('a/kept'), firestore.doc('a/removed')];
  const { writeTime } = await kept.set({ n: 1 });
  await removed.set({});
  const seen: string[][] = [];
  onTestFinished(firestore.collection('a').onSnapshot(({ docs }) => void seen.push(docs.map(({ id }) => id))));
  await expect.poll(() => seen).toEqual([['kept', 'removed']]);

  await first.stop();
  const silent = await startFirestore({ store });
  await connect(silent.host, { projectId }).doc('a/removed').delete();
  await silent.stop();
  await start({ port: first.port, store });

  await expect.poll(() => seen, { timeout: 20_000 }).toEqual([['kept', 'removed'], ['kept']]);
  await kept.update({ n: 2 }, { lastUpdateTime: writeTime });
  expect((await kept.get()).data()).toEqual({ n: 2 });
});

test('writes during restarts are kept or fail, and none is applied twice', async () => {
  const store = new Store();
  let server = await startFirestore({ store });
  onTestFinished(() => server.stop());
  const document = connect(server.host).doc('a/b');
  await document.set({ n: 0 });
  let written = 0;
  const over = new AbortController();
  const writing = (async () => {
    while (!over.signal.aborted) {
      const { updateTime } = await document.get();
      const write = document.update({ n: FieldValue.increment(1) }, updateTime ? { lastUpdateTime: updateTime } : {});
      if ((await statusOf(write)) === 'OK') written += 1;
    }
  })();
  for (let restarts = 0; restarts < 3; restarts += 1) {
    await sleep(50);
    await server.stop();
    server = await startFirestore({ port: server.port, store });
  }
  over.abort();
  await writing;
  // A write whose answer was lost with the connection counts, though its client received an error.
  const n = Number((await document.get()).get('n'));
  expect(n - written).toBeGreaterThanOrEqual(0);
  expect(n - written).toBeLessThanOrEqual(3);
  expect(written).toBeGreaterThan(0);
});

const VECTOR = { mapValue: { fields: { __type__: { stringValue: '__vector__' } } } };
const REMOVAL = { fieldPath: 'tags', removeAllFromArray: { values: [] } };

test.each<[string, (raw: Raw) => Promise<unknown>, string]>([
  ['method', ({ client, documents }) => client.getDocument({ name: `${documents}/a/b` }), 'Firestore/GetDocument'],
  ['write', (raw) => commit(raw, { transform: { document: `${raw.documents}/a/b` } }), 'transform'],
  ['vector', (raw) => commit(raw, updateOf(raw, { v: VECTOR })), 'vector values'],
  ['transform', (raw) => commit(raw, { ...updateOf(raw), updateTransforms: [REMOVAL] }), 'removeAllFromArray of tags'],
  [
    'past read',
    ({ client, database }) =>
      client.beginTransaction({ database, options: { readOnly: { readTime: { seconds: 1 } } } }),
    'reads at a past time',
  ],
])('names the %s that it does not implement', async (_name, call, named) => {
  const { host } = await start();
  await expect(call(connectRaw(host))).rejects.toMatchObject({ code: 12, details: expect.stringContaining(named) });
});

function updateOf({ documents }: Raw, fields: object = {}): object {
  return { update: { name: `${documents}/a/b`, fields } };
}

async function commit({ client, database }: Raw, write: object): Promise<unknown> {
  return await client.commit({ database, writes: [write] });
}

test('a commit over 10 MiB is refused at once', async () => {
  const { host } = await start();
  const firestore = connect(host);
  const batch = firestore.batch();
  for (let index = 0; index < 11; index += 1) batch.set(firestore.doc(`a/${index}`), { s: 'x'.repeat(1_000_000) });
  expect(await statusOf(batch.commit())).toBe('INVALID_ARGUMENT');
});

test('a document named by a listener is read once it appears, in a database of another name', async () => {
  const { host } = await start();
  const firestore = connect(host, { databaseId: 'second' });
  const seen: boolean[] = [];
  onTestFinished(firestore.doc('a/b').onSnapshot(({ exists }: DocumentSnapshot) => void seen.push(exists)));
  await expect.poll(() => seen).toEqual([false]);
  await firestore.doc('a/b').set({});
  await expect.poll(() => seen).toEqual([false, true]);
  expect(await idsOf(firestore.collection('a').where(FieldPath.documentId(), '==', 'b'))).toEqual(['b']);
});
