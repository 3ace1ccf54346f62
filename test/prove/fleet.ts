import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type RunningFunction, startFunction } from '../../local/functions.ts';
import { freePort } from '../../local/process.ts';

/** A request on its way. */
interface Attempt {
  readonly webhookId: string;
  isDisturbed: boolean;
}

/** What is answered where another request is at work on the same delivery, and so does nothing. */
const WITHOUT_EFFECT = 'DELIVERY_IN_PROGRESS';

/** Instances of one function behind one address, as the platform has them: any of them may die at any moment. */
export class Fleet {
  readonly target: string;
  readonly url: string;
  /** How often something has happened to requests of a webhook-id: each time may have cost one more message. */
  readonly disturbed = new Map<string, number>();
  /** When the first 200 for a webhook-id was on its way, Unix milliseconds. */
  readonly acceptedAt = new Map<string, number>();
  kills = 0;
  readonly #server: Server;
  readonly #env: readonly NodeJS.ProcessEnv[];
  readonly #random: () => number;
  readonly #instances: (RunningFunction | undefined)[] = [];
  readonly #inFlight = new Map<RunningFunction, Set<Attempt>>();
  readonly #starting = new Set<Promise<void>>();
  #isClosing = false;

  private constructor(target: string, port: number, env: readonly NodeJS.ProcessEnv[], random: () => number) {
    this.target = target;
    this.url = `http://127.0.0.1:${port}`;
    this.#env = env;
    this.#random = random;
    this.#server = createServer((incoming, response) => this.#forward(incoming, response));
  }

  /** Takes its address; instances are started afterwards, when it is known who has to be told of it. */
  static async listen(target: string, env: readonly NodeJS.ProcessEnv[], random: () => number): Promise<Fleet> {
    const port = await freePort();
    const fleet = new Fleet(target, port, env, random);
    await once(fleet.#server.listen(port, '127.0.0.1'), 'listening');
    return fleet;
  }

  async start(common: NodeJS.ProcessEnv): Promise<void> {
    await Promise.all(this.#env.map(async (own, slot) => await this.#startIn(slot, { ...common, ...own })));
  }

  /** Kills one of them, and lets another take its place. */
  kill(common: NodeJS.ProcessEnv): void {
    this.#end(this.#pick(), common);
  }

  /** Kills whichever is at a step, without knowing which that is. */
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

  /** Whatever is in flight now is disturbed: by something that happens to what the instances depend on. */
  disturb(): void {
    for (const attempts of this.#inFlight.values()) for (const attempt of attempts) this.#disturbed(attempt);
  }

  #disturbed(attempt: Attempt): void {
    attempt.isDisturbed = true;
    this.disturbed.set(attempt.webhookId, (this.disturbed.get(attempt.webhookId) ?? 0) + 1);
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
    const { method, url, headers } = incoming;
    const onward = request(new URL(url ?? '/', instance.url), { method, headers }, (answer) => {
      const { statusCode: status = 502 } = answer;
      if (status === 200 && !this.acceptedAt.has(webhookId)) this.acceptedAt.set(webhookId, Date.now());
      response.writeHead(status, answer.headers);
      let text = '';
      // What is refused has no effect, and explains nothing.
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
}
