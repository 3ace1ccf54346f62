import type { DocumentData } from '@google-cloud/firestore';
import { newSecret, signV1 } from '../../simulator/signing.ts';
import { type RunningFunction, startFunction } from '../../local/functions.ts';
import { eventually } from '../../local/process.ts';
import { LocalProject } from '../../local/project.ts';
import { Proxy } from './proxy.ts';

/** A callback, which each attempt signs with its own time. */
export interface Callback {
  readonly id: string;
  readonly body: string;
}

let callbacks = 0;

/** Returns a callback about the end of a new batch, or about another job. */
export function newCallback(type = 'batch.succeeded', time = new Date(), jobId?: string): Callback {
  const id = `msg_fault_${++callbacks}`;
  const data = { id: jobId ?? `batches/${id}` };
  return { id, body: JSON.stringify({ type, timestamp: time.toISOString(), data }) };
}

/** The response as the sender sees it; status 0 where the connection ended without an answer. */
export interface Answer {
  readonly status: number;
  /** The status of a success, the reason of an error. */
  readonly outcome: string | undefined;
  readonly retryAfterSeconds: number;
  readonly millis: number;
}

/** A separate project whose functions reach both backends through proxies only. The test itself reads directly. */
export class ProxiedProject {
  readonly project: LocalProject;
  readonly firestore: Proxy;
  readonly pubsub: Proxy;
  readonly #secret = newSecret();
  readonly #running = new Set<RunningFunction>();

  private constructor(project: LocalProject, firestore: Proxy, pubsub: Proxy) {
    this.project = project;
    this.firestore = firestore;
    this.pubsub = pubsub;
  }

  static async create(): Promise<ProxiedProject> {
    const project = await LocalProject.create();
    const { FIRESTORE_EMULATOR_HOST = '', PUBSUB_EMULATOR_HOST = '' } = project.env;
    return new ProxiedProject(
      project,
      await Proxy.start(FIRESTORE_EMULATOR_HOST),
      await Proxy.start(PUBSUB_EMULATOR_HOST),
    );
  }

  /** Starts an instance of the function, in a separate process. */
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

  /** Returns the headers of an attempt made now. */
  sign({ id, body }: Callback): Record<string, string> {
    const timestampSeconds = Math.floor(Date.now() / 1_000);
    const signature = signV1(this.#secret, { id, timestampSeconds, body });
    return { 'webhook-id': id, 'webhook-timestamp': String(timestampSeconds), 'webhook-signature': signature };
  }

  /** Sends one attempt. */
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

  /** Returns the webhook-ids of the messages published since the last call. */
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
