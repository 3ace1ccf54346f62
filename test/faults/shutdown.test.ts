import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test as base } from 'vitest';
import { type RunningFunction, startFunction } from '../../local/functions.ts';
import { eventually } from '../../local/process.ts';
import { LocalProject } from '../../local/project.ts';
import { newSecret, signV1 } from '../../simulator/signing.ts';
import { serveSilentHttp } from '../support/server.ts';
import { expectPublishedOnce, PUBLISHED, test as testWithWorld } from './support.ts';

const SECRET = newSecret();
const REQUESTS = 40;

/** A test with a project, and a warm instance where the test names one. */
const test = base
  .extend('project', async ({ onTestFinished }) => {
    const project = await LocalProject.create();
    onTestFinished(async () => await project.close());
    return project;
  })
  .extend('instance', async ({ project, onTestFinished }) => {
    const instance = await startFunction('geminiCallback', { ...project.env, WEBHOOK_SIGNING_SECRET: SECRET });
    onTestFinished(async () => void (await instance.end('SIGKILL')));
    await send(instance);
    return instance;
  });

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

/** Returns the delivery as the bytes of a request. */
function rawDelivery(): string {
  const { headers, body } = delivery();
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST / HTTP/1.1\r\nhost: test\r\n${lines.join('')}\r\n${body}`;
}

interface Answer {
  /** The HTTP status, or the connection's error. */
  readonly outcome: number | string;
  readonly connection?: string | undefined;
}

async function send({ url }: RunningFunction, agent?: Agent): Promise<Answer> {
  const { headers, body } = delivery();
  const sent = request(url, { method: 'POST', headers, ...(agent ? { agent } : {}) });
  sent.end(body);
  try {
    const [response] = await once(sent, 'response');
    if (!(await text(response)).startsWith('{')) return { outcome: 'a response that is not JSON' };
    return { outcome: response.statusCode, connection: response.headers.connection };
  } catch (error) {
    return { outcome: String(error) };
  }
}

async function sendMany(instance: RunningFunction, agent?: Agent): Promise<readonly Answer[]> {
  return await Promise.all(Array.from({ length: REQUESTS }, async () => await send(instance, agent)));
}

async function open({ url }: RunningFunction) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket;
}

const outcomesOf = (answers: readonly Answer[]) => new Set(answers.map(({ outcome }) => outcome));
const connectionsOf = (answers: readonly Answer[]) => new Set(answers.map(({ connection }) => connection));

describe('on SIGTERM', () => {
  test.for([5, 20, 80])(
    `${REQUESTS} requests that were sent %i ms before are answered`,
    async (delay, { instance }) => {
      const answers = sendMany(instance);
      await sleep(delay);
      const ended = instance.end('SIGTERM');
      expect(outcomesOf(await answers)).toEqual(new Set([200]));
      expect(await ended).toBe(0);
    },
  );

  test.for([0, 5, 40])(
    'requests on kept-alive connections %i ms after are answered, and close the connections',
    async (delay, { instance }) => {
      const agent = new Agent({ keepAlive: true, maxSockets: REQUESTS });
      expect(connectionsOf(await sendMany(instance, agent))).toEqual(new Set(['keep-alive']));
      const ended = instance.end('SIGTERM');
      await sleep(delay);
      const answers = await sendMany(instance, agent);
      expect(outcomesOf(answers)).toEqual(new Set([200]));
      // At 0 ms the signal may not have arrived.
      if (delay > 0) expect(connectionsOf(answers)).toEqual(new Set(['close']));
      expect(await ended).toBe(0);
      agent.destroy();
    },
  );

  test('a request that arrives while its connection closes is answered or ends with the stream, and is not reset', async ({
    instance,
  }) => {
    const ended = instance.end('SIGTERM');
    const sending = Array.from({ length: REQUESTS }, async (_, n) => {
      const socket = await open(instance);
      await sleep(200 + n * 4);
      if (socket.readableEnded || !socket.writable) return 'closed before';
      socket.write(rawDelivery());
      return await text(socket);
    });
    const outcomes = await Promise.all(sending);
    for (const outcome of outcomes)
      expect(outcome).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close|^closed before$|^$/i);
    expect(outcomes.filter((outcome) => outcome.startsWith('HTTP/1.1 200'))).not.toEqual([]);
    expect(await ended).toBe(0);
  });

  test('all pipelined requests are answered, and the last response alone closes the connection', async ({
    instance,
  }) => {
    const socket = await open(instance);
    socket.write([rawDelivery(), rawDelivery(), rawDelivery()].join(''));
    const ended = instance.end('SIGTERM');
    const answers = await text(socket);
    expect(answers.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
    expect(answers.match(/connection: close/gi)).toHaveLength(1);
    expect(await ended).toBe(0);
  });

  test("other libraries' signal handlers run as well", async ({ project }) => {
    const handler = "process.on('SIGTERM',()=>console.log('another-handler'))";
    const instance = await startFunction('geminiCallback', {
      ...project.env,
      WEBHOOK_SIGNING_SECRET: SECRET,
      NODE_OPTIONS: `--import=data:text/javascript,${handler}`,
    });
    expect(await instance.end('SIGTERM')).toBe(0);
    expect(instance.output()).toContain('another-handler');
  });

  test('a request that cannot be finished in time gets a 503, with an entry in the log', async ({ project }) => {
    const gemini = await serveSilentHttp();
    const instance = await startFunction('submitJob', {
      ...project.env,
      GEMINI_API_KEY: 'a-key-of-a-test',
      GOOGLE_GEMINI_BASE_URL: gemini.url,
      CALLBACK_URL: 'https://hooks.example.test/',
      DYNAMIC_ROUTE_KEY: 'route-key-of-a-test-with-32-characters',
    });
    const body = JSON.stringify({ kind: 'interaction', route: 'r', request: { model: 'm', input: 'x' } });
    const answer = fetch(instance.url, { method: 'POST', body });
    await once(gemini.server, 'request');
    const ended = instance.end('SIGTERM');
    const response = await answer;
    expect([response.status, response.headers.get('connection')]).toEqual([503, 'close']);
    expect(await response.json()).toMatchObject({ error: { status: 'UNAVAILABLE' } });
    expect(await ended).toBe(0);
    const failures = instance.log.filter(({ event }) => event === 'request_abandoned' || event === 'request_failed');
    expect(failures.map(({ event }) => event)).toEqual(['request_abandoned']);
    await gemini.close();
  });

  testWithWorld(
    'requests that wait for Pub/Sub are finished, also after a second signal',
    async ({ world, callback, instance }) => {
      world.pubsub.delayMillis = { up: 1_500, down: 0 };
      const answer = world.send(instance, callback);
      await world.recorded(callback, 'pending');
      const startedAt = performance.now();
      const ended = instance.end('SIGTERM');
      await eventually('the first signal', 1_000, async () => instance.output().includes('SIGTERM') || undefined);
      process.kill(instance.pid, 'SIGTERM');
      expect(await answer).toMatchObject(PUBLISHED);
      expect(await ended).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(4_000);
      await expectPublishedOnce(world, callback);
    },
  );
});
