import { republish } from '../messaging/republish.ts';
import { STALLED_MINUTES } from '../model/progress.ts';
import type { PageStart } from '../store/queries.ts';
import { positionOf, type ReconcilableJob } from '../store/reconcilableJobs.ts';
import { PAGE_SIZE, type RunState } from './runState.ts';

/** The pause between two restarts grows by this factor: 2, 8, 32 and then 60 minutes by default. */
const PAUSE_FACTOR = 4;
const MAX_PAUSE_SECONDS = 3_600;

/** The age after which only `jobs retry` restarts stalled results. */
const GIVE_UP_SECONDS = 7 * 86_400;

/** Restarts results without progress, and logs the jobs whose results have been stalled for an hour. */
export async function restartStalledResults(run: RunState, reserve: number): Promise<void> {
  const { jobs, config, log } = run.dependencies;
  const range = { before: run.ago(config.pendingSeconds), since: run.ago(GIVE_UP_SECONDS) };
  const page = async (after?: PageStart) =>
    await jobs.page('stalledResults', { ...range, after, limit: PAGE_SIZE }, run.forStore());
  const stalled: string[] = [];
  await run.sweep({
    reserve,
    page,
    positionOf,
    work: async (job) => {
      if (job.stalledSince <= run.ago(STALLED_MINUTES * 60)) stalled.push(job.name);
      if (isDue(run, job)) await restart(run, job);
    },
  });
  if (stalled.length > 0) log.resultsStalled(stalled.slice(0, PAGE_SIZE), STALLED_MINUTES);
}

function isDue(run: RunState, job: ReconcilableJob): boolean {
  const { config } = run.dependencies;
  const pauseSeconds = Math.min(config.pendingSeconds * PAUSE_FACTOR ** job.restarts, MAX_PAUSE_SECONDS);
  return (
    !job.areResultsLeased &&
    job.resultsUpdatedAt <= run.ago(pauseSeconds) &&
    job.stalledSince > run.ago(GIVE_UP_SECONDS)
  );
}

/** Publishes the event again: fetchResults resumes, and other subscribers drop the repeat by its `ce-id`. */
async function restart(run: RunState, job: ReconcilableJob): Promise<void> {
  const { jobs, config, now } = run.dependencies;
  if (job.announcedBy === undefined) return;
  if (!(await jobs.claimRestart(job, now(), run.forStore()))) return;
  const deadlines = { store: run.forStore(), publish: run.forItem() };
  const before = run.ago(config.pendingSeconds);
  const isPublished = await republish(job.announcedBy, run.dependencies, deadlines, before);
  if (isPublished) run.counts.resumed += 1;
}
