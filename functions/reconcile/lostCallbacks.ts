import { GeminiError } from '../gemini/errors.ts';
import { queriedKind, readStatus } from '../gemini/status.ts';
import { announcementOf } from '../model/eventTypes.ts';
import { type JobStatus, reconciledDelivery } from '../model/reconciledDelivery.ts';
import type { PageStart } from '../store/queries.ts';
import { positionOf, type ReconcilableJob } from '../store/reconcilableJobs.ts';
import { announceOverdue } from './overdueJobs.ts';
import { PAGE_SIZE, type RunState } from './runState.ts';

const MAX_PAUSE_MILLIS = 21_600_000;

/** A job that Gemini does not know is queried once a day, since it is unlikely to appear. */
const UNKNOWN_PAUSE_MILLIS = 86_400_000;

type QueriedJob = ReconcilableJob & { readonly kind: NonNullable<ReturnType<typeof queriedKind>> };

/** Queries Gemini about jobs without news, and announces the ends whose callback never arrived. */
export async function recoverLostCallbacks(run: RunState, reserve: number): Promise<void> {
  const { jobs, config } = run.dependencies;
  const before = run.ago(config.jobSeconds);
  const page = async (after?: PageStart) =>
    await jobs.page('silentJobs', { before, after, limit: PAGE_SIZE }, run.forStore());
  await run.sweep({ reserve, page, positionOf, work: async (job) => await check(run, job) });
}

/** Writes to every job's record, which moves it to the back of the queue: no job blocks the others. */
async function check(run: RunState, job: ReconcilableJob): Promise<void> {
  const { jobs, now, config } = run.dependencies;
  const kind = queriedKind(job.kind, job.name);
  const isDue = job.nextAt === undefined || job.nextAt <= now();
  const open =
    kind !== undefined && isDue
      ? await query(run, { ...job, kind })
      : !job.isLeased && (await jobs.defer(job, now(), run.forStore()));
  if (open && open.since <= run.ago(config.overdueSeconds)) await announceOverdue(run, open);
}

/** @returns the job, where it has not ended and its record has not changed meanwhile. */
async function query(run: RunState, job: QueriedJob): Promise<ReconcilableJob | undefined> {
  const { jobs, log, now, config } = run.dependencies;
  const pause = Math.min(config.jobSeconds * 1_000 * 2 ** job.queries, MAX_PAUSE_MILLIS);
  const times = { now: now(), nextAt: run.in(pause) };
  const claimed = await jobs.claimQuery(job, times, run.forStore());
  if (claimed === undefined) return undefined;
  const status = await statusOf(run, job);
  if (status === undefined) return await jobs.markUnknown(claimed, run.in(UNKNOWN_PAUSE_MILLIS), run.forStore());
  log.jobQueried(job.name, status.name);
  const type = announcementOf(job.kind, status.name);
  if (type === undefined) return await jobs.markRunning(claimed, run.forStore());
  if (await run.announce(reconciledDelivery(job, type, status, now()))) run.counts.recovered += 1;
  return undefined;
}

/** @returns `undefined` where Gemini does not know the job, which counts as an error the first time. */
async function statusOf(run: RunState, job: QueriedJob): Promise<JobStatus | undefined> {
  try {
    return await readStatus(run.dependencies, job.kind, job.name, run.forItem().signal);
  } catch (error) {
    if (!(error instanceof GeminiError && error.httpStatus === 404 && error.isFinal)) throw error;
    if (!job.isUnknown) run.fail(job.snapshot.id, error);
    return undefined;
  }
}
