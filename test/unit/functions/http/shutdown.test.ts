import { once } from 'node:events';
import { Agent, get, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Connections } from '../../../../functions/http/connections.ts';
import { drain } from '../../../../functions/http/shutdown.ts';
import { serveHttpInTest } from '../../../support/server.ts';

async function serve(listener: RequestListener) {
  const { server, port } = await serveHttpInTest(listener);
  return { server, connections: new Connections(server), port };
}

async function answerOf(port: number, agent: Agent) {
  const [response] = await once(get({ port, agent }), 'response');
  await response.toArray();
  return { status: response.statusCode as number, connection: response.headers.connection as string };
}

test('a slow response that began before the shutdown closes its connection, and the server waits for it', async () => {
  const { server, connections, port } = await serve((_request, response) => void setTimeout(() => response.end(), 500));
  const agent = new Agent({ keepAlive: true });
  const answer = answerOf(port, agent);
  await sleep(50);
  const startedAt = performance.now();
  const drained = drain(server, connections);
  expect(await answer).toEqual({ status: 200, connection: 'close' });
  await drained;
  expect(performance.now() - startedAt).toBeGreaterThan(400);
  agent.destroy();
});

test('an idle connection does not hold up the end, and sees the end of the stream', async () => {
  const { server, connections, port } = await serve((_request, response) => response.end());
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: test\r\n\r\n');
  const errors: unknown[] = [];
  socket.on('error', (error) => errors.push(error)).resume();
  await sleep(50);
  const ended = once(socket, 'end');
  const startedAt = performance.now();
  await drain(server, connections);
  await ended;
  expect(performance.now() - startedAt).toBeLessThan(900);
  expect(errors).toEqual([]);
});

test('a request whose headers arrive in pieces is answered', async () => {
  const { server, connections, port } = await serve((_request, response) => response.end('done'));
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\n');
  await sleep(50);
  const drained = drain(server, connections);
  await sleep(1_300);
  socket.write('host: test\r\n\r\n');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close[^]*done/i);
  await drained;
});

test('new connections are accepted while they keep arriving', async () => {
  const { server, connections, port } = await serve((_request, response) => response.end());
  const drained = drain(server, connections);
  const statuses = [];
  for (let n = 0; n < 40; n += 1) {
    await sleep(10);
    statuses.push((await answerOf(port, new Agent())).status);
  }
  expect(statuses).toEqual(Array.from({ length: 40 }, () => 200));
  await drained;
  expect(server.listening).toBe(false);
});
