import { FieldValue, type Firestore } from '@google-cloud/firestore';
import { isLeased } from '../model/lease.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { untilDecided } from './contention.ts';
import { type Change, under } from './documents/converter.ts';
import { deliveriesIn } from './documents/delivery.ts';
import { announcedBy, JOB, jobIn, type ResultsFields } from './documents/job.ts';
import { foundIn, NO_LEASE } from './lease.ts';
import { type PageStart, QUERIES, queryOf } from './queries.ts';

/**
 * The outcome of a reset.
 *
 * - `reset`: the next event of the delivery `webhookId` starts the results again
 * - `job_not_found`, `no_results`: no results to restart
 * - `complete`: all results have been published
 * - `in_progress`: an instance is reading them
 * - `delivery_expired`: the delivery that announced them is not recorded any more
 */
export type ResultsReset =
  { readonly status: 'reset'; readonly webhookId: string } | { readonly status: Obstacle | 'delivery_expired' };

type Obstacle = 'job_not_found' | 'no_results' | 'complete' | 'in_progress';

const UNAVAILABLE = ['STORE_UNAVAILABLE', 'Firestore did not answer in time. Run the command again.'] as const;
const PAGE_SIZE = 100;

/** Results that have failed or stalled, as an operator starts them again. */
export class RetriableResults {
  readonly #firestore: Firestore;

  constructor(firestore: Firestore) {
    this.#firestore = firestore;
  }

  /**
   * Sets a job's results back to `pending`, so that the next event is not a repeat. Published results are kept and not
   * read again.
   *
   * @throws {ServiceError} `STORE_UNAVAILABLE`
   */
  async reset(jobName: string, deadline: Deadline): Promise<ResultsReset> {
    const resetting = untilDecided(deadline, async (): Promise<ResultsReset> => {
      const found = foundIn(await jobIn(this.#firestore, jobName).get());
      if (found === undefined) return { status: 'job_not_found' };
      const obstacle = obstacleIn(found.record.results, found.readTime.toDate());
      if (obstacle) return { status: obstacle };
      const webhookId = announcedBy(found.record);
      if (!webhookId || !(await this.#isRecorded(webhookId))) return { status: 'delivery_expired' };
      await found.ref.update(under('results', RESET), found.unchanged);
      return { status: 'reset', webhookId };
    });
    return await deadline.wait(resetting, ...UNAVAILABLE);
  }

  /**
   * Yields the names of the jobs whose results have failed for good, or have not changed since a time.
   *
   * @throws {ServiceError} `STORE_UNAVAILABLE`
   */
  async *list(stalledBefore: Date, now: Date, deadline: Deadline): AsyncGenerator<string> {
    yield* this.#names('failedResults', now, deadline);
    yield* this.#names('stalledResults', stalledBefore, deadline);
  }

  async *#names(query: 'failedResults' | 'stalledResults', before: Date, deadline: Deadline): AsyncGenerator<string> {
    let after: PageStart | undefined;
    do {
      const range = { before, after, limit: PAGE_SIZE };
      const page = queryOf(this.#firestore, QUERIES[query], range).withConverter(JOB).get();
      const { docs } = await deadline.wait(page, ...UNAVAILABLE);
      for (const document of docs) yield document.data().jobId;
      after = docs.length < PAGE_SIZE ? undefined : docs.at(-1);
    } while (after);
  }

  async #isRecorded(webhookId: string): Promise<boolean> {
    return (await deliveriesIn(this.#firestore).doc(webhookId).get()).exists;
  }
}

const RESET: Change<ResultsFields> = {
  state: 'pending',
  updatedAt: FieldValue.serverTimestamp(),
  error: FieldValue.delete(),
  lastError: FieldValue.delete(),
  restarts: FieldValue.delete(),
  stalledSince: FieldValue.delete(),
  ...NO_LEASE,
};

function obstacleIn(results: ResultsFields | undefined, now: Date): Obstacle | undefined {
  if (results === undefined) return 'no_results';
  if (results.state === 'complete') return 'complete';
  return isLeased(results, now) ? 'in_progress' : undefined;
}
