import { PubSub } from '@google-cloud/pubsub';
import { GoogleGenAI } from '@google/genai';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { deliver, eventMessage } from '../contract/results/harness.ts';
import { type RunningFunction, startFunction } from '../../local/functions.ts';
import { eventually, freePort, startTied } from '../../local/process.ts';
import { type Section, type Usage, usageOf } from './measure.ts';
import { straightforward } from './straightforward.ts';

type Running = Pick<RunningFunction, 'url' | 'pid' | 'end'>;

interface Cost extends Usage {
  readonly seconds: number;
}

const STRAIGHTFORWARD = straightforward('fetchResults');

/** `fetchResults` beside a loop that reads the output into memory and publishes its lines one by one. */
export async function benchResults(rounds: number, projectId: string): Promise<Section> {
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
  const ours = async () => await startFunction('fetchResults', env);
  const theirs = async () => await startStraightforward(env);

  const [many, large] = [
    { lines: 5_000, lineBytes: 1_024 },
    { lines: 2_000, lineBytes: 100_000 },
  ];
  const [ourMany, theirMany, ourLarge, theirLarge]: Cost[][] = [[], [], [], []];
  for (let round = 1; round <= rounds; round += 1) {
    ourMany?.push(await cost(simulator, ours, many));
    theirMany?.push(await cost(simulator, theirs, many));
    ourLarge?.push(await cost(simulator, ours, large));
    theirLarge?.push(await cost(simulator, theirs, large));
    process.stderr.write(`results: round ${round} of ${rounds}\n`);
  }
  const [small, huge] = [[] as Cost[], [] as Cost[]];
  small.push(await cost(simulator, ours, { lines: 10_000, lineBytes: 1_000 }));
  huge.push(await cost(simulator, ours, { lines: 500_000, lineBytes: 1_000 }));
  await simulator.close();

  const perSecond = (costs: readonly Cost[] = []) => costs.map(({ seconds }) => many.lines / seconds);
  const cpu = (costs: readonly Cost[] = []) => costs.map(({ cpuMillis }) => (cpuMillis / many.lines) * 1_000);
  const peak = (costs: readonly Cost[] = []) => costs.map(({ peakBytes }) => peakBytes / 1_048_576);
  const figures = [
    {
      name: 'results per second',
      unit: 'per s',
      ours: perSecond(ourMany),
      theirs: perSecond(theirMany),
      isRate: true,
      goal: 5,
    },
    { name: 'processor time per 1,000 results', unit: 'ms', ours: cpu(ourMany), theirs: cpu(theirMany), goal: 1 },
    { name: 'peak memory, 200 MB of output', unit: 'MiB', ours: peak(ourLarge), theirs: peak(theirLarge), goal: 0.333 },
    {
      name: 'peak memory, 500 MB beside 10 MB (both gemini-callbacks)',
      unit: 'MiB',
      ours: peak(huge),
      theirs: peak(small),
      goal: 2,
    },
  ];
  return { title: 'fetchResults', beside: 'straightforward', figures };
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
  if (status !== 204) throw new Error(`The results of ${name} were not brought: ${status}`);
  return { seconds, cpuMillis: after.cpuMillis - before.cpuMillis, peakBytes: after.peakBytes };
}

async function startStraightforward(env: NodeJS.ProcessEnv): Promise<Running> {
  const port = await freePort();
  const { PATH, HOME } = process.env;
  const surroundings = { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...env, PORT: String(port) };
  const running = await startTied(process.execPath, [STRAIGHTFORWARD], surroundings);
  running.stdout.resume();
  running.stderr.resume();
  const url = `http://127.0.0.1:${port}`;
  await eventually('it listens', 20_000, async () => (await fetch(url, { method: 'POST', body: '{}' })).status);
  return { url, pid: running.pid, end: async (signal) => await running.end(signal) };
}
