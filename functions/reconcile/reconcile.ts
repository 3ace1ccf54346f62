import { askStatus, canBeAsked, type GeminiAccess } from '../gemini/status.ts';
import { factsOf, publishClaimed } from '../messaging/publishClaimed.ts';
import type { Publisher } from '../messaging/publisher.ts';
import type { Delivery } from '../model/delivery.ts';
import { foundDelivery, isGoingOn, overdueDelivery } from '../model/finding.ts';
import { eventMessage } from '../model/message.ts';
import type { Deadline } from '../platform/deadline.ts';
import type { Log } from '../platform/log.ts';
import type { Deliveries, TakenOver } from '../store/deliveries.ts';
import type { PageStart } from '../store/queries.ts';
import type { JobRegistry, RegisteredJob } from '../store/registry.ts';
import type { ReconcileConfig } from './config.ts';

/** What one run has done, in numbers. */
export interface Summary {
  /** Deliveries that were recorded and stuck before Pub/Sub. */
  republished: number;
  /** Ends of jobs that no callback told. */
  recovered: number;
  /** Jobs told to take too long. */
  overdue: number;
  /** Jobs whose results had stalled. */
  resumed: number;
  /** What could not be done this time; the log says why. */
  errors: number;
}

export interface Dependencies extends GeminiAccess {
  readonly config: Pick<ReconcileConfig, 'pendingSeconds' | 'jobSeconds' | 'overdueSeconds' | 'enableWebhooks'>;
  readonly deliveries: Deliveries;
  readonly jobs: JobRegistry;
  readonly publisher: Publisher<'events' | 'deadLetter'>;
  readonly log: Log;
  readonly now: () => Date;
}

const PAGE = 50;
const STUCK_MINUTES = 5;
const AT_ONCE = 10;
const STORE_MILLIS = 5_000;
const ITEM_MILLIS = 10_000;
const LONGEST_PAUSE_MILLIS = 21_600_000;

/**
 * How often results are started again that nobody takes up, each time after four times as long: after 2, 8, 32 and 128
 * minutes by default. Where there is no `fetchResults`, their events are then left alone.
 */
const MAX_RESTARTS = 4;
const RESTART_FACTOR = 4;

/** What another run has touched just now, it may be finishing. */
const SETTLING_MILLIS = 60_000;

/**
 * Finds what push alone leaves behind, and finishes it. Safe to run twice at once and as often as one likes: each thing
 * is claimed in its record before it is done, and what is not reached in time is the first of the next run.
 *
 * @throws {CallbackError} `STORE_UNAVAILABLE` where the records cannot be read.
 */
export async function reconcile(dependencies: Dependencies, deadline: Deadline): Promise<Summary> {
  return await new Reconciliation(dependencies, deadline).run();
}

class Reconciliation {
  readonly #dependencies: Dependencies;
  readonly #deadline: Deadline;
  readonly #summary: Summary = { republished: 0, recovered: 0, overdue: 0, resumed: 0, errors: 0 };

  readonly #asked = new Set<string>();

  constructor(dependencies: Dependencies, deadline: Deadline) {
    this.#dependencies = dependencies;
    this.#deadline = deadline;
  }

  async run(): Promise<Summary> {
    await this.#republishPending();
    await this.#tellWhatIsStuck();
    await this.#askAboutSilentJobs();
    await this.#tellOverdueJobs();
    await this.#restartStalledResults();
    await this.#checkWebhooks();
    return this.#summary;
  }

  async #republishPending(): Promise<void> {
    const { deliveries, config } = this.#dependencies;
    const before = this.#ago(config.pendingSeconds);
    const page = async (after?: PageStart) => await deliveries.pending(before, after, PAGE, this.#forStore());
    await this.#each(
      page,
      (document) => document,
      async ({ id }) => {
        const taken = await deliveries.takeOver(id, this.#forStore());
        if (taken === undefined) return;
        await this.#publish(taken.delivery, taken.claimed);
        this.#summary.republished += 1;
      },
    );
  }

  /** What is still pending now has not been helped by this run, nor by those before it. */
  async #tellWhatIsStuck(): Promise<void> {
    const { deliveries, log } = this.#dependencies;
    const stuck = await deliveries.pending(this.#ago(STUCK_MINUTES * 60), undefined, PAGE, this.#forStore());
    if (stuck.length > 0)
      log.deliveriesStuck(
        stuck.map(({ id }) => id),
        STUCK_MINUTES,
      );
  }

  async #askAboutSilentJobs(): Promise<void> {
    const { jobs, config } = this.#dependencies;
    const before = this.#ago(config.jobSeconds);
    const page = async (after?: PageStart) => await jobs.page('silentJobs', before, after, PAGE, this.#forStore());
    await this.#each(page, snapshotOf, async (job) => await this.#askAbout(job));
  }

  async #askAbout(job: RegisteredJob): Promise<void> {
    const { jobs, log, now, config } = this.#dependencies;
    if (!canBeAsked(job.kind, job.name) || (job.nextAt && now() < job.nextAt)) return;
    const pause = Math.min(config.jobSeconds * 1_000 * 2 ** job.asked, LONGEST_PAUSE_MILLIS);
    if (!(await jobs.claimAsking(job, now(), new Date(now().getTime() + pause), this.#forStore()))) return;
    this.#asked.add(job.name);
    const signal = AbortSignal.timeout(Math.min(ITEM_MILLIS, this.#deadline.remainingMillis));
    const status = await askStatus(this.#dependencies, job.kind, job.name, signal);
    log.jobAsked(job.name, status.name);
    if (isGoingOn(status.name)) {
      if (job.state === 'submitted') await jobs.markRunning(job, this.#forStore());
    } else if (await this.#announce(foundDelivery(job, status, now()))) {
      this.#summary.recovered += 1;
    }
  }

  async #tellOverdueJobs(): Promise<void> {
    const { jobs, config, now } = this.#dependencies;
    const before = this.#ago(config.overdueSeconds);
    const page = async (after?: PageStart) => await jobs.page('overdueJobs', before, after, PAGE, this.#forStore());
    await this.#each(page, snapshotOf, async (job) => {
      if (job.isOverdueTold || this.#isAnothers(job)) return;
      if (await this.#announce(overdueDelivery(job, job.since, now()))) this.#summary.overdue += 1;
    });
  }

  #isAnothers({ name, updatedAt }: RegisteredJob): boolean {
    return !this.#asked.has(name) && updatedAt > this.#ago(SETTLING_MILLIS / 1_000);
  }

  /** The event is published again: `fetchResults` goes on where it was, and others know it by its `ce-id`. */
  async #restartStalledResults(): Promise<void> {
    const { jobs, deliveries, publisher, config, now } = this.#dependencies;
    const before = this.#ago(config.pendingSeconds);
    const page = async (after?: PageStart) => await jobs.page('stalledResults', before, after, PAGE, this.#forStore());
    await this.#each(page, snapshotOf, async (job) => {
      const { announcedBy, restarts, resultsLeaseUntil, resultsUpdatedAt } = job;
      if (announcedBy === undefined || (resultsLeaseUntil && now() < resultsLeaseUntil)) return;
      if (resultsUpdatedAt > this.#ago(config.pendingSeconds * RESTART_FACTOR ** restarts)) return;
      if (!(await jobs.claimRestart(job, now(), restarts + 1 >= MAX_RESTARTS, this.#forStore()))) return;
      const { delivery, userMetadata, publishedAt } = await deliveries.recall(announcedBy, this.#forStore());
      const { event } = delivery;
      if (event === undefined || publishedAt === undefined || publishedAt > before) return;
      const message = eventMessage({ ...delivery, event }, { userMetadata });
      const attributes = { ...message.attributes, replay: 'results' };
      await publisher.publish('events', { ...message, attributes }, this.#deadline.atMost(ITEM_MILLIS));
      this.#summary.resumed += 1;
    });
  }

  /** An endpoint that Gemini has given up gets nothing more, and nobody is told but here. */
  async #checkWebhooks(): Promise<void> {
    const { ai, log, config } = this.#dependencies;
    await this.#attempt('webhooks', async () => {
      const { webhooks = [] } = await ai.webhooks.list({ page_size: 1_000 }, { maxRetries: 1, timeout: ITEM_MILLIS });
      for (const { id = '', uri = '', state } of webhooks) {
        if (state !== 'disabled_due_to_failed_deliveries') continue;
        log.webhookDisabled(id, uri, config.enableWebhooks);
        if (config.enableWebhooks) await ai.webhooks.update(id, { state: 'enabled', update_mask: 'state' });
      }
    });
  }

  /** Records and publishes an event of our own the way a callback goes; false where that has been done before. */
  async #announce(delivery: Delivery): Promise<boolean> {
    const claimed = await this.#dependencies.deliveries.claim(delivery, this.#forStore());
    if (claimed.status !== 'claimed') return false;
    await this.#publish(delivery, claimed);
    return true;
  }

  async #publish(delivery: Delivery, claimed: TakenOver['claimed']): Promise<void> {
    const facts = factsOf(delivery);
    const outcome = await publishClaimed(delivery, claimed, { ...this.#dependencies, facts }, this.#forItem());
    this.#dependencies.log.deliveryRecovered(outcome, facts);
  }

  /** Goes through the pages of a query, some items at once; what fails is counted, and those behind it go on. */
  async #each<T>(
    page: (after?: PageStart) => Promise<readonly T[]>,
    positionOf: (item: T) => PageStart,
    work: (item: T) => Promise<void>,
  ): Promise<void> {
    let after: PageStart | undefined;
    do {
      const items = await page(after);
      for (let start = 0; start < items.length && this.#hasTime(); start += AT_ONCE) {
        const some = items.slice(start, start + AT_ONCE);
        await Promise.all(some.map(async (item) => await this.#attempt(positionOf(item).id, () => work(item))));
      }
      const last = items.at(-1);
      after = items.length < PAGE || last === undefined ? undefined : positionOf(last);
    } while (after && this.#hasTime());
  }

  async #attempt(id: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#summary.errors += 1;
      this.#dependencies.log.reconcileFailed(id, error);
    }
  }

  #ago(seconds: number): Date {
    return new Date(this.#dependencies.now().getTime() - seconds * 1_000);
  }

  #hasTime(): boolean {
    return this.#deadline.remainingMillis > ITEM_MILLIS;
  }

  #forStore(): Deadline {
    return this.#deadline.atMost(STORE_MILLIS);
  }

  #forItem(): Deadline {
    return this.#deadline.atMost(ITEM_MILLIS);
  }
}

function snapshotOf({ snapshot }: RegisteredJob): PageStart {
  return snapshot;
}
