import { randomUUID } from 'node:crypto';
import type { DocumentReference, DocumentSnapshot, Timestamp } from '@google-cloud/firestore';
import { type Decision, decide, type Delivery } from '../../model/delivery.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Lease } from '../../model/lease.ts';
import { Deadline } from '../../runtime/deadline.ts';
import { isStatus, Status } from '../../runtime/grpcStatus.ts';
import { KeyedMutex } from '../../runtime/keyedMutex.ts';
import { RecentKeys } from '../../runtime/recentKeys.ts';
import { ABSENT } from '../commits.ts';
import { untilDecided } from '../contention.ts';
import { type Change, orDelete } from '../documents/converter.ts';
import type { DeliveryDocument } from '../documents/delivery.ts';
import { jobEventWrite, type ExpectedJob } from '../jobEvents.ts';
import { foundIn, leaseFrom, secondsLeft } from '../lease.ts';
import type { DeliveryCalls, RecordPair } from './deliveryCalls.ts';
import { ONE_MORE, recordOf } from './deliveryRecord.ts';

/**
 * The time that one owner has to publish a delivery: longer than a request (8 s from before the claim), so that an owner
 * has stopped when its lease expires, and short enough for Gemini's next retry after a crash.
 */
export const DELIVERY_LEASE_MILLIS = 10_000;

/** The time that is left of a lease after its commit at least: a request takes no longer. */
const WORK_MILLIS = 8_000;

/** Deliveries and jobs that are remembered as recorded. */
const RECENT_KEYS = 2_000;

const LATE_RELEASE_MILLIS = 4_000;

const NOT_RECORDED = [
  'STORE_UNAVAILABLE',
  'Firestore did not record the delivery in time. Send the request again.',
] as const;

/** The right to publish a delivery and to record its end. */
export interface Claim {
  readonly document: DocumentReference<DeliveryDocument>;
  readonly owner: string;
  /** The version of the record that the claim wrote. */
  readonly updateTime: Timestamp;
}

/** A claimed delivery, and what its message says beside the event. */
export interface ClaimedDelivery {
  readonly status: 'claimed';
  readonly claim: Claim;
  readonly repeatOf?: string | undefined;
  readonly userMetadata?: JsonObject | undefined;
}

/** The outcome of claiming a delivery. */
export type ClaimResult =
  | ClaimedDelivery
  | { readonly status: 'published' | 'quarantined' | 'conflict' }
  | { readonly status: 'in_progress'; readonly retryAfterSeconds: number };

interface ClaimOptions {
  readonly ttlMillis: number;
  /** Set where a claimed delivery has just arrived and counts as an attempt. */
  readonly receives: boolean;
  readonly release: (claim: Claim, deadline: Deadline) => Promise<boolean>;
}

/** The records as a claim expects them: it changes those that were read and creates the others. */
interface ExpectedRecords {
  readonly document: DocumentReference<DeliveryDocument>;
  /** The start of the lease. */
  readonly readTime: Timestamp;
  readonly updateTime?: Timestamp | undefined;
  readonly job: ExpectedJob | undefined;
}

interface Read extends RecordPair {
  readonly decision: Decision;
}

/** Decides, once for all simultaneous copies of a delivery, which one publishes it. */
export class DeliveryClaims {
  readonly #calls: DeliveryCalls;
  readonly #options: ClaimOptions;
  readonly #mutex = new KeyedMutex();
  /** Webhook-ids and jobs whose records exist: those are read first. */
  readonly #recent = new RecentKeys(RECENT_KEYS);

  constructor(calls: DeliveryCalls, options: ClaimOptions) {
    this.#calls = calls;
    this.#options = options;
  }

  /** @throws {ServiceError} `STORE_UNAVAILABLE` */
  async claim(delivery: Delivery, deadline: Deadline): Promise<ClaimResult> {
    const owner = randomUUID();
    const claiming = untilDecided(deadline, async () => await this.#tryClaim(delivery, owner, deadline));
    const claimed = await deadline.wait(claiming, ...NOT_RECORDED);
    if (claimed.status !== 'claimed') await this.#count(delivery, deadline);
    return claimed;
  }

  /** Writers of one job wait for each other; a copy that writes nothing does not wait. */
  async #tryClaim(delivery: Delivery, owner: string, deadline: Deadline): Promise<ClaimResult> {
    return (await this.#tryCreate(delivery, owner, deadline)) ?? (await this.#tryReading(delivery, owner, deadline));
  }

  /**
   * Claims without a read where a delivery is probably the first of its job (docs/design/0007-claim-without-a-read.md).
   * The lease starts at an estimate of Firestore's time, which the time of the commit then confirms.
   *
   * @returns `undefined` where one of the records exists, or probably exists.
   */
  async #tryCreate(delivery: Delivery, owner: string, deadline: Deadline): Promise<ClaimResult | undefined> {
    const contended = contendedBy(delivery);
    const isKnown = [delivery.webhookId, contended].some((key) => this.#recent.has(key));
    const readTime = this.#calls.clock.now();
    // submitJob and the reconciler know the jobs of all other schemes.
    const isFirst = delivery.scheme === 'v1' && this.#options.receives && !isKnown && !this.#mutex.isBusy(contended);
    if (!isFirst || readTime === undefined) return undefined;
    return await this.#mutex.run(contended, async () => {
      return await this.#inTime(this.#create(delivery, owner, readTime), deadline);
    });
  }

  async #create(delivery: Delivery, owner: string, readTime: Timestamp): Promise<ClaimResult | undefined> {
    const jobName = delivery.event?.job?.name;
    const job = jobName === undefined ? undefined : { ref: this.#calls.jobDocumentOf(jobName) };
    const document = this.#calls.documentOf(delivery.webhookId);
    try {
      const claimed = await this.#record(delivery, owner, { document, readTime, job });
      return { ...claimed, claim: await this.#confirmed(claimed.claim, readTime) };
    } catch (error) {
      if (!isStatus(error, Status.ALREADY_EXISTS)) throw error;
      this.#remember(delivery);
      return undefined;
    }
  }

  /** Renews a lease that is too short by the time of the commit, unless another owner has acquired it. */
  async #confirmed(claim: Claim, leasedFrom: Timestamp): Promise<Claim> {
    const { document, owner, updateTime: lastUpdateTime } = claim;
    const lease = leaseFrom(leasedFrom, owner, DELIVERY_LEASE_MILLIS);
    if (isLongEnough(lease, lastUpdateTime)) return claim;
    const renewed = leaseFrom(lastUpdateTime, owner, DELIVERY_LEASE_MILLIS);
    const { writeTime } = await document.update({ ...renewed }, { lastUpdateTime });
    return { ...claim, updateTime: writeTime };
  }

  #remember(delivery: Delivery): void {
    this.#recent.add(delivery.webhookId);
    this.#recent.add(contendedBy(delivery));
  }

  async #tryReading(delivery: Delivery, owner: string, deadline: Deadline): Promise<ClaimResult> {
    const read = await this.#read(delivery, owner, deadline);
    if (read.decision !== 'record' && read.decision !== 'resume') return await this.#act(delivery, owner, read);
    return await this.#mutex.run(contendedBy(delivery), async (hasWaited) => {
      const current = hasWaited ? await deadline.race(this.#read(delivery, owner, deadline), ...NOT_RECORDED) : read;
      return await this.#inTime(this.#act(delivery, owner, current), deadline);
    });
  }

  /** A claim that is written after its request has ended is released, so that the next copy need not wait. */
  async #inTime<T extends ClaimResult | undefined>(claiming: Promise<T>, deadline: Deadline): Promise<T> {
    try {
      return await deadline.race(claiming, ...NOT_RECORDED);
    } catch (error) {
      void this.#releaseLate(claiming);
      throw error;
    }
  }

  async #releaseLate(claiming: Promise<ClaimResult | undefined>): Promise<void> {
    const late = await claiming.catch(() => undefined);
    if (late?.status !== 'claimed') return;
    await this.#options.release(late.claim, Deadline.inMillis(LATE_RELEASE_MILLIS)).catch(() => false);
  }

  async #read(delivery: Delivery, owner: string, deadline: Deadline): Promise<Read> {
    const pair = await this.#calls.read(delivery.webhookId, delivery.event?.job?.name);
    deadline.requireTime('STORE_UNAVAILABLE');
    const decision = decide(pair.delivery.data(), delivery, owner, pair.delivery.readTime.toDate());
    return { ...pair, decision };
  }

  async #act(delivery: Delivery, owner: string, read: Read): Promise<ClaimResult> {
    const record = read.delivery.data();
    switch (read.decision) {
      case 'record':
        return await this.#record(delivery, owner, expectedBy(read));
      case 'resume':
        return {
          status: 'claimed',
          claim: await this.#resume(owner, read.delivery),
          repeatOf: record?.repeatOf,
          userMetadata: read.job?.data()?.userMetadata,
        };
      case 'wait': {
        const seconds = secondsLeft(record ?? {}, read.delivery.readTime.toDate(), DELIVERY_LEASE_MILLIS);
        return { status: 'in_progress', retryAfterSeconds: seconds };
      }
      case 'done':
        return { status: record?.state === 'quarantined' ? 'quarantined' : 'published' };
      case 'conflict':
        return { status: 'conflict' };
    }
  }

  async #count(delivery: Delivery, deadline: Deadline): Promise<void> {
    const copy = { document: this.#calls.documentOf(delivery.webhookId), fields: ONE_MORE };
    const counting = untilDecided(deadline, async () => await this.#calls.change([copy]));
    await deadline.wait(counting, ...NOT_RECORDED);
  }

  /** Writes the delivery's record and its job's change, both or neither. */
  async #record(delivery: Delivery, owner: string, expected: ExpectedRecords): Promise<ClaimedDelivery> {
    const { document, readTime, updateTime, job } = expected;
    const jobEvent = job && jobEventWrite(delivery, job);
    const change = jobEvent?.change;
    const fields = {
      ...recordOf(delivery, this.#options.ttlMillis),
      ...leaseFrom(readTime, owner, DELIVERY_LEASE_MILLIS),
      state: 'pending' as const,
      quarantineReason: delivery.event ? undefined : ('NOT_AN_EVENT' as const),
      repeatOf: change?.repeatOf,
    };
    const write = updateTime
      ? { document, fields: this.#replacing(fields), expected: updateTime }
      : { document, fields, expected: ABSENT };
    const claimedAt = await this.#calls.claim([...(jobEvent ? [jobEvent.write] : []), write]);
    const claim = { document, owner, updateTime: claimedAt };
    this.#remember(delivery);
    return { status: 'claimed', claim, repeatOf: change?.repeatOf, userMetadata: change?.job.userMetadata };
  }

  /** Replaces a quarantined copy of the same delivery, which keeps the time of its arrival and the count. */
  #replacing(fields: Change<DeliveryDocument>): Change<DeliveryDocument> {
    const counted = this.#options.receives ? ONE_MORE : { attempts: undefined, lastReceivedAt: undefined };
    const { route, quarantineReason } = fields;
    const renewed = { route: orDelete(route), quarantineReason: orDelete(quarantineReason) };
    return { ...fields, firstReceivedAt: undefined, ...renewed, ...counted };
  }

  async #resume(owner: string, snapshot: DocumentSnapshot<DeliveryDocument>): Promise<Claim> {
    const found = foundIn(snapshot);
    if (found === undefined) throw new Error('A delivery without a record cannot be resumed.');
    const { ref: document, record, readTime, unchanged } = found;
    const isOwn = record.leaseOwner === owner;
    if (isOwn && isLongEnough(record, readTime)) return { document, owner, updateTime: unchanged.lastUpdateTime };
    const fields = { ...leaseFrom(readTime, owner, DELIVERY_LEASE_MILLIS), ...(isOwn ? {} : ONE_MORE) };
    const { writeTime } = await document.update(fields, unchanged);
    return { document, owner, updateTime: writeTime };
  }
}

/** Writers of one job wait for each other. */
function contendedBy({ event, webhookId }: Delivery): string {
  return event?.job?.name ?? webhookId;
}

function expectedBy({ delivery, job }: RecordPair): ExpectedRecords {
  const { ref: document, readTime, updateTime } = delivery;
  const expectedJob = job && { ref: job.ref, updateTime: job.updateTime, record: job.data() };
  return { document, readTime, updateTime, job: expectedJob };
}

function isLongEnough({ leaseUntil }: Lease, from: Timestamp): boolean {
  return leaseUntil !== undefined && leaseUntil.getTime() - from.toMillis() >= WORK_MILLIS;
}
