import { createHmac, randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeOptions } from '../../functions/runtime/nodeOptions.ts';
import { freePort, startTied } from '../../local/process.ts';
import { LocalProject } from '../../local/project.ts';
import { type Figure, type Section, usageOf } from './measure.ts';
import { straightforward } from './straightforward.ts';

const ROOT = join(import.meta.dirname, '../..');
const FRAMEWORK = join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/main.js');
const SOURCES = { ours: ROOT, theirs: straightforward('callback') };
type Version = keyof typeof SOURCES;

const KEY = randomBytes(32);
const SECRET = `whsec_${KEY.toString('base64')}`;
const RUN = randomBytes(4).toString('hex');

const WARM_UP = 100;
const ONE_AT_A_TIME = 300;
const MANY = { count: 1_200, atOnce: 80 };
const FORGED = { count: 3_000, atOnce: 16 };
const DUPLICATES = { count: 1_000, atOnce: 16 };

/** The options of a deployed instance: the deployer's, and for the other version those of Google Cloud's buildpack. */
const OPTIONS: Readonly<Record<Version, (memoryMiB: number) => string>> = {
  ours: nodeOptions,
  theirs: (memoryMiB) => `--max-old-space-size=${memoryMiB - 64}`,
};

/** One life of the function, from its start to the end of the load. */
interface Life {
  readonly coldMillis: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
  readonly loadSeconds: number;
  readonly cpuMillis: number;
  readonly forgedSeconds: number;
  readonly duplicatesPerSecond: number;
  readonly peakMiB: number;
}

interface Sent {
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
}

let sent = 0;

function delivery(key: Buffer = KEY): Sent {
  const id = `msg_${RUN}_${sent++}`;
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const body = JSON.stringify({
    type: 'batch.succeeded',
    version: 'v1',
    timestamp: new Date().toISOString(),
    data: { id: `batches/${id}`, output_file_uri: `files/${id}` },
    user_metadata: { team: 'search', attempt: 3 },
  });
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  const webhook = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
  return {
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...webhook },
    body,
  };
}

/** Returns the status, or 0 where nothing listens. */
async function send(port: number, { headers, body }: Sent, agent?: Agent): Promise<number> {
  return await new Promise((resolve) => {
    const sending = request({ port, host: '127.0.0.1', method: 'POST', headers, agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sending.on('error', () => resolve(0)).end(body);
  });
}

/** Runs one version once, in a separate project. */
export async function live(version: Version, memoryMiB = 512): Promise<Life> {
  const project = await LocalProject.create({ ordered: false });
  const port = await freePort();
  const { PATH, HOME } = process.env;
  const platform = { NODE_ENV: 'production', NODE_OPTIONS: OPTIONS[version](memoryMiB), PORT: String(port) };
  const env = { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...project.env, ...platform };
  const startedAt = performance.now();
  const running = await startTied(
    process.execPath,
    [FRAMEWORK, `--source=${SOURCES[version]}`, '--target=geminiCallback'],
    { ...env, WEBHOOK_SIGNING_SECRET: SECRET },
  );
  running.stdout.resume();
  running.stderr.resume();
  const agent = new Agent({ keepAlive: true, maxSockets: MANY.atOnce });
  try {
    return await measure(port, running.pid, startedAt, agent);
  } finally {
    agent.destroy();
    await running.end('SIGKILL');
    await project.close();
  }
}

async function measure(port: number, pid: number, startedAt: number, agent: Agent): Promise<Life> {
  const first = delivery();
  while ((await send(port, first)) !== 200) {
    if (performance.now() - startedAt > 20_000) throw new Error('The function did not start.');
    await sleep(2);
  }
  const coldMillis = performance.now() - startedAt;
  const expecting = async (status: number, each: Sent) => {
    const answered = await send(port, each, agent);
    if (answered !== status) throw new Error(`The function answered ${answered}, not ${status}.`);
  };
  for (let n = 0; n < WARM_UP; n++) await expecting(200, delivery());

  const latencies: number[] = [];
  for (let n = 0; n < ONE_AT_A_TIME; n++) {
    const each = delivery();
    const from = performance.now();
    await expecting(200, each);
    latencies.push(performance.now() - from);
  }
  latencies.sort((a, b) => a - b);

  const before = usageOf(pid).cpuMillis;
  const loadSeconds = await together(MANY.atOnce, many(MANY.count), async (each) => await expecting(200, each));
  const cpuMillis = (usageOf(pid).cpuMillis - before) / MANY.count;
  const strangers = many(FORGED.count, randomBytes(32));
  const forgedSeconds = await together(FORGED.atOnce, strangers, async (each) => await expecting(401, each));
  const copies = Array.from({ length: DUPLICATES.count }, () => first);
  const duplicateSeconds = await together(DUPLICATES.atOnce, copies, async (each) => await expecting(200, each));
  return {
    coldMillis,
    p50Millis: latencies[ONE_AT_A_TIME * 0.5] ?? 0,
    p99Millis: latencies[ONE_AT_A_TIME * 0.99] ?? 0,
    loadSeconds,
    cpuMillis,
    forgedSeconds,
    duplicatesPerSecond: DUPLICATES.count / duplicateSeconds,
    peakMiB: usageOf(pid).peakBytes / 1_048_576,
  };
}

function many(count: number, key?: Buffer): Sent[] {
  return Array.from({ length: count }, () => delivery(key));
}

/** @returns the seconds that all of it took. */
async function together(atOnce: number, all: readonly Sent[], work: (each: Sent) => Promise<void>): Promise<number> {
  const waiting = [...all];
  const startedAt = performance.now();
  const worker = async () => {
    for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) await work(each);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (performance.now() - startedAt) / 1_000;
}

const FIGURES: readonly (Pick<Figure, 'name' | 'unit' | 'goal' | 'isRate'> & { readonly key: keyof Life })[] = [
  { name: 'cold start: process start to the first 200', unit: 'ms', key: 'coldMillis', goal: 0.6 },
  { name: 'latency, one at a time, p50', unit: 'ms', key: 'p50Millis', goal: 0.5 },
  { name: 'latency, one at a time, p99', unit: 'ms', key: 'p99Millis', goal: 0.55 },
  { name: '1,200 deliveries, 80 at once', unit: 's', key: 'loadSeconds', goal: 0.75 },
  { name: 'processor time per delivery of them', unit: 'ms', key: 'cpuMillis', goal: 0.6 },
  { name: '3,000 forged deliveries refused', unit: 's', key: 'forgedSeconds', goal: 0.5 },
  { name: 'copies of one delivery', unit: 'per s', key: 'duplicatesPerSecond', isRate: true },
  { name: 'peak memory over all of it', unit: 'MiB', key: 'peakMiB', goal: 0.7 },
];

/** Peak resident memory of the whole load in a function of 256 MiB, in MiB. */
const SMALL = { memoryMiB: 256, limitMiB: 200 };

/** Both versions, round by round; which goes first alternates, since the emulators grow older. */
export async function benchCallback(rounds: number, tell: (text: string) => void): Promise<Section> {
  const lives: Record<Version, Life[]> = { ours: [], theirs: [] };
  await live('theirs'); // The first calls of the emulators are slow for either version.
  for (let round = 0; round < rounds; round++) {
    const order: readonly Version[] = round % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours'];
    for (const version of order) lives[version].push(await live(version));
    tell(`geminiCallback: round ${round + 1} of ${rounds}`);
  }
  const small: Life[] = [];
  for (let round = 0; round < Math.min(rounds, 3); round++) small.push(await live('ours', SMALL.memoryMiB));
  const figures = FIGURES.map(({ name, unit, key, isRate, goal }) => ({
    name,
    unit,
    ours: lives.ours.map((life) => life[key]),
    theirs: lives.theirs.map((life) => life[key]),
    isRate,
    goal,
  }));
  const inSmall = {
    name: `peak memory in a function of ${SMALL.memoryMiB} MiB, beside ${SMALL.limitMiB}`,
    unit: 'MiB',
    ours: small.map(({ peakMiB }) => peakMiB),
    theirs: small.map(() => SMALL.limitMiB),
    goal: 1,
  };
  return { title: 'geminiCallback', beside: 'straightforward', figures: [...figures, inSmall] };
}
