import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFinal, type JobState, stateOf } from '../../functions/model/eventTypes.ts';
import { jobDocumentId } from '../../functions/model/jobName.ts';
import { eventually } from '../../local/process.ts';
import type { Ledger } from '../../simulator/ledger.ts';
import type { World } from './world.ts';

export interface Size {
  /** Deliveries of events that are made up. */
  readonly deliveries: number;
  /** Batches that are submitted, started, finished and read. */
  readonly jobs: number;
  /** Whether it has no time for what keeps others waiting for half a minute or longer. */
  readonly isShort?: boolean;
}

/** Most are small; some are read in several steps, each kept in the record before the next. */
const LINES = { few: 100, many: 3_100, manyEvery: 20 };

export function linesOf(job: number): number {
  return job % LINES.manyEvery === 0 ? LINES.many : LINES.few;
}

export function resultsOf({ jobs }: Size): number {
  return Array.from({ length: jobs }, (_, job) => linesOf(job)).reduce((sum, lines) => sum + lines, 0);
}

/** What a caller was told of the job that it has submitted. */
export interface Receipt {
  readonly jobId: string;
  readonly submissionId: string;
}

/** By the number of a job, what its callers were told. */
export type Submitted = ReadonlyMap<number, readonly Receipt[]>;

/** Types whose outputs nobody asks Gemini for; those of batches that are real come from the simulator itself. */
const TYPES = ['batch.expired', 'interaction.failed', 'tuning.completed'];
const EVENTS_PER_JOB = 3;
const AT_ONCE = 20;
/** Of each of those, so that a machine is busy and not choked. */
const EMIT_PAUSE_MILLIS = 500;
/** Deliveries that wait for their next attempt; while there are more, nothing new is sent. */
const MOST_WAITING = 100;
const TELL_EVERY = 1_000;
const SUBMITTERS = 6;
/** A job that an instance whose clock is 250 s ahead has written of is not silent before that, and may have been dropped. */
const SETTLED_MILLIS = 400_000;
/** Whoever is killed while it asks Gemini leaves a lease of 40 s, and a minute until the job can be said not to exist. */
const SUBMITTED_MILLIS = 400_000;

/** Events of made-up jobs, half of them by the registered webhook and half by URLs of their own. */
export async function emitAll(
  world: World,
  { deliveries }: Size,
  random: () => number,
  tell: (text: string) => void,
): Promise<void> {
  const jobs = Math.ceil(deliveries / EVENTS_PER_JOB);
  let next = 0;
  const worker = async () => {
    while (next < deliveries) {
      const n = next++;
      if (n > 0 && n % TELL_EVERY === 0) tell(`  ${n} of ${deliveries} deliveries are sent`);
      await room(world);
      const type = TYPES[Math.floor(random() * TYPES.length)] ?? '';
      const jobName = `${type.startsWith('interaction') ? 'interactions' : 'batches'}/made-up-${Math.floor(random() * jobs)}`;
      const webhookConfig = n % 2 === 0 ? {} : { webhookConfig: { uris: [world.routeUrl] } };
      world.simulator.send({ type, jobName, data: { id: jobName }, ...webhookConfig });
      await sleep(EMIT_PAUSE_MILLIS);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Waits until not too many deliveries are on their way. */
async function room({ simulator }: World): Promise<void> {
  while (countOfWaiting(simulator.ledger) > MOST_WAITING) await sleep(200);
}

/** The oldest have been accepted long since: those are not looked at again. */
const settledUpTo = new WeakMap<Ledger, number>();

function countOfWaiting(ledger: Ledger): number {
  const { deliveries } = ledger;
  let from = settledUpTo.get(ledger) ?? 0;
  while (from < deliveries.length && deliveries[from]?.state !== 'waiting') from++;
  settledUpTo.set(ledger, from);
  return deliveries.slice(from).filter(({ state }) => state === 'waiting').length;
}

/** Submits each job until it is told which one it is, and once more; then something is done with it. */
export async function submitJobs(
  world: World,
  { deliveries, jobs, isShort = false }: Size,
  then: (job: number, jobId: string) => void = () => {},
): Promise<Submitted> {
  // As long as the deliveries take, so that faults meet both.
  const millis = isShort ? 0 : (deliveries / AT_ONCE) * EMIT_PAUSE_MILLIS;
  const pauseMillis = millis / Math.ceil(jobs / SUBMITTERS);
  const receipts = new Map<number, Receipt[]>();
  let next = 0;
  const worker = async () => {
    while (next < jobs) {
      const job = next++;
      const key = `proof-${job}`;
      const [first, second] = [await submitted(world, key), await submitted(world, key)];
      receipts.set(job, [first, second]);
      then(job, first.jobId);
      if (next < jobs) await sleep(pauseMillis);
    }
  };
  await Promise.all(Array.from({ length: SUBMITTERS }, worker));
  return receipts;
}

/** Ends a job, whose results are to come. */
export function end({ simulator }: World, job: number, jobId: string): void {
  simulator.end(jobId, { output: { lines: linesOf(job), lineBytes: 300, errorEvery: 10 } });
}

/** A caller that asks again under the same key until it is answered. */
async function submitted({ fleets }: World, key: string): Promise<Receipt> {
  const src = [{ contents: [{ parts: [{ text: key }] }] }];
  const body = JSON.stringify({ kind: 'batch', route: 'proof', request: { model: 'gemini-3.8-flash', src } });
  return await eventually(`${key} is submitted`, SUBMITTED_MILLIS, async () => {
    const headers = { 'idempotency-key': key };
    const response = await fetch(fleets.submit.url, { method: 'POST', headers, body });
    if (response.status === 202) return (await response.json()) as Receipt;
    await response.body?.cancel();
    await sleep(500);
    return undefined;
  });
}

/** What ids of forged deliveries begin with. */
export const FORGED = 'forged_';

/** Deliveries that nobody at Gemini has sent: each would be an event, had it a signature of ours. */
export async function forge({ fleets, routeUrl }: World, until: AbortSignal): Promise<void> {
  for (let n = 0; !until.aborted; n++) {
    const signature =
      n % 2 === 0 ? `v1,${randomBytes(32).toString('base64')}` : `v1a,${randomBytes(64).toString('base64')}`;
    const headers = {
      'webhook-id': `${FORGED}${n}`,
      'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
      'webhook-signature': signature,
    };
    const body = JSON.stringify({ type: 'batch.failed', data: { id: `batches/made-up-${n}` } });
    const url = n % 2 === 0 ? fleets.callback.url : routeUrl;
    await fetch(url, { method: 'POST', headers, body }).then(
      async (response) => await response.text(),
      () => '',
    );
    await sleep(200, undefined, { signal: until }).catch(() => {});
  }
}

/** What Cloud Scheduler does, more often. */
export async function reconcileUntil({ fleets }: World, until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    await fetch(fleets.reconcile.url, { method: 'POST' }).then(
      async (response) => await response.text(),
      () => '',
    );
    await sleep(2_000, undefined, { signal: until }).catch(() => {});
  }
}

/**
 * Looks again and again for jobs whose end was acknowledged before, and which are not in a final state now. Following
 * them as they change would cost an emulator more than all that it is there for.
 */
export async function watchUntil(world: World, until: AbortSignal, left: (change: string) => void): Promise<void> {
  const open = world.project.firestore.collection('jobs').where('state', 'in', NOT_FINAL).select('state');
  while (!until.aborted) {
    const askedAt = Date.now();
    const { docs } = await open.get().catch(() => ({ docs: [] }));
    const ended = endedBefore(world, askedAt);
    for (const job of docs) if (ended.has(job.id)) left(`${job.id}: ${job.get('state')} after its end`);
    await sleep(1_000, undefined, { signal: until }).catch(() => {});
  }
}

const NOT_FINAL: readonly JobState[] = ['submitted', 'running', 'requires_action', 'unknown'];

/** The records of jobs whose end a function has acknowledged by then. */
function endedBefore({ simulator, fleets }: World, millis: number): ReadonlySet<string> {
  const ends = simulator.ledger.deliveries.filter(
    ({ webhookId, jobName, eventType }) =>
      jobName !== undefined &&
      isFinal(stateOf(eventType)) &&
      (fleets.callback.acceptedAt.get(webhookId) ?? Infinity) < millis,
  );
  return new Set(ends.map(({ jobName = '' }) => jobDocumentId(jobName)));
}

/** Until every delivery that was sent is accepted, nothing is pending, and the results of every job are out. */
export async function settle(
  { simulator, project }: World,
  { jobs }: Size,
  tell: (text: string) => void,
): Promise<void> {
  const pending = project.firestore.collection('deliveries').where('state', '==', 'pending').count();
  const complete = project.firestore.collection('jobs').where('results.state', '==', 'complete').count();
  let toldAt = 0;
  await eventually('everything settles', SETTLED_MILLIS, async () => {
    const waiting = countOfWaiting(simulator.ledger);
    const [left, done] = await Promise.all([pending.get(), complete.get()]);
    const missing = jobs - done.data().count;
    if (performance.now() - toldAt > 5_000) {
      tell(`  waiting for ${waiting} deliveries, ${left.data().count} pending records, ${missing} jobs`);
      toldAt = performance.now();
    }
    if (waiting === 0 && left.data().count === 0 && missing <= 0) return true;
    await sleep(500);
    return undefined;
  });
}
