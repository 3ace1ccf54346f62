import { type DocumentSnapshot, FieldValue, type Firestore, Timestamp } from '@google-cloud/firestore';
import { jobDocumentId } from '../model/jobName.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { untilDecided } from './contention.ts';
import { readJob } from './jobs.ts';
import { type PageStart, QUERIES, queryOf } from './queries.ts';

/**
 * The outcome of a reset.
 *
 * - `reset`: the next event of the delivery `webhookId` starts the results again
 * - `job_not_found`, `no_results`: there is nothing to start again
 * - `complete`: all results have been published
 * - `in_progress`: an instance is reading them
 * - `delivery_expired`: the delivery that announced them is not recorded any more
 */
export type ResultsReset =
  | { readonly status: 'reset'; readonly webhookId: string }
  | { readonly status: 'job_not_found' | 'no_results' | 'complete' | 'in_progress' | 'delivery_expired' };

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
    const document = this.#firestore.doc(`jobs/${jobDocumentId(jobName)}`);
    const resetting = untilDecided(deadline, async () => {
      const snapshot = await document.get();
      const obstacle = obstacleIn(snapshot);
      if (obstacle) return { status: obstacle } as const;
      const webhookId = announcedBy(snapshot);
      const delivery = webhookId && (await this.#firestore.doc(`deliveries/${webhookId}`).get());
      if (!webhookId || !delivery || !delivery.exists) return { status: 'delivery_expired' } as const;
      await document.update(RESET, snapshot.updateTime ? { lastUpdateTime: snapshot.updateTime } : {});
      return { status: 'reset', webhookId } as const;
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
      const page = queryOf(this.#firestore, QUERIES[query], { before, after, limit: PAGE_SIZE }).get();
      const { docs } = await deadline.wait(page, ...UNAVAILABLE);
      for (const document of docs) yield String(document.get('jobId'));
      after = docs.length < PAGE_SIZE ? undefined : docs.at(-1);
    } while (after);
  }
}

const RESET = {
  'results.state': 'pending',
  'results.updatedAt': FieldValue.serverTimestamp(),
  ...Object.fromEntries(
    ['error', 'lastError', 'restarts', 'stalledSince', 'leaseOwner', 'leaseUntil'].map((name) => [
      `results.${name}`,
      FieldValue.delete(),
    ]),
  ),
};

function obstacleIn(snapshot: DocumentSnapshot): Exclude<ResultsReset['status'], 'reset'> | undefined {
  if (!snapshot.exists) return 'job_not_found';
  const state: unknown = snapshot.get('results.state');
  if (state === undefined) return 'no_results';
  if (state === 'complete') return 'complete';
  const leaseUntil: unknown = snapshot.get('results.leaseUntil');
  const isLeased = leaseUntil instanceof Timestamp && snapshot.readTime.toMillis() < leaseUntil.toMillis();
  return isLeased ? 'in_progress' : undefined;
}

function announcedBy(snapshot: DocumentSnapshot): string | undefined {
  const event: unknown = snapshot.get('results.event');
  return readJob(snapshot)?.timeline?.find(({ type }) => type === event)?.webhookId;
}
