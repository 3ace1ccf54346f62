import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { startFirestore } from '../../../local/backends/firestore/index.ts';
import { startPubsub } from '../../../local/backends/pubsub/index.ts';

const SERVERS = [
  ['Firestore', startFirestore],
  ['Pub/Sub', startPubsub],
] as const;

test.each(SERVERS)('the embedded %s listens on the loopback interface only', async (_name, start) => {
  const server = await start();
  onTestFinished(() => server.stop());
  const { port, host } = server;
  expect(host).toBe(`127.0.0.1:${port}`);
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  for (const { address } of addresses.filter(({ internal, family }) => !internal && family === 'IPv4')) {
    const socket = connect({ host: address, port });
    await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  }
});

test.each(SERVERS)('a port in use is an error of the embedded %s', async (_name, start) => {
  const server = await start();
  onTestFinished(() => server.stop());
  await expect(start({ port: server.port })).rejects.toThrow(/EADDRINUSE/);
});
