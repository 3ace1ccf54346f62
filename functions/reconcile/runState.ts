import type { GeminiAccess } from '../gemini/status.ts';
import { factsOf, publishClaimed } from '../messaging/publishClaimed.ts';
import type { Publisher } from '../messaging/publisher.ts';
import type { Delivery } from '../model/delivery.ts';
import type { Log, ReconcileCounts } from '../observability/log.ts';
import type { Deadline } from '../runtime/deadline.ts';
import type { Deliveries, TakenOver } from '../store/deliveries.ts';
import type { PageStart } from '../store/queries.ts';
import type { ReconcilableJobs } from '../store/reconcilableJobs.ts';
import type { ReconcileConfig } from './config.ts';

export interface Dependencies extends GeminiAccess {
  readonly config: Pick<
    ReconcileConfig,
    'pendingSeconds' | 'jobSeconds' | 'overdueSeconds' | 'enableWebhooks' | 'callbackUrl'
  >;
  readonly deliveries: Deliveries;
  readonly jobs: ReconcilableJobs;
  readonly publisher: Publisher<'events' | 'deadLetter'>;
  readonly log: Log;
  /** By Firestore's clock: ages and pauses are compared with times that other instances have written. */
  readonly now: () => Date;
}

export const PAGE_SIZE = 50;
const CONCURRENCY = 10;
const STORE_MILLIS = 5_000;
const ITEM_MILLIS = 10_000;

/** How to go through one query. */
interface Sweep<T> {
  /** Share of the run's time that is left for the phases after this one. */
  readonly reserve: number;
  readonly page: (after?: PageStart) => Promise<readonly T[]>;
  readonly positionOf: (item: T) => PageStart;
  readonly work: (item: T) => Promise<void>;
}

/** The state that the phases of one run share: its deadline, its counts, and its ways to publish. */
export class RunState {
  readonly dependencies: Dependencies;
  readonly counts: ReconcileCounts = { republished: 0, recovered: 0, overdue: 0, resumed: 0, errors: 0 };
  readonly #deadline: Deadline;
  readonly #budgetMillis: number;

  constructor(dependencies: Dependencies, deadline: Deadline) {
    this.dependencies = dependencies;
    this.#deadline = deadline;
    this.#budgetMillis = deadline.remainingMillis;
  }

  /** Works through the pages of a query, some items at once. A failed item is counted and does not stop the others. */
  async sweep<T>({ reserve, page, positionOf, work }: Sweep<T>): Promise<void> {
    const hasTime = () => this.#deadline.remainingMillis > reserve * this.#budgetMillis;
    let after: PageStart | undefined;
    while (hasTime()) {
      const items = await page(after);
      for (let start = 0; start < items.length && hasTime(); start += CONCURRENCY) {
        const some = items.slice(start, start + CONCURRENCY);
        await Promise.all(some.map(async (item) => await this.attempt(positionOf(item).id, () => work(item))));
      }
      const last = items.at(-1);
      if (items.length < PAGE_SIZE || last === undefined) return;
      after = positionOf(last);
    }
  }

  /** Does one piece of work; its failure is logged and counted. */
  async attempt(id: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.fail(id, error);
    }
  }

  fail(id: string, error: unknown): void {
    this.counts.errors += 1;
    this.dependencies.log.reconcileFailed(id, error);
  }

  /**
   * Records and publishes a delivery of the reconciler's in the way of a callback.
   *
   * @returns `false` where it has been announced before.
   */
  async announce(delivery: Delivery): Promise<boolean> {
    const claimed = await this.dependencies.deliveries.claim(delivery, this.forStore());
    if (claimed.status !== 'claimed') return false;
    await this.publish(delivery, claimed);
    return true;
  }

  async publish(delivery: Delivery, claimed: TakenOver['claimed']): Promise<void> {
    const { state, messageId } = await publishClaimed(delivery, claimed, this.dependencies, this.forItem());
    this.dependencies.log.deliveryRecovered(state, { ...factsOf(delivery), messageId });
  }

  ago(seconds: number): Date {
    return new Date(this.dependencies.now().getTime() - seconds * 1_000);
  }

  in(millis: number): Date {
    return new Date(this.dependencies.now().getTime() + millis);
  }

  /** Returns the deadline of one request to Firestore. */
  forStore(): Deadline {
    return this.#deadline.atMost(STORE_MILLIS);
  }

  /** Returns the deadline of one item's requests to Gemini or Pub/Sub. */
  forItem(): Deadline {
    return this.#deadline.atMost(ITEM_MILLIS);
  }
}
