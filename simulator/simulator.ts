import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Clock } from './clock.ts';
import { linesContent, linesSpecSchema } from './files/content.ts';
import type { LinesSpec } from './files/content.ts';
import { createCore } from './core.ts';
import type { Core, CoreOptions } from './core.ts';
import type { GeminiEvent } from './webhooks/events.ts';
import { createApp } from './http/app.ts';
import type { Job, JobKind, Outcome } from './jobs/job.ts';
import type { Keys } from './webhooks/keys.ts';
import type { AttemptFault, Ledger } from './ledger.ts';
import type { Settings } from './settings.ts';

export interface SimulatorOptions extends CoreOptions {
  /** Default: 0, any free port. */
  readonly port?: number;
  /** Default: `127.0.0.1`. */
  readonly host?: string;
}

/** A running stand-in for the Gemini API. */
export interface Simulator {
  /** The value of `GOOGLE_GEMINI_BASE_URL` or `httpOptions.baseUrl`. */
  readonly url: string;
  /** Repeats this run when given as the option `seed`. */
  readonly seed: string;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly ledger: Ledger;
  /** The keys of dynamic deliveries: `rotate`, `remove`, `signWith`. */
  readonly jwks: Keys;
  jobs(kind?: JobKind): Job[];
  /**
   * Ends a job now, by default as it would have ended, and waits for the deliveries due at once.
   * Rejects with an `ApiError` where there is no such job, where it is final, or where its kind cannot end so.
   */
  finish(jobName: string, outcome?: Outcome): Promise<void>;
  /** The same without waiting, which needs a running clock. */
  end(jobName: string, outcome?: Outcome): void;
  /** Makes one more attempt of the deliveries with this `webhook-id`, with the given fault, and waits for the answers. */
  redeliver(webhookId: string, fault?: AttemptFault): Promise<void>;
  /** Sends any event to the URIs of its webhook config, or else to the subscribed webhooks, and waits as `finish` does. */
  emit(event: GeminiEvent): Promise<void>;
  /** The same without waiting, which needs a running clock. */
  send(event: GeminiEvent): void;
  /** Registers a generated file of any size, made while it is read; returns its name. */
  generateFile(spec: Pick<LinesSpec, 'lines'> & Partial<LinesSpec>, name?: string): string;
  /** Stops listening, closes open connections and cancels pending work. */
  close(): Promise<void>;
}

export async function startSimulator({
  port = 0,
  host = '127.0.0.1',
  ...options
}: SimulatorOptions = {}): Promise<Simulator> {
  const core = createCore(options);
  const server = createAdaptorServer({ fetch: createApp(core).fetch });
  await listen(server, port, host);
  const address = server.address() as AddressInfo;
  const { clock, random, settings, ledger, keys, jobs, deliveries, files } = core;
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    seed: random.seed,
    clock,
    settings,
    ledger,
    jwks: keys,
    jobs: (kind) => jobs.list(kind),
    finish: async (jobName, outcome) => {
      jobs.finish(jobName, outcome);
      await clock.advance(0);
    },
    end: (jobName, outcome) => jobs.finish(jobName, outcome),
    redeliver: async (webhookId, fault) => await deliveries.redeliver(webhookId, fault),
    emit: async (event) => {
      deliveries.emit(event);
      await clock.advance(0);
    },
    send: (event) => deliveries.emit(event),
    generateFile: (spec, name) => {
      const content = linesContent(linesSpecSchema.parse(spec), random);
      return files.addGenerated(content, 'application/jsonl', name).name;
    },
    close: async () => await close(core, server),
  };
}

type Server = ReturnType<typeof createAdaptorServer>;

async function listen(server: Server, port: number, host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  await promise;
  server.off('error', reject);
}

async function close({ closing, deliveries, clock }: Core, server: Server): Promise<void> {
  closing.abort();
  deliveries.close();
  await clock.close();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  if ('closeAllConnections' in server) server.closeAllConnections();
  await promise;
}
