import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type RunningFunction, startFunction } from '../../local/functions.ts';
import { freePort } from '../../local/process.ts';

/** A request in flight. */
interface Attempt {
  readonly webhookId: string;
  isDisturbed: boolean;
}

/** Answered while another request works on the same delivery: the request had no effect. */
const WITHOUT_EFFECT = 'DELIVERY_IN_PROGRESS';

/** Instances of one function behind one URL, as on Cloud Run. Any of them can be killed at any moment. */
export class Fleet {
  readonly target: string;
  readonly url: string;
  /** Faults that requests of a webhook-id met. Each may have caused one more message. */
  readonly disturbed = new Map<string, number>();
  /** Times of the first 200 for each webhook-id, Unix milliseconds. */
  readonly acceptedAt = new Map<string, number>();
  kills = 0;
  readonly #server: Server;
  readonly #env: readonly NodeJS.ProcessEnv[];
  readonly #random: () => number;
  readonly #instances: (RunningFunction | undefined)[] = [];
  readonly #inFlight = new Map<RunningFunction, Set<Attempt>>();
  readonly #starting = new Set<Promise<void>>();
  /** Ids of pushed messages that were answered with 2xx. */
  #acknowledged = new Set<string>();
  #isClosing = false;

  private constructor(target: string, port: number, env: readonly NodeJS.ProcessEnv[], random: () => number) {
    this.target = target;
    this.url = `http://127.0.0.1:${port}`;
    this.#env = env;
    this.#random = random;
    this.#server = createServer((incoming, response) => this.#forward(incoming, response));
  }

  /** Listens. The instances start later, when the URLs of all fleets are known. */
  static async listen(target: string, env: readonly NodeJS.ProcessEnv[], random: () => number): Promise<Fleet> {
    const port = await freePort();
    const fleet = new Fleet(target, port, env, random);
    await once(fleet.#server.listen(port, '127.0.0.1'), 'listening');
    return fleet;
  }

  async start(common: NodeJS.ProcessEnv): Promise<void> {
    await Promise.all(this.#env.map(async (own, slot) => await this.#startIn(slot, { ...common, ...own })));
  }

  /** Kills one instance and starts another in its place. */
  kill(common: NodeJS.ProcessEnv): void {
    this.#end(this.#pick(), common);
  }

  /** Kills all instances, because the one at a step cannot be identified. */
  killAll(common: NodeJS.ProcessEnv): void {
    for (const instance of this.#instances) this.#end(instance, common);
  }

  #end(victim: RunningFunction | undefined, common: NodeJS.ProcessEnv): void {
    if (victim === undefined || this.#isClosing) return;
    const slot = this.#instances.indexOf(victim);
    this.#instances[slot] = undefined;
    for (const attempt of this.#inFlight.get(victim) ?? []) this.#disturbed(attempt);
    this.kills += 1;
    const again = victim.end('SIGKILL').then(async () => await this.#startIn(slot, { ...common, ...this.#env[slot] }));
    this.#starting.add(again);
    void again.finally(() => this.#starting.delete(again));
  }

  /** Counts a fault of a backend for every request in flight. */
  disturb(): void {
    for (const attempts of this.#inFlight.values()) for (const attempt of attempts) this.#disturbed(attempt);
  }

  #disturbed(attempt: Attempt): void {
    attempt.isDisturbed = true;
    this.disturbed.set(attempt.webhookId, (this.disturbed.get(attempt.webhookId) ?? 0) + 1);
  }

  /**
   * Returns the ids of the pushed messages that were acknowledged since the last call. An answer to a push from before
   * this call no longer counts: Pub/Sub has stopped, and never receives it.
   */
  takeAcknowledged(): ReadonlySet<string> {
    const acknowledged = this.#acknowledged;
    this.#acknowledged = new Set();
    return acknowledged;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.allSettled(this.#starting);
    await Promise.all(this.#instances.map(async (instance) => await instance?.end('SIGKILL')));
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #startIn(slot: number, env: NodeJS.ProcessEnv): Promise<void> {
    const instance = await startFunction(this.target, env).catch(() => undefined);
    if (this.#isClosing || instance === undefined) {
      await instance?.end('SIGKILL');
      if (!this.#isClosing) await this.#startIn(slot, env);
      return;
    }
    this.#inFlight.set(instance, new Set());
    this.#instances[slot] = instance;
  }

  #pick(): RunningFunction | undefined {
    const alive = this.#instances.filter((instance) => instance !== undefined);
    return alive[Math.floor(this.#random() * alive.length)];
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const instance = this.#pick();
    const inFlight = instance && this.#inFlight.get(instance);
    if (instance === undefined || inFlight === undefined) {
      response.writeHead(503).end();
      return;
    }
    const webhookId = String(incoming.headers['webhook-id'] ?? '');
    const attempt = { webhookId, isDisturbed: false };
    inFlight.add(attempt);
    const failed = () => {
      if (!attempt.isDisturbed) this.#disturbed(attempt);
    };
    const fail = () => {
      failed();
      inFlight.delete(attempt);
      if (!response.headersSent) response.writeHead(502);
      response.end();
    };
    const acknowledge = this.#acknowledgementOf(incoming);
    const { method, url, headers } = incoming;
    const onward = request(new URL(url ?? '/', instance.url), { method, headers }, (answer) => {
      const { statusCode: status = 502 } = answer;
      if (status === 200 && !this.acceptedAt.has(webhookId)) this.acceptedAt.set(webhookId, Date.now());
      if (status < 300) acknowledge();
      response.writeHead(status, answer.headers);
      let text = '';
      if (status >= 500) answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('error', fail).on('end', () => {
        if (status >= 500 && !text.includes(WITHOUT_EFFECT)) failed();
        inFlight.delete(attempt);
      });
      answer.pipe(response);
    });
    onward.on('error', fail);
    incoming.pipe(onward);
  }

  /** Reads the body of a push, and returns the function that records its acknowledgement. */
  #acknowledgementOf(incoming: IncomingMessage): () => void {
    if (this.target !== 'fetchResults') return () => {};
    const acknowledged = this.#acknowledged;
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    return () => {
      const { message } = JSON.parse(Buffer.concat(chunks).toString()) as { message?: { messageId?: string } };
      acknowledged.add(String(message?.messageId));
    };
  }
}
