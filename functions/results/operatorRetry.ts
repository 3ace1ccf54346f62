import { republish } from '../messaging/republish.ts';
import type { Publisher } from '../messaging/publisher.ts';
import type { Deadline } from '../runtime/deadline.ts';
import type { Deliveries } from '../store/deliveries.ts';
import type { ResultsReset, RetriableResults } from '../store/resultsRetry.ts';

interface Dependencies {
  readonly results: RetriableResults;
  readonly deliveries: Deliveries;
  readonly publisher: Publisher<'events' | 'deadLetter'>;
}

/** `started`, or why the results were not started again. */
export type RetryStatus = 'started' | Exclude<ResultsReset['status'], 'reset'> | 'delivery_unpublished';

/**
 * Starts a job's results again for an operator, after any failure: final, stalled or dead-lettered. The restarts without
 * an operator, and their pauses: `reconcile/stalledResults.ts`. Publishes the event that announced
 * them once more, as the reconciler does. Where publishing fails, the reconciler publishes it later.
 *
 * @throws {ServiceError} `STORE_UNAVAILABLE` or `PUBLISH_UNAVAILABLE`
 */
export async function retryResults(
  jobName: string,
  dependencies: Dependencies,
  deadline: Deadline,
): Promise<RetryStatus> {
  const reset = await dependencies.results.reset(jobName, deadline);
  if (reset.status !== 'reset') return reset.status;
  const isPublished = await republish(reset.webhookId, dependencies, { store: deadline, publish: deadline });
  return isPublished ? 'started' : 'delivery_unpublished';
}
