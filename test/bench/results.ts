import { PubSub } from '@google-cloud/pubsub';
import { GoogleGenAI } from '@google/genai';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { deliver, eventMessage } from '../contract/results/harness.ts';
import { type RunningFunction, startFunction } from '../../local/functions.ts';
import { eventually, freePort, startTied } from '../../local/process.ts';
import { type Section, type Usage, usageOf } from './measure.ts';
import { buildFloor } from './floor/build.ts';
import { straightforward } from './straightforward.ts';

type Running = Pick<RunningFunction, 'url' | 'pid' | 'end'>;

interface Cost extends Usage {
  readonly seconds: number;
}

const MANY = { lines: 5_000, lineBytes: 1_024 };
const LARGE = { lines: 2_000, lineBytes: 100_000 };

interface Surroundings {
  readonly simulator: Simulator;
  readonly env: NodeJS.ProcessEnv;
}

async function inSurroundings<T>(projectId: string, work: (surroundings: Surroundings) => Promise<T>): Promise<T> {
  const simulator = await startSimulator({ seed: 'bench', settings: { jobs: { runningMillis: null } } });
  const topic = 'no-subscribers';
  await new PubSub({ projectId }).createTopic(topic);
  const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
  const env = {
    GOOGLE_CLOUD_PROJECT: projectId,
    FIRESTORE_EMULATOR_HOST,
    PUBSUB_EMULATOR_HOST,
    GEMINI_API_KEY: 'any-key',
    GOOGLE_GEMINI_BASE_URL: simulator.url,
    RESULTS_TOPIC: topic,
  };
  try {
    return await work({ simulator, env });
  } finally {
    await simulator.close();
  }
}

const perSecond = (costs: readonly Cost[]) => costs.map(({ seconds }) => MANY.lines / seconds);
const cpu = (costs: readonly Cost[]) => costs.map(({ cpuMillis }) => (cpuMillis / MANY.lines) * 1_000);
const peak = (costs: readonly Cost[]) => costs.map(({ peakBytes }) => peakBytes / 1_048_576);

/** `fetchResults` beside a loop that reads the output into memory and publishes its lines one by one. */
export async function benchResults(rounds: number, projectId: string): Promise<Section> {
  return await inSurroundings(projectId, async ({ simulator, env }) => {
    const product = async () => await startFunction('fetchResults', env);
    const reference = async () => await startScript(straightforward('fetchResults'), env);
    const [productMany, referenceMany, productLarge, referenceLarge]: [Cost[], Cost[], Cost[], Cost[]] = [
      [],
      [],
      [],
      [],
    ];
    for (let round = 1; round <= rounds; round += 1) {
      productMany.push(await cost(simulator, product, MANY));
      referenceMany.push(await cost(simulator, reference, MANY));
      productLarge.push(await cost(simulator, product, LARGE));
      referenceLarge.push(await cost(simulator, reference, LARGE));
      process.stderr.write(`results: round ${round} of ${rounds}\n`);
    }
    const small = [await cost(simulator, product, { lines: 10_000, lineBytes: 1_000 })];
    const huge = [await cost(simulator, product, { lines: 500_000, lineBytes: 1_000 })];
    const rate = { name: 'results per second', unit: 'per s', isRate: true, goal: 5 };
    const figures = [
      { ...rate, product: perSecond(productMany), reference: perSecond(referenceMany) },
      {
        name: 'processor time per 1,000 results',
        unit: 'ms',
        product: cpu(productMany),
        reference: cpu(referenceMany),
        goal: 1,
      },
      {
        name: 'peak memory, 200 MB of output',
        unit: 'MiB',
        product: peak(productLarge),
        reference: peak(referenceLarge),
        goal: 0.333,
      },
      {
        name: 'peak memory, 500 MB beside 10 MB (both gemini-callbacks)',
        unit: 'MiB',
        product: peak(huge),
        reference: peak(small),
        goal: 2,
      },
    ];
    return { title: 'fetchResults', beside: 'straightforward', figures };
  });
}

/** `fetchResults` beside a download of the same bytes that are published unread. */
export async function benchResultsFloor(rounds: number, projectId: string): Promise<Section> {
  const file = await buildFloor('fetchResults');
  return await inSurroundings(projectId, async ({ simulator, env }) => {
    const starts = [
      async () => await startFunction('fetchResults', env),
      async () => await startScript(file, { ...env, MESSAGE_BYTES: String(MANY.lineBytes) }),
    ];
    const [product, floor]: [Cost[], Cost[]] = [[], []];
    for (let round = 1; round <= rounds; round += 1) {
      for (const [index, start] of starts.entries())
        (index === 0 ? product : floor).push(await cost(simulator, start, MANY));
      process.stderr.write(`results beside the floor: round ${round} of ${rounds}\n`);
    }
    const rate = { name: 'results per second', unit: 'per s', isRate: true, goal: 0.6 };
    const figures = [
      { ...rate, product: perSecond(product), reference: perSecond(floor) },
      { name: 'processor time per 1,000 results', unit: 'ms', product: cpu(product), reference: cpu(floor) },
    ];
    return { title: 'fetchResults beside the floor', beside: 'floor', figures };
  });
}

/** Starts a process for each measurement, because peak memory is per process. */
async function cost(
  simulator: Simulator,
  start: () => Promise<Running>,
  output: { readonly lines: number; readonly lineBytes: number },
): Promise<Cost> {
  const ai = new GoogleGenAI({ apiKey: 'any-key', httpOptions: { baseUrl: simulator.url } });
  const src = [{ contents: [{ parts: [{ text: 'hello' }] }] }];
  const { name = '' } = await ai.batches.create({ model: 'gemini-3.8-flash', src });
  await simulator.finish(name, { output });
  const running = await start();
  const before = usageOf(running.pid);
  const startedAt = performance.now();
  const status = await deliver(running, eventMessage('batch.succeeded', name));
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = usageOf(running.pid);
  await running.end();
  if (status !== 204) throw new Error(`The results of ${name} were not published: ${status}`);
  return { seconds, cpuMillis: after.cpuMillis - before.cpuMillis, peakBytes: after.peakBytes };
}

async function startScript(file: string, env: NodeJS.ProcessEnv): Promise<Running> {
  const port = await freePort();
  const { PATH, HOME } = process.env;
  const surroundings = { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...env, PORT: String(port) };
  const running = await startTied(process.execPath, [file], surroundings);
  running.stdout.resume();
  running.stderr.resume();
  const url = `http://127.0.0.1:${port}`;
  await eventually('it listens', 20_000, async () => (await fetch(url, { method: 'POST', body: '{}' })).status);
  return { url, pid: running.pid, end: async (signal) => await running.end(signal) };
}
