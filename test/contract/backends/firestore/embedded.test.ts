import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Timestamp } from '@google-cloud/firestore';
import { v1 } from '@google-cloud/firestore';
import { grpc } from 'google-gax';
import { expect, onTestFinished, test } from 'vitest';
import { startFirestore, Store } from '../../../../local/backends/firestore/index.ts';
import { connect, statusOf } from './support.ts';

const INDEXES = join(import.meta.dirname, '../../../../firestore.indexes.json');

async function start(options: Parameters<typeof startFirestore>[0] = {}) {
  const server = await startFirestore(options);
  onTestFinished(async () => await server.stop());
  return server;
}

test('a query without its composite index is refused, unlike in the official emulator', async () => {
  const { host } = await start({ indexes: INDEXES });
  const jobs = connect(host).collection('jobs');
  expect(await statusOf(jobs.where('state', '==', 'running').orderBy('updatedAt', 'desc').get())).toBe('OK');
  const missing = jobs.where('fileName', '==', 'files/a').orderBy('createdAt', 'desc').get();
  await expect(missing).rejects.toMatchObject({
    code: grpc.status.FAILED_PRECONDITION,
    message: expect.stringContaining('index'),
  });
  expect(await statusOf(jobs.where('timeline', '==', 'exempted').get())).toBe('FAILED_PRECONDITION');
});

test('a restart keeps every document with its times', async () => {
  const store = new Store();
  const first = await startFirestore({ store });
  const { writeTime } = await connect(first.host, 'demo-restart').doc('kept/one').create({ n: 1 });
  await first.stop();
  const { host } = await start({ store, port: first.port });
  const snapshot = await connect(host, 'demo-restart').doc('kept/one').get();
  expect([snapshot.get('n'), snapshot.updateTime]).toEqual([1, writeTime]);
});

test('a read at a past time returns that version; one before the history is refused', async () => {
  const { host } = await start();
  const firestore = connect(host);
  const document = firestore.doc('past/one');
  const { writeTime } = await document.set({ n: 1 });
  await document.set({ n: 2 });
  const read = async (readTime: Timestamp) =>
    await firestore.runTransaction(async (transaction) => await transaction.get(document), {
      readOnly: true,
      readTime,
    });
  expect((await read(writeTime)).get('n')).toBe(1);
  expect(await statusOf(read(new Timestamp(1, 0)))).toBe('FAILED_PRECONDITION');
});

test('a method that is not there answers UNIMPLEMENTED with its name', async () => {
  const { port } = await start();
  const client = new v1.FirestoreClient({
    servicePath: '127.0.0.1',
    port,
    sslCreds: grpc.credentials.createInsecure(),
    projectId: 'demo-none',
  });
  onTestFinished(async () => await client.close());
  const name = 'projects/demo-none/databases/(default)/documents/a/b';
  await expect(client.getDocument({ name })).rejects.toMatchObject({
    code: grpc.status.UNIMPLEMENTED,
    message: expect.stringContaining('GetDocument'),
  });
});

test('it listens on the loopback interface alone', async () => {
  const { port } = await start();
  const outside = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4');
  const socket = connectSocket({ host: outside?.address ?? '0.0.0.1', port });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(['ECONNREFUSED', 'EINVAL', 'ENETUNREACH', 'EHOSTUNREACH', 'ETIMEDOUT']).toContain(error.code);
});

test('a taken port is an error', async () => {
  const { port } = await start();
  await expect(startFirestore({ port })).rejects.toThrow(/EADDRINUSE|bind/);
});
