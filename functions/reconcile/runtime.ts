import { geminiByKey } from '../gemini/client.ts';
import { Publisher } from '../messaging/publisher.ts';
import { Deadline } from '../runtime/deadline.ts';
import { Log } from '../observability/log.ts';
import { Deliveries } from '../store/deliveries.ts';
import { connectFirestore } from '../store/firestore.ts';
import { ReconcilableJobs } from '../store/reconcilableJobs.ts';
import type { ReconcileConfig } from './config.ts';
import type { Summary } from './reconcileRun.ts';
import { reconcile } from './run.ts';

/** A run ends before the platform's default time-out of 60 s; the next run continues. */
export const BUDGET_MILLIS = 50_000;

/** Connects the reconciler and returns the function that runs it once. */
export function connectReconciler(config: ReconcileConfig, log = new Log(config.projectId)): () => Promise<Summary> {
  const firestore = connectFirestore(config);
  const gemini = geminiByKey(config.gemini, log);
  const dependencies = {
    config,
    deliveries: new Deliveries(firestore, { ttlDays: config.ttlDays }),
    jobs: new ReconcilableJobs(firestore),
    publisher: new Publisher(config),
    log,
    now: () => new Date(),
  };
  return async () => {
    const summary = await reconcile({ ...dependencies, ...(await gemini()) }, Deadline.inMillis(BUDGET_MILLIS));
    log.reconciled(summary);
    return summary;
  };
}
