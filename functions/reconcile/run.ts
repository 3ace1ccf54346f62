import type { Webhooks } from '@google/genai';
import { GeminiError } from '../gemini/errors.ts';
import { askStatus, canBeAsked, type GeminiAccess, type JobStatus } from '../gemini/status.ts';
import { factsOf, publishClaimed } from '../messaging/publishClaimed.ts';
import type { Publisher } from '../messaging/publisher.ts';
import type { Delivery } from '../model/delivery.ts';
import { announcementOf } from '../model/eventTypes.ts';
import { overdueDelivery, reconciledDelivery } from '../model/reconciledDelivery.ts';
import { eventMessage } from '../model/message.ts';
import type { Deadline } from '../runtime/deadline.ts';
import type { Log } from '../observability/log.ts';
import { withSignal } from '../runtime/retry.ts';
import type { Deliveries, TakenOver } from '../store/deliveries.ts';
import type { PageStart } from '../store/queries.ts';
import type { ReconcilableJobs, RegisteredJob } from '../store/reconcilableJobs.ts';
import type { ReconcileConfig } from './config.ts';

type Webhook = Webhooks.Webhook;

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
  readonly config: Pick<
    ReconcileConfig,
    'pendingSeconds' | 'jobSeconds' | 'overdueSeconds' | 'enableWebhooks' | 'callbackUrl'
  >;
  readonly deliveries: Deliveries;
  readonly jobs: ReconcilableJobs;
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

/** What Gemini does not know it is not likely to know later. */
const GONE_PAUSE_MILLIS = 86_400_000;

/** Longer than it takes to ask about a job, to record its end and to publish it. */
const HOLD_MILLIS = 30_000;

/** Of a run's time, what each part leaves to those after it: none of them can keep the others from their turn. */
const LEFT = { republish: 0.6, restart: 0.5, ask: 0.4, overdue: 0.1 };

/** Of webhooks on a page. */
const MAX_PAGE_SIZE = 1_000;

/**
 * How often results are started again that nobody takes up, each time after four times as long: after 2, 8, 32 and 128
 * minutes by default. Where there is no `fetchResults`, their events are then left alone.
 */
const MAX_RESTARTS = 4;
const RESTART_FACTOR = 4;

/**
 * Finds what push alone leaves behind, and finishes it. Safe to run twice at once and as often as one likes: each thing
 * is claimed in its record before it is done, and what is not reached in time is the first of the next run.
 *
 * @throws {ServiceError} `STORE_UNAVAILABLE` where the records cannot be read.
 */
export async function reconcile(dependencies: Dependencies, deadline: Deadline): Promise<Summary> {
  return await new Reconciliation(dependencies, deadline).run();
}

class Reconciliation {
  readonly #dependencies: Dependencies;
  readonly #deadline: Deadline;
  readonly #budgetMillis: number;
  readonly #summary: Summary = { republished: 0, recovered: 0, overdue: 0, resumed: 0, errors: 0 };

  constructor(dependencies: Dependencies, deadline: Deadline) {
    this.#dependencies = dependencies;
    this.#deadline = deadline;
    this.#budgetMillis = deadline.remainingMillis;
  }

  async run(): Promise<Summary> {
    await this.#republishPending();
    await this.#tellWhatIsStuck();
    await this.#restartStalledResults();
    await this.#lookAfterSilentJobs();
    await this.#tellOverdueJobs();
    await this.#checkWebhooks();
    return this.#summary;
  }

  async #republishPending(): Promise<void> {
    const { deliveries, config } = this.#dependencies;
    const before = this.#ago(config.pendingSeconds);
    const page = async (after?: PageStart) => await deliveries.pending(before, after, PAGE, this.#forStore());
    await this.#each(
      LEFT.republish,
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

  async #lookAfterSilentJobs(): Promise<void> {
    const { jobs, config } = this.#dependencies;
    const before = this.#ago(config.jobSeconds);
    const page = async (after?: PageStart) => await jobs.page('silentJobs', before, after, PAGE, this.#forStore());
    await this.#each(LEFT.ask, page, snapshotOf, async (job) => await this.#lookAfter(job));
  }

  /** Each is written to, and so comes after all others the next time: what cannot be asked about is in nobody's way. */
  async #lookAfter(job: RegisteredJob): Promise<void> {
    const { jobs, now, config } = this.#dependencies;
    const isDue = canBeAsked(job.kind, job.name) && (job.nextAt === undefined || job.nextAt <= now());
    const open = isDue ? await this.#ask(job) : !this.#isHeld(job) && (await jobs.pass(job, now(), this.#forStore()));
    if (open && open.since <= this.#ago(config.overdueSeconds)) await this.#tellOverdue(open);
  }

  /** @returns the job, where it goes on and nobody else has changed its record. */
  async #ask(job: RegisteredJob): Promise<RegisteredJob | undefined> {
    const { jobs, log, now, config } = this.#dependencies;
    const pause = Math.min(config.jobSeconds * 1_000 * 2 ** job.asked, LONGEST_PAUSE_MILLIS);
    const times = { now: now(), nextAt: this.#in(pause), heldUntil: this.#in(HOLD_MILLIS) };
    const claimed = await jobs.claimAsking(job, times, this.#forStore());
    if (claimed === undefined) return undefined;
    const status = await this.#statusOf(claimed);
    if (status === undefined) return await jobs.markGone(claimed, this.#in(GONE_PAUSE_MILLIS), this.#forStore());
    log.jobAsked(job.name, status.name);
    const type = announcementOf(job.kind, status.name);
    if (type === undefined) return await jobs.markRunning(claimed, this.#forStore());
    if (await this.#announce(reconciledDelivery(job, type, status, now()))) this.#summary.recovered += 1;
    return undefined;
  }

  /** `undefined` where Gemini does not know the job, which is an error once. */
  async #statusOf(job: RegisteredJob): Promise<JobStatus | undefined> {
    try {
      return await askStatus(this.#dependencies, job.kind, job.name, this.#forItem().signal);
    } catch (error) {
      if (!(error instanceof GeminiError && error.httpStatus === 404)) throw error;
      if (!job.isGone) this.#fail(job.snapshot.id, error);
      return undefined;
    }
  }

  /** The newest first, up to those that have all been told; one that was missed is told when it is silent. */
  async #tellOverdueJobs(): Promise<void> {
    const { jobs, config } = this.#dependencies;
    const before = this.#ago(config.overdueSeconds);
    const page = async (after?: PageStart) => {
      const found = await jobs.page('overdueJobs', before, after, PAGE, this.#forStore());
      return found.every(({ isOverdueTold }) => isOverdueTold) ? [] : found;
    };
    await this.#each(LEFT.overdue, page, snapshotOf, async (job) => await this.#tellOverdue(job));
  }

  async #tellOverdue(job: RegisteredJob): Promise<void> {
    const { jobs, now } = this.#dependencies;
    if (job.isOverdueTold || this.#isHeld(job)) return;
    if (!(await jobs.hold(job, this.#in(HOLD_MILLIS), this.#forStore()))) return;
    if (await this.#announce(overdueDelivery(job, job.since, now()))) this.#summary.overdue += 1;
  }

  #isHeld({ heldUntil }: RegisteredJob): boolean {
    return heldUntil !== undefined && this.#dependencies.now() < heldUntil;
  }

  /** The event is published again: `fetchResults` goes on where it was, and others know it by its `ce-id`. */
  async #restartStalledResults(): Promise<void> {
    const { jobs, deliveries, publisher, config, now } = this.#dependencies;
    const before = this.#ago(config.pendingSeconds);
    const page = async (after?: PageStart) => await jobs.page('stalledResults', before, after, PAGE, this.#forStore());
    await this.#each(LEFT.restart, page, snapshotOf, async (job) => {
      const { announcedBy, restarts, resultsLeaseUntil, resultsUpdatedAt } = job;
      if (announcedBy === undefined || (resultsLeaseUntil && now() < resultsLeaseUntil)) return;
      if (resultsUpdatedAt > this.#ago(config.pendingSeconds * RESTART_FACTOR ** restarts)) return;
      if (!(await jobs.claimRestart(job, now(), restarts + 1 >= MAX_RESTARTS, this.#forStore()))) return;
      const { delivery, userMetadata, publishedAt } = await deliveries.recall(announcedBy, this.#forStore());
      const { event } = delivery;
      if (event === undefined || publishedAt === undefined || publishedAt > before) return;
      const message = eventMessage({ ...delivery, event }, { userMetadata, replay: 'results' });
      await publisher.publish('events', message, this.#forItem());
      this.#summary.resumed += 1;
    });
  }

  /** An endpoint that Gemini has given up gets nothing more, and nobody is told but here. */
  async #checkWebhooks(): Promise<void> {
    const { ai, log, config } = this.#dependencies;
    const { signal } = this.#forItem();
    await this.#attempt('webhooks', async () => {
      for (const { id = '', uri = '' } of await withSignal(this.#disabledWebhooks(signal), signal)) {
        log.webhookDisabled(id, uri, config.enableWebhooks);
        if (!config.enableWebhooks) continue;
        await this.#attempt(id, async () => {
          await withSignal(ai.webhooks.update(id, { state: 'enabled', update_mask: 'state' }, { signal }), signal);
        });
      }
    });
  }

  async #disabledWebhooks(signal: AbortSignal): Promise<readonly Webhook[]> {
    const { ai, config } = this.#dependencies;
    const disabled: Webhook[] = [];
    let token: string | undefined;
    do {
      const page = { page_size: MAX_PAGE_SIZE, ...(token ? { page_token: token } : {}) };
      const { webhooks = [], next_page_token } = await ai.webhooks.list(page, { maxRetries: 1, signal });
      disabled.push(...webhooks.filter((one) => isDisabled(one) && leadsTo(one, config.callbackUrl)));
      token = next_page_token;
    } while (token);
    return disabled;
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
    left: number,
    page: (after?: PageStart) => Promise<readonly T[]>,
    positionOf: (item: T) => PageStart,
    work: (item: T) => Promise<void>,
  ): Promise<void> {
    const hasTime = () => this.#deadline.remainingMillis > left * this.#budgetMillis;
    let after: PageStart | undefined;
    while (hasTime()) {
      const items = await page(after);
      for (let start = 0; start < items.length && hasTime(); start += AT_ONCE) {
        const some = items.slice(start, start + AT_ONCE);
        await Promise.all(some.map(async (item) => await this.#attempt(positionOf(item).id, () => work(item))));
      }
      const last = items.at(-1);
      if (items.length < PAGE || last === undefined) return;
      after = positionOf(last);
    }
  }

  async #attempt(id: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#fail(id, error);
    }
  }

  #fail(id: string, error: unknown): void {
    this.#summary.errors += 1;
    this.#dependencies.log.reconcileFailed(id, error);
  }

  #ago(seconds: number): Date {
    return new Date(this.#dependencies.now().getTime() - seconds * 1_000);
  }

  #in(millis: number): Date {
    return new Date(this.#dependencies.now().getTime() + millis);
  }

  #forStore(): Deadline {
    return this.#deadline.atMost(STORE_MILLIS);
  }

  #forItem(): Deadline {
    return this.#deadline.atMost(ITEM_MILLIS);
  }
}

function isDisabled({ state }: Webhook): boolean {
  return state === 'disabled_due_to_failed_deliveries';
}

/** Any path below the callback's is the callback's too. */
function leadsTo({ uri }: Webhook, callbackUrl: URL | undefined): boolean {
  return callbackUrl === undefined || `${uri}/`.startsWith(`${callbackUrl.href.replace(/\/+$/, '')}/`);
}

function snapshotOf({ snapshot }: RegisteredJob): PageStart {
  return snapshot;
}
