import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFinal, type JobState, stateOf } from '../../functions/model/eventTypes.ts';
import { jobDocumentId } from '../../functions/model/jobName.ts';
import { NEWEST, newestOf } from '../../functions/store/queries.ts';
import { eventually } from '../../local/process.ts';
import { RECONCILE, SUBMITTED_MILLIS } from './bounds.ts';
import { countWaiting } from './settle.ts';
import type { World } from './world.ts';

export interface Size {
  /** Deliveries of synthetic events. */
  readonly deliveries: number;
  /** Batches that are submitted, finished and read. */
  readonly jobs: number;
  /** Leaves out faults that delay others by half a minute or longer. */
  readonly isShort?: boolean;
}

/** Most outputs are small; every twentieth takes several checkpoints. */
const LINES = { few: 100, many: 3_100, manyEvery: 20 };

export function linesOf(job: number): number {
  return job % LINES.manyEvery === 0 ? LINES.many : LINES.few;
}

export function resultsOf({ jobs }: Size): number {
  return Array.from({ length: jobs }, (_, job) => linesOf(job)).reduce((sum, lines) => sum + lines, 0);
}

/** The answer to a submission. */
interface Receipt {
  readonly jobId: string;
  readonly submissionId: string;
}

export interface Submitted {
  /** By the number of a job, the answers to its two submissions. */
  readonly receipts: ReadonlyMap<number, readonly Receipt[]>;
  /** Reasons of submissions without an answer. */
  readonly unanswered: readonly string[];
}

/** Types whose outputs are never read from Gemini; the simulator itself sends those of submitted batches. */
const TYPES = ['batch.expired', 'batch.failed', 'interaction.failed'];
const EVENTS_PER_JOB = 3;
const SENDERS = 20;
/** The pause of each sender, which keeps the machine busy and not saturated. */
const SEND_PAUSE_MILLIS = 500;
/** Senders pause while more deliveries than these wait for their next attempt. */
const MAX_WAITING = 100;
const REPORT_EVERY = 1_000;
const SUBMITTERS = 6;

/** Sends events of synthetic jobs, half of them by the registered webhook and half by dynamic URLs. */
export async function sendAll(
  world: World,
  { deliveries }: Size,
  random: () => number,
  report: (text: string) => void,
): Promise<void> {
  const jobs = Math.ceil(deliveries / EVENTS_PER_JOB);
  let next = 0;
  const sender = async () => {
    while (next < deliveries) {
      const n = next++;
      if (n > 0 && n % REPORT_EVERY === 0) report(`  ${n} of ${deliveries} deliveries are sent`);
      while (countWaiting(world.simulator.ledger) > MAX_WAITING) await sleep(200);
      const type = TYPES[Math.floor(random() * TYPES.length)] ?? '';
      const jobName = `${type.startsWith('interaction') ? 'interactions' : 'batches'}/synthetic-${Math.floor(random() * jobs)}`;
      const webhookConfig = n % 2 === 0 ? {} : { webhookConfig: { uris: [world.routeUrl] } };
      world.simulator.send({ type, jobName, data: { id: jobName }, ...webhookConfig });
      await sleep(SEND_PAUSE_MILLIS);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

/** Submits each job twice under one idempotency key, each time until it is answered, and then calls `then`. */
export async function submitJobs(
  world: World,
  { deliveries, jobs, isShort = false }: Size,
  then: (job: number, jobId: string) => void = () => {},
): Promise<Submitted> {
  // Submissions last as long as the deliveries, so that the faults meet both.
  const millis = isShort ? 0 : (deliveries / SENDERS) * SEND_PAUSE_MILLIS;
  const pauseMillis = millis / Math.ceil(jobs / SUBMITTERS);
  const receipts = new Map<number, Receipt[]>();
  const unanswered: string[] = [];
  let next = 0;
  const submitTwice = async (job: number) => {
    const key = `prove-${job}`;
    const [first, second] = [await submit(world, key), await submit(world, key)];
    receipts.set(job, [first, second]);
    then(job, first.jobId);
  };
  const submitter = async () => {
    while (next < jobs) {
      await submitTwice(next++).catch((error: unknown) => unanswered.push(String(error)));
      if (next < jobs) await sleep(pauseMillis);
    }
  };
  await Promise.all(Array.from({ length: SUBMITTERS }, submitter));
  return { receipts, unanswered };
}

/** Ends a job with its output. */
export function end({ simulator }: World, job: number, jobId: string): void {
  simulator.end(jobId, { output: { lines: linesOf(job), lineBytes: 300, errorEvery: 10 } });
}

/** Repeats a submission under the same key until it is answered. */
async function submit({ fleets }: World, key: string): Promise<Receipt> {
  const src = [{ contents: [{ parts: [{ text: key }] }] }];
  const body = JSON.stringify({ kind: 'batch', route: 'proof', request: { model: 'gemini-3.8-flash', src } });
  return await eventually(`submission ${key}`, SUBMITTED_MILLIS, async () => {
    const headers = { 'idempotency-key': key };
    const response = await fetch(fleets.submit.url, { method: 'POST', headers, body });
    if (response.status === 202) return (await response.json()) as Receipt;
    await response.body?.cancel();
    await sleep(500);
    return undefined;
  });
}

/** The prefix of forged deliveries' ids. */
export const FORGED = 'forged_';

/** Sends deliveries with random signatures. */
export async function forge({ fleets, routeUrl }: World, until: AbortSignal): Promise<void> {
  for (let n = 0; !until.aborted; n++) {
    const signature =
      n % 2 === 0 ? `v1,${randomBytes(32).toString('base64')}` : `v1a,${randomBytes(64).toString('base64')}`;
    const headers = {
      'webhook-id': `${FORGED}${n}`,
      'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
      'webhook-signature': signature,
    };
    const body = JSON.stringify({ type: 'batch.failed', data: { id: `batches/synthetic-${n}` } });
    await post(n % 2 === 0 ? fleets.callback.url : routeUrl, { headers, body });
    await sleep(200, undefined, { signal: until }).catch(() => {});
  }
}

/** Calls reconcileJobs as Cloud Scheduler does, more often. */
export async function reconcileUntil({ fleets }: World, until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    await post(fleets.reconcile.url, {});
    await sleep(RECONCILE.everyMillis, undefined, { signal: until }).catch(() => {});
  }
}

async function post(url: string, init: RequestInit): Promise<void> {
  await fetch(url, { method: 'POST', ...init }).then(
    async (response) => await response.text(),
    () => {},
  );
}

/**
 * Reports jobs whose final event was acknowledged and whose state is not final now. It polls, because a listener on all
 * jobs would slow the emulator down.
 */
export async function watchUntil(world: World, until: AbortSignal, reverted: (change: string) => void): Promise<void> {
  const open = newestOf(world.project.firestore, NEWEST.jobs, { state: NOT_FINAL }).select('state');
  let failure: unknown;
  let reads = 0;
  while (!until.aborted) {
    const askedAt = Date.now();
    const { docs } = await open.get().then(
      (found) => {
        reads += 1;
        return found;
      },
      (error: unknown) => {
        failure = error;
        return { docs: [] };
      },
    );
    const ended = endedBefore(world, askedAt);
    for (const job of docs) if (ended.has(job.id)) reverted(`${job.id}: ${job.get('state')} after its end`);
    await sleep(1_000, undefined, { signal: until }).catch(() => {});
  }
  if (reads === 0) throw new Error('The states of the jobs were never read.', { cause: failure });
}

const NOT_FINAL: readonly JobState[] = ['submitted', 'running', 'requires_action', 'unknown'];

/** Returns the records of the jobs whose final event was acknowledged before a time. */
function endedBefore({ simulator, fleets }: World, millis: number): ReadonlySet<string> {
  const ends = simulator.ledger.deliveries.filter(
    ({ webhookId, jobName, eventType }) =>
      jobName !== undefined &&
      isFinal(stateOf(eventType)) &&
      (fleets.callback.acceptedAt.get(webhookId) ?? Infinity) < millis,
  );
  return new Set(ends.map(({ jobName = '' }) => jobDocumentId(jobName)));
}
