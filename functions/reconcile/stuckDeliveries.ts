import type { PageStart } from '../store/queries.ts';
import { PAGE_SIZE, type RunState } from './runState.ts';

const REPORTED_AFTER_MINUTES = 5;

/** Publishes deliveries that were recorded by an instance that never published them. */
export async function republishStuckDeliveries(run: RunState, reserve: number): Promise<void> {
  const { deliveries, config } = run.dependencies;
  const before = run.ago(config.pendingSeconds);
  await run.sweep({
    reserve,
    page: async (after?: PageStart) => await deliveries.pending(before, after, PAGE_SIZE, run.forStore()),
    positionOf: (document) => document,
    work: async ({ id }) => {
      const taken = await deliveries.takeOver(id, run.forStore());
      if (taken === undefined) return;
      await run.publish(taken.delivery, taken.claimed);
      run.counts.republished += 1;
    },
  });
}

/** Logs the deliveries that no run has been able to publish. */
export async function reportStuckDeliveries(run: RunState): Promise<void> {
  const { deliveries, log } = run.dependencies;
  const before = run.ago(REPORTED_AFTER_MINUTES * 60);
  const stuck = await deliveries.pending(before, undefined, PAGE_SIZE, run.forStore());
  const ids = stuck.map(({ id }) => id);
  if (ids.length > 0) log.deliveriesStuck(ids, REPORTED_AFTER_MINUTES);
}
