import { geminiByKey } from '../gemini/client.ts';
import { Publisher } from '../messaging/publisher.ts';
import { Deadline } from '../runtime/deadline.ts';
import { Log, type ReconcileCounts } from '../observability/log.ts';
import { Deliveries } from '../store/deliveries.ts';
import { Database } from '../store/database.ts';
import { readClock } from '../store/firestoreClock.ts';
import { ReconcilableJobs } from '../store/reconcilableJobs.ts';
import type { ReconcileConfig } from './config.ts';
import { reconcile } from './run.ts';

/** A run ends before the platform's default time-out of 60 s; the next run continues. */
export const BUDGET_MILLIS = 50_000;

const CLOCK_MILLIS = 5_000;

/** Connects the reconciler and returns the function that runs it once. */
export function connectReconciler(
  config: ReconcileConfig,
  log = new Log(config.projectId),
): () => Promise<ReconcileCounts> {
  const firestore = new Database(config);
  const gemini = geminiByKey(config.gemini, log);
  const dependencies = {
    config,
    deliveries: new Deliveries(firestore, { ttlDays: config.ttlDays }),
    jobs: new ReconcilableJobs(firestore),
    publisher: new Publisher(config),
    log,
  };
  return async () => {
    const deadline = Deadline.inMillis(BUDGET_MILLIS);
    const now = await readClock(firestore, deadline.atMost(CLOCK_MILLIS));
    const counts = await reconcile({ ...dependencies, ...(await gemini()), now }, deadline);
    log.reconciled(counts);
    return counts;
  };
}
