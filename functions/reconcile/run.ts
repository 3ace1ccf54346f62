import type { Deadline } from '../runtime/deadline.ts';
import { checkWebhooks } from './disabledWebhooks.ts';
import { recoverLostCallbacks } from './lostCallbacks.ts';
import { announceOverdueJobs } from './overdueJobs.ts';
import type { ReconcileCounts } from '../observability/log.ts';
import { type Dependencies, RunState } from './runState.ts';
import { restartStalledResults } from './stalledResults.ts';
import { republishStuckDeliveries, reportStuckDeliveries } from './stuckDeliveries.ts';

/** The shares of the run's time that each phase leaves for the later phases, so that none of them is starved. */
const RESERVES = { stuckDeliveries: 0.6, stalledResults: 0.5, lostCallbacks: 0.4, overdueJobs: 0.1 };

/**
 * Recovers the deliveries, results and jobs that callbacks and pushes left unfinished. Runs can overlap and repeat: each
 * item is claimed in its record first, and the next run starts with the items that this one did not reach.
 *
 * @throws {ServiceError} `STORE_UNAVAILABLE` where the records cannot be read.
 */
export async function reconcile(dependencies: Dependencies, deadline: Deadline): Promise<ReconcileCounts> {
  const run = new RunState(dependencies, deadline);
  await republishStuckDeliveries(run, RESERVES.stuckDeliveries);
  await reportStuckDeliveries(run);
  await restartStalledResults(run, RESERVES.stalledResults);
  await recoverLostCallbacks(run, RESERVES.lostCallbacks);
  await announceOverdueJobs(run, RESERVES.overdueJobs);
  await checkWebhooks(run);
  return run.counts;
}
