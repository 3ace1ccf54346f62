import { type DocumentData, Firestore } from '@google-cloud/firestore';
import { readStore } from '../../cli/status/readStore.ts';
import { readReconcileConfig } from '../../functions/reconcile/config.ts';
import { connectReconciler } from '../../functions/reconcile/runtime.ts';
import { Log } from '../../functions/observability/log.ts';
import { LocalProject } from '../../local/project.ts';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { billedDuring } from '../support/billed.ts';
import type { Figure, Section } from './measure.ts';

const [MANY, FEW] = [10_000, 100];
const WRITES_AT_ONCE = 500;
const HOUR_MILLIS = 3_600_000;
const USAGE = { inputTokens: 1, outputTokens: 2, thoughtTokens: 0, cachedTokens: 0, totalTokens: 3, results: 1 };

/** A query or a run over so many records, and the documents that it read. */
interface Reading {
  readonly millis: number;
  readonly reads: number;
}

/** The work that could grow with the number of records: each with 10,000 of them, beside 100. */
export async function benchRecords(rounds: number): Promise<Section> {
  const status: readonly Figure[] = figuresOf('status', await onBoth(async (count) => await readStatus(count, rounds)));
  const reconcile = figuresOf(
    'reconcileJobs, a silent job',
    await onBoth(async (count) => [await reconcileOnce(count)]),
  );
  const beside = `the same with ${FEW} records`;
  return { title: `With ${MANY.toLocaleString('en')} records`, beside, figures: [...status, ...reconcile] };
}

async function onBoth(
  measure: (count: number) => Promise<readonly Reading[]>,
): Promise<readonly (readonly Reading[])[]> {
  const few = await measure(FEW);
  return [await measure(MANY), few];
}

function figuresOf(name: string, [product = [], reference = []]: readonly (readonly Reading[])[]): readonly Figure[] {
  const of = (key: keyof Reading) => ({
    product: product.map((each) => each[key]),
    reference: reference.map((each) => each[key]),
  });
  return [
    { name: `${name}: time`, unit: 'ms', ...of('millis') },
    { name: `${name}: documents read`, unit: '', ...of('reads') },
  ];
}

/** Half of the records are deliveries, half are jobs with results. */
async function readStatus(count: number, rounds: number): Promise<readonly Reading[]> {
  const project = await LocalProject.create();
  const firestore = new Firestore({ projectId: project.projectId });
  const at = new Date();
  const half = Array.from({ length: count / 2 }, (_, index) => index);
  const results = { state: 'complete', updatedAt: at, usage: USAGE };
  await seed(firestore, half, (index) => [
    `deliveries/msg_${index}`,
    { webhookId: `msg_${index}`, state: 'published', type: 'batch.succeeded', firstReceivedAt: at, attempts: 1 },
  ]);
  await seed(firestore, half, (index) => [
    `jobs/batches~${index}`,
    { jobId: `batches/${index}`, kind: 'batch', state: 'succeeded', updatedAt: at, results },
  ]);
  const readings: Reading[] = [];
  const since = new Date(at.getTime() - 7 * 24 * HOUR_MILLIS);
  await readStore(firestore, since, at); // The first calls connect.
  for (let round = 0; round < rounds; round += 1)
    readings.push(await measured(async () => void (await readStore(firestore, since, new Date()))));
  await Promise.all([firestore.terminate(), project.close()]);
  return readings;
}

/** One run of the reconciler, within the time of a deployed one; by the job that it asked Gemini about. */
async function reconcileOnce(count: number): Promise<Reading> {
  const project = await LocalProject.create();
  const firestore = new Firestore({ projectId: project.projectId });
  const updatedAt = new Date(Date.now() - 2 * HOUR_MILLIS);
  const all = Array.from({ length: count }, (_, index) => index);
  await seed(firestore, all, (index) => [
    `jobs/batches~silent-${index}`,
    { jobId: `batches/silent-${index}`, kind: 'batch', state: 'running', updatedAt, createdAt: updatedAt },
  ]);
  const simulator = await simulatorOfRunningJobs();
  let asked = 0;
  const log = new Log(undefined, (line) => (asked += line.includes('"job_queried"') ? 1 : 0));
  const env = { ...project.env, GEMINI_API_KEY: 'any-key', GOOGLE_GEMINI_BASE_URL: simulator.url };
  const run = connectReconciler(readReconcileConfig(env), log);
  const { millis, reads } = await measured(async () => void (await run()));
  await Promise.all([firestore.terminate(), simulator.close(), project.close()]);
  process.stderr.write(
    `reconcileJobs: asked about ${asked} of ${count} silent jobs in ${Math.round(millis / 1_000)} s\n`,
  );
  if (asked === 0) throw new Error('The reconciler asked about no job.');
  return { millis: millis / asked, reads: reads / asked };
}

/** Any batch is running. */
async function simulatorOfRunningJobs(): Promise<Simulator> {
  const body = JSON.stringify({ metadata: { state: 'BATCH_STATE_RUNNING' } });
  return await startSimulator({ seed: 'bench', settings: { api: { faults: [{ method: 'batches.get', body }] } } });
}

async function seed(
  firestore: Firestore,
  all: readonly number[],
  documentOf: (index: number) => readonly [path: string, fields: DocumentData],
): Promise<void> {
  for (let from = 0; from < all.length; from += WRITES_AT_ONCE) {
    const batch = firestore.batch();
    for (const index of all.slice(from, from + WRITES_AT_ONCE)) {
      const [path, fields] = documentOf(index);
      batch.set(firestore.doc(path), fields);
    }
    await batch.commit();
  }
}

async function measured(work: () => Promise<void>): Promise<Reading> {
  let millis = 0;
  const { reads } = await billedDuring(async () => {
    const startedAt = performance.now();
    await work();
    millis = performance.now() - startedAt;
  });
  return { millis, reads };
}
