import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { PublisherClient } from '../../../../functions/messaging/generatedPublisherClient.ts';
import { GrpcService } from '../../../../functions/runtime/grpcService.ts';

test('a service that is opened connects before its first call', async () => {
  const server = createServer((socket) => void socket.on('error', () => {})).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const service = new GrpcService(PublisherClient, { projectId: 'demo', emulator: `127.0.0.1:${port}` });
  const connected = once(server, 'connection');
  await service.open();
  expect(await connected).toHaveLength(1);
  await service.close();
});

test('a service that cannot be opened fails at its first call', async () => {
  const service = new GrpcService(PublisherClient, { projectId: 'demo', emulator: 'no host' });
  await service.open();
  await expect(service.connect()).rejects.toThrow('Invalid URL');
});
