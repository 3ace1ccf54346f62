import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type RunningFunction, startFunction } from '../../local/functions.ts';
import { LocalProject } from '../../local/project.ts';
import { newSecret, signV1 } from '../../simulator/signing.ts';

const SECRET = newSecret();
const REQUESTS = 40;
const DELAYS_MILLIS = [5, 20, 40, 80];

interface Answer {
  /** The HTTP status, or the connection's error. */
  readonly outcome: number | string;
  readonly connection: string | undefined;
  readonly isJson: boolean;
}

function delivery() {
  const id = `msg_${randomUUID()}`;
  const body = '{"type":"webhook.ping","timestamp":"2026-05-28T20:26:40Z"}';
  const timestampSeconds = Math.floor(Date.now() / 1_000);
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signV1(SECRET, { id, timestampSeconds, body }),
    'content-length': String(body.length),
  };
  return { headers, body };
}

async function send({ url }: RunningFunction, agent?: Agent): Promise<Answer> {
  const { headers, body } = delivery();
  const sent = request(url, { method: 'POST', headers, ...(agent ? { agent } : {}) });
  sent.end(body);
  try {
    const [response] = await once(sent, 'response');
    const chunks: Buffer[] = await response.toArray();
    const isJson = Buffer.concat(chunks).toString().startsWith('{');
    return { outcome: response.statusCode, connection: response.headers.connection, isJson };
  } catch (error) {
    return { outcome: String(error), connection: undefined, isJson: false };
  }
}

async function withCallback(work: (instance: RunningFunction) => Promise<void>): Promise<void> {
  const project = await LocalProject.create();
  const instance = await startFunction('geminiCallback', { ...project.env, WEBHOOK_SIGNING_SECRET: SECRET });
  try {
    await send(instance);
    await work(instance);
  } finally {
    await instance.end('SIGKILL');
    await project.close();
  }
}

const all = (outcome: number | string) => Array.from({ length: REQUESTS }, () => outcome);

describe('on SIGTERM', () => {
  test.for(DELAYS_MILLIS)(`${REQUESTS} requests that were sent %i ms before are answered`, async (delay) => {
    await withCallback(async (instance) => {
      const answers = Promise.all(Array.from({ length: REQUESTS }, async () => await send(instance)));
      await sleep(delay);
      const ended = instance.end('SIGTERM');
      const outcomes = (await answers).map(({ outcome }) => outcome);
      expect(outcomes).toEqual(all(200));
      expect(await ended).toBe(0);
    });
  });

  test.for([0, ...DELAYS_MILLIS])(
    'requests on kept-alive connections %i ms after are answered, and close the connections',
    async (delay) => {
      await withCallback(async (instance) => {
        const agent = new Agent({ keepAlive: true, maxSockets: REQUESTS });
        const first = await Promise.all(Array.from({ length: REQUESTS }, async () => await send(instance, agent)));
        expect(new Set(first.map(({ connection }) => connection))).toEqual(new Set(['keep-alive']));
        const ended = instance.end('SIGTERM');
        await sleep(delay);
        const second = await Promise.all(Array.from({ length: REQUESTS }, async () => await send(instance, agent)));
        expect(second.map(({ outcome }) => outcome)).toEqual(all(200));
        expect(second.every(({ isJson }) => isJson)).toBe(true);
        // At 0 ms the signal may still be on its way.
        const expected = delay > 0 ? new Set(['close']) : new Set(second.map(({ connection }) => connection));
        expect(new Set(second.map(({ connection }) => connection))).toEqual(expected);
        expect(await ended).toBe(0);
        agent.destroy();
      });
    },
  );

  test('a connection that sends at the moment of its closing gets an answer or the end of the stream, never a reset', async () => {
    await withCallback(async (instance) => {
      const { hostname, port } = new URL(instance.url);
      const ended = instance.end('SIGTERM');
      const outcomes = await Promise.all(
        Array.from({ length: REQUESTS }, async (_, n) => {
          const socket = connect(Number(port), hostname);
          await once(socket, 'connect');
          const { headers, body } = delivery();
          const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
          await sleep(200 + n * 4);
          if (socket.readableEnded || !socket.writable) return 'closed before';
          socket.write(`POST / HTTP/1.1\r\nhost: test\r\n${lines.join('')}\r\n${body}`);
          return await textOf(socket);
        }),
      );
      for (const outcome of outcomes)
        expect(outcome).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close|^closed before$|^$/i);
      expect(outcomes.filter((outcome) => outcome.startsWith('HTTP/1.1 200'))).not.toEqual([]);
      expect(await ended).toBe(0);
    });
  });

  test('all pipelined requests are answered, and the last response alone closes the connection', async () => {
    await withCallback(async (instance) => {
      const { hostname, port } = new URL(instance.url);
      const socket = connect(Number(port), hostname);
      await once(socket, 'connect');
      const texts = [1, 2, 3].map(() => {
        const { headers, body } = delivery();
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
        return `POST / HTTP/1.1\r\nhost: test\r\n${lines.join('')}\r\n${body}`;
      });
      socket.write(texts.join(''));
      const ended = instance.end('SIGTERM');
      const text = await textOf(socket);
      expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
      expect(text.match(/connection: close/gi)).toHaveLength(1);
      expect(await ended).toBe(0);
    });
  });

  test('signal handlers of others run as well', async () => {
    const project = await LocalProject.create();
    const handler = "process.on('SIGTERM',()=>console.log('another-handler'))";
    const NODE_OPTIONS = `--import=data:text/javascript,${handler}`;
    const instance = await startFunction('geminiCallback', {
      ...project.env,
      WEBHOOK_SIGNING_SECRET: SECRET,
      NODE_OPTIONS,
    });
    expect(await instance.end('SIGTERM')).toBe(0);
    expect(instance.output()).toContain('another-handler');
    await project.close();
  });

  test('a request that cannot be finished in time gets a 503, with an entry in the log', async () => {
    const project = await LocalProject.create();
    const silence = createServer(() => {});
    await once(silence.listen(0, '127.0.0.1'), 'listening');
    const instance = await startFunction('submitJob', {
      ...project.env,
      GEMINI_API_KEY: 'a-key-of-a-test',
      GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${(silence.address() as AddressInfo).port}`,
      CALLBACK_URL: 'https://hooks.example.test/',
      DYNAMIC_ROUTE_KEY: 'route-key-of-a-test-with-32-characters',
    });
    const body = JSON.stringify({ kind: 'interaction', route: 'r', request: { model: 'm', input: 'x' } });
    const answer = fetch(instance.url, { method: 'POST', body });
    await once(silence, 'request');
    const ended = instance.end('SIGTERM');
    const response = await answer;
    expect([response.status, response.headers.get('connection')]).toEqual([503, 'close']);
    expect(await response.json()).toMatchObject({ error: { status: 'UNAVAILABLE' } });
    expect(await ended).toBe(0);
    const failures = instance.log.filter(({ event }) => event === 'request_abandoned' || event === 'request_failed');
    expect(failures.map(({ event }) => event)).toEqual(['request_abandoned']);
    silence.closeAllConnections();
    silence.close();
    await project.close();
  });
});

async function textOf(socket: ReturnType<typeof connect>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
