import { randomBytes } from 'node:crypto';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeOptions } from '../../functions/runtime/nodeOptions.ts';
import { freePort, startTied } from '../../local/process.ts';
import { LocalProject } from '../../local/project.ts';
import { delivery, many, SECRET, send, type Sent, runAtOnce } from './deliveries.ts';
import { buildFloor } from './floor/build.ts';
import { median, usageOf } from './measure.ts';
import { straightforward } from './straightforward.ts';

const ROOT = join(import.meta.dirname, '../..');
const FRAMEWORK = join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js');

const FIRST = 100;
/** The 99th percentile is the seventh longest of them. */
const AFTER = 600;
const MANY = { count: 1_200, atOnce: 80 };
const FORGED = { count: 3_000, atOnce: 16 };
const DUPLICATES = { count: 1_000, atOnce: 16 };

/** gemini-callbacks, the straightforward version, and the floor. */
export type Version = 'product' | 'straightforward' | 'floor';

const underFramework = (source: string) => [FRAMEWORK, `--source=${source}`, '--target=geminiCallback'];

const COMMANDS: Readonly<Record<Version, () => Promise<readonly string[]>>> = {
  product: async () => underFramework(ROOT),
  straightforward: async () => underFramework(straightforward('callback')),
  floor: async () => [await buildFloor('callback')],
};

/** Returns the options that Google Cloud's buildpack sets. */
const buildpackOptions = (memoryMiB: number) => `--max-old-space-size=${memoryMiB - 64}`;

/** The options of a deployed instance: the deployer sets those of the product. */
const OPTIONS: Readonly<Record<Version, (memoryMiB: number) => string>> = {
  product: (memoryMiB) => nodeOptions(memoryMiB, ROOT),
  straightforward: buildpackOptions,
  floor: buildpackOptions,
};

/** One life of a version, from its start to the end of the load. Processor times are of one delivery. */
export interface Life {
  readonly coldMillis: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
  readonly firstCpuMillis: number;
  readonly laterCpuMillis: number;
  readonly loadSeconds: number;
  readonly loadCpuMillis: number;
  /** After the load of genuine deliveries. */
  readonly loadPeakMiB: number;
  /** The rest is not measured of the floor, which refuses and recognises nothing. */
  readonly forgedSeconds: number;
  readonly duplicatesPerSecond: number;
  readonly peakMiB: number;
}

/** Runs one version once, in a separate project. */
export async function live(version: Version, memoryMiB = 512): Promise<Life> {
  const project = await LocalProject.create({ ordered: false });
  const port = await freePort();
  const command = await COMMANDS[version]();
  const { PATH, HOME } = process.env;
  const platform = { NODE_ENV: 'production', NODE_OPTIONS: OPTIONS[version](memoryMiB), PORT: String(port) };
  const env = { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...project.env, ...platform };
  const startedAt = performance.now();
  const running = await startTied(process.execPath, [...command], { ...env, WEBHOOK_SIGNING_SECRET: SECRET });
  running.stdout.resume();
  running.stderr.resume();
  const agent = new Agent({ keepAlive: true, maxSockets: MANY.atOnce });
  try {
    return await new Measurement(port, running.pid, agent).life(startedAt, version !== 'floor');
  } finally {
    agent.destroy();
    await running.end('SIGKILL');
    await project.close();
  }
}

class Measurement {
  readonly #port: number;
  readonly #pid: number;
  readonly #agent: Agent;

  constructor(port: number, pid: number, agent: Agent) {
    this.#port = port;
    this.#pid = pid;
    this.#agent = agent;
  }

  async life(startedAt: number, isComplete: boolean): Promise<Life> {
    const first = delivery();
    const coldMillis = await this.#cold(first, startedAt);
    const firstCpuMillis = await this.#cpu(FIRST, async () => void (await this.#oneAtATime(FIRST)));
    let latencies: readonly number[] = [];
    const laterCpuMillis = await this.#cpu(AFTER, async () => void (latencies = await this.#oneAtATime(AFTER)));
    let loadSeconds = 0;
    const loadCpuMillis = await this.#cpu(MANY.count, async () => {
      loadSeconds = await this.#runAtOnce(MANY.atOnce, 200, many(MANY.count));
    });
    const loadPeakMiB = this.#peakMiB();
    return {
      coldMillis,
      firstCpuMillis,
      p50Millis: median(latencies),
      p99Millis: latencies.toSorted((a, b) => a - b)[AFTER * 0.99] ?? 0,
      laterCpuMillis,
      loadSeconds,
      loadCpuMillis,
      loadPeakMiB,
      ...(isComplete ? await this.#rest(first) : { forgedSeconds: 0, duplicatesPerSecond: 0 }),
      peakMiB: this.#peakMiB(),
    };
  }

  async #cold(first: Sent, startedAt: number): Promise<number> {
    while ((await send(this.#port, first)) !== 200) {
      if (performance.now() - startedAt > 20_000) throw new Error('The function did not start.');
      await sleep(2);
    }
    return performance.now() - startedAt;
  }

  async #oneAtATime(count: number): Promise<readonly number[]> {
    const latencies: number[] = [];
    for (const each of many(count)) {
      const from = performance.now();
      await this.#expect(200, each);
      latencies.push(performance.now() - from);
    }
    return latencies;
  }

  async #rest(first: Sent): Promise<Pick<Life, 'forgedSeconds' | 'duplicatesPerSecond'>> {
    const forgedSeconds = await this.#runAtOnce(FORGED.atOnce, 401, many(FORGED.count, randomBytes(32)));
    const copies = Array.from({ length: DUPLICATES.count }, () => first);
    const seconds = await this.#runAtOnce(DUPLICATES.atOnce, 200, copies);
    return { forgedSeconds, duplicatesPerSecond: DUPLICATES.count / seconds };
  }

  async #runAtOnce(atOnce: number, status: number, all: readonly Sent[]): Promise<number> {
    return await runAtOnce(atOnce, all, async (each) => await this.#expect(status, each));
  }

  async #expect(status: number, each: Sent): Promise<void> {
    const answered = await send(this.#port, each, this.#agent);
    if (answered !== status) throw new Error(`The function answered ${answered}, not ${status}.`);
  }

  /** @returns the function's processor time for each of the deliveries, in milliseconds. */
  async #cpu(count: number, work: () => Promise<void>): Promise<number> {
    const before = usageOf(this.#pid).cpuMillis;
    await work();
    return (usageOf(this.#pid).cpuMillis - before) / count;
  }

  #peakMiB(): number {
    return usageOf(this.#pid).peakBytes / 1_048_576;
  }
}
