import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DocumentData } from '@google-cloud/firestore';
import { newSecret, signV1 } from '../simulator/signing.ts';
import { type RunningFunction, startFunction } from './functions.ts';
import { eventually, freePort } from './process.ts';
import { TestProject } from './project.ts';

/** `up`: towards the backend; `down`: its answers. */
export type Direction = 'up' | 'down';

const BOTH: readonly Direction[] = ['up', 'down'];

/** What to do just before bytes that hold a text are forwarded. */
interface Step {
  readonly direction: Direction;
  readonly text: string;
  readonly act: () => void;
}

interface Connection {
  readonly client: Socket;
  readonly backend: Socket;
  /** Nothing goes through any more, and neither side is told. */
  swallowed: boolean;
}

/** A wall between a client and its backend on the way of their bytes, which a test can make fail at an exact step. */
export class Proxy {
  /** Where it listens, `host:port`; the same as long as it lives. */
  readonly host: string;
  /** Added to the way of all bytes that come from now on. */
  delayMillis: Readonly<Record<Direction, number>> = { up: 0, down: 0 };
  readonly #port: number;
  readonly #backendPort: number;
  readonly #connections = new Set<Connection>();
  readonly #gates: Record<Direction, PromiseWithResolvers<void>>;
  #steps: readonly Step[] = [];
  #server: Server | undefined;

  private constructor(port: number, backendPort: number) {
    this.host = `127.0.0.1:${port}`;
    this.#port = port;
    this.#backendPort = backendPort;
    this.#gates = { up: openGate(), down: openGate() };
  }

  static async start(backend: string): Promise<Proxy> {
    const proxy = new Proxy(await freePort(), Number(backend.slice(backend.lastIndexOf(':') + 1)));
    await proxy.pass();
    return proxy;
  }

  /** Forwards everything, also what was held back on connections that are still open. */
  async pass(): Promise<void> {
    for (const direction of BOTH) this.#gates[direction].resolve();
    if (this.#server) return;
    this.#server = createServer((client) => this.#accept(client)).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Accepts connections and bytes, and holds them back until `pass`. */
  stall(...directions: readonly Direction[]): void {
    for (const direction of directions.length > 0 ? directions : BOTH) {
      this.#gates[direction].resolve();
      this.#gates[direction] = Promise.withResolvers();
    }
  }

  /** Ends all connections; what was held back is lost. New ones are accepted. */
  cut(): void {
    for (const { client, backend } of this.#connections) {
      client.destroy();
      backend.destroy();
    }
  }

  /** Ends all connections and takes no new ones, until `pass`. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.close();
    this.cut();
    if (server) await once(server, 'close');
  }

  /** All open connections lose every byte for ever, and stay open; new ones work. */
  swallow(): void {
    for (const connection of this.#connections) connection.swallowed = true;
  }

  /** Acts once, just before bytes that hold `text` are forwarded; the promise is kept when it has acted. */
  async at(direction: Direction, text: string, act: () => void = () => {}): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const step: Step = {
      direction,
      text,
      act: () => {
        this.#steps = this.#steps.filter((other) => other !== step);
        act();
        resolve();
      },
    };
    this.#steps = [...this.#steps, step];
    await promise;
  }

  #accept(client: Socket): void {
    const connection = { client, backend: connect(this.#backendPort, '127.0.0.1'), swallowed: false };
    const { backend } = connection;
    this.#connections.add(connection);
    for (const socket of [client, backend]) {
      socket.setNoDelay();
      // Whatever ends one side ends the other; `close` follows each error.
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        backend.destroy();
        this.#connections.delete(connection);
      });
    }
    this.#pump(connection, 'up', client, backend);
    this.#pump(connection, 'down', backend, client);
  }

  #pump(connection: Connection, direction: Direction, from: Socket, to: Socket): void {
    let forwarded = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      const dueAt = performance.now() + this.delayMillis[direction];
      this.#notify(direction, chunk);
      const forward = async (previous: Promise<void>) => {
        await previous;
        if (performance.now() < dueAt) await sleep(dueAt - performance.now());
        await this.#gates[direction].promise;
        if (!connection.swallowed && to.writable) to.write(chunk);
      };
      forwarded = forward(forwarded);
    });
  }

  /** A request is small, so that its texts come in one piece. */
  #notify(direction: Direction, chunk: Buffer): void {
    for (const step of this.#steps) {
      if (step.direction === direction && chunk.includes(step.text)) step.act();
    }
  }
}

function openGate(): PromiseWithResolvers<void> {
  const gate = Promise.withResolvers<void>();
  gate.resolve();
  return gate;
}

/** A signed callback, the same on every attempt but for its time. */
export interface Callback {
  readonly id: string;
  readonly body: string;
}

/** What the sender learns; status 0 where the connection ended without an answer. */
export interface Answer {
  readonly status: number;
  /** The status of a success, the reason of an error. */
  readonly outcome: string | undefined;
  readonly retryAfterSeconds: number;
  readonly millis: number;
}

/** A project of a test's own whose functions reach both backends through proxies only; the test itself looks directly. */
export class ProxiedProject {
  readonly project: TestProject;
  readonly firestore: Proxy;
  readonly pubsub: Proxy;
  readonly #secret = newSecret();
  readonly #running = new Set<RunningFunction>();

  private constructor(project: TestProject, firestore: Proxy, pubsub: Proxy) {
    this.project = project;
    this.firestore = firestore;
    this.pubsub = pubsub;
  }

  static async create(): Promise<ProxiedProject> {
    const project = await TestProject.create();
    const { FIRESTORE_EMULATOR_HOST = '', PUBSUB_EMULATOR_HOST = '' } = project.env;
    return new ProxiedProject(
      project,
      await Proxy.start(FIRESTORE_EMULATOR_HOST),
      await Proxy.start(PUBSUB_EMULATOR_HOST),
    );
  }

  /** An instance of the function, in a process of its own. */
  async start(env: NodeJS.ProcessEnv = {}): Promise<RunningFunction> {
    const running = await startFunction('geminiCallback', {
      ...this.project.env,
      FIRESTORE_EMULATOR_HOST: this.firestore.host,
      PUBSUB_EMULATOR_HOST: this.pubsub.host,
      WEBHOOK_SIGNING_SECRET: this.#secret,
      ...env,
    });
    this.#running.add(running);
    return running;
  }

  /** The headers of an attempt made now. */
  sign({ id, body }: Callback): Record<string, string> {
    const timestampSeconds = Math.floor(Date.now() / 1_000);
    const signature = signV1(this.#secret, { id, timestampSeconds, body });
    return { 'webhook-id': id, 'webhook-timestamp': String(timestampSeconds), 'webhook-signature': signature };
  }

  /** One attempt of the sender's. */
  async send({ url }: RunningFunction, callback: Callback): Promise<Answer> {
    const { body } = callback;
    const startedAt = performance.now();
    const answer = (status: number, outcome?: string, retryAfter?: string | null): Answer => ({
      status,
      outcome,
      retryAfterSeconds: Number(retryAfter ?? Number.NaN),
      millis: Math.round(performance.now() - startedAt),
    });
    try {
      const response = await fetch(url, { method: 'POST', body, headers: this.sign(callback) });
      return answer(response.status, outcomeOf(await response.json()), response.headers.get('retry-after'));
    } catch {
      return answer(0);
    }
  }

  async delivery({ id }: Callback): Promise<DocumentData | undefined> {
    return await this.project.document(`deliveries/${id}`);
  }

  /** Waits until the record of a delivery is in a state. */
  async recorded(callback: Callback, state: 'pending' | 'published'): Promise<DocumentData> {
    return await eventually(`${callback.id} is ${state}`, 10_000, async () => {
      const record = await this.delivery(callback);
      return record?.['state'] === state ? record : undefined;
    });
  }

  /** The webhook-ids of the messages that the topic was given since the last call. */
  async published(): Promise<readonly string[]> {
    return (await this.project.messages('gemini-events')).map(({ attributes }) => attributes['webhook_id'] ?? '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.end('SIGKILL').catch(() => running.exited)));
    await Promise.all([this.firestore.refuse(), this.pubsub.refuse(), this.project.close()]);
  }
}

function outcomeOf(body: unknown): string | undefined {
  const { status, error } = body as { status?: string; error?: { details?: { reason?: string }[] } };
  return status ?? error?.details?.[0]?.reason;
}
