import { overdueDelivery } from '../model/reconciledDelivery.ts';
import type { PageStart } from '../store/queries.ts';
import { positionOf, type ReconcilableJob } from '../store/reconcilableJobs.ts';
import { PAGE_SIZE, type RunState } from './runState.ts';

/**
 * Announces `job.overdue` for jobs without an end, newest first, up to a page on which all have been announced. A job
 * that is missed here is announced when it is silent.
 */
export async function announceOverdueJobs(run: RunState, reserve: number): Promise<void> {
  const { jobs, config } = run.dependencies;
  const before = run.ago(config.overdueSeconds);
  const page = async (after?: PageStart) => {
    const found = await jobs.page('overdueJobs', { before, after, limit: PAGE_SIZE }, run.forStore());
    return found.every(({ isOverdueAnnounced }) => isOverdueAnnounced) ? [] : found;
  };
  await run.sweep({ reserve, page, positionOf, work: async (job) => await announceOverdue(run, job) });
}

export async function announceOverdue(run: RunState, job: ReconcilableJob): Promise<void> {
  const { jobs, now } = run.dependencies;
  if (job.isOverdueAnnounced || !(await jobs.claim(job, run.forStore()))) return;
  if (await run.announce(overdueDelivery(job, job.since, now()))) run.counts.overdue += 1;
}
