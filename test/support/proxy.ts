import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../local/process.ts';

/** `up`: towards the backend; `down`: its answers. */
export type Direction = 'up' | 'down';

const BOTH: readonly Direction[] = ['up', 'down'];

/** An action just before bytes that hold a text are forwarded. */
interface Step {
  readonly direction: Direction;
  readonly text: string;
  readonly act: () => void;
}

interface Connection {
  readonly client: Socket;
  readonly backend: Socket;
  /** Every byte is lost, and neither side notices. */
  swallowed: boolean;
}

/** A TCP proxy between clients and a backend, which a test makes fail at an exact step. */
export class Proxy {
  /** The address, `host:port`, which never changes. */
  readonly host: string;
  /** Delays all bytes that arrive from now on, in milliseconds. */
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
    await proxy.forward();
    return proxy;
  }

  /** Forwards all bytes, including those held back on connections that are still open. */
  async forward(): Promise<void> {
    for (const direction of BOTH) this.#gates[direction].resolve();
    if (this.#server) return;
    this.#server = createServer((client) => this.#accept(client)).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Accepts connections and holds their bytes back until `forward`. */
  stall(...directions: readonly Direction[]): void {
    for (const direction of directions.length > 0 ? directions : BOTH) {
      this.#gates[direction].resolve();
      this.#gates[direction] = Promise.withResolvers();
    }
  }

  /** Closes all connections; bytes held back are lost. New connections are accepted. */
  cut(): void {
    for (const { client, backend } of this.#connections) {
      client.destroy();
      backend.destroy();
    }
  }

  /** Closes all connections and refuses new ones until `forward`. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.close();
    this.cut();
    if (server) await once(server, 'close');
  }

  /** Keeps all open connections open and loses their bytes. New connections work. */
  swallow(): void {
    for (const connection of this.#connections) connection.swallowed = true;
  }

  /** Acts once, just before bytes that hold `text` are forwarded. Resolves when it has acted. */
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
      // `close` follows each error; the end of one side ends the other.
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

  /** Requests are small, so that their texts arrive in one chunk. */
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
