import { randomUUID } from 'node:crypto';
import type { DocumentReference, DocumentSnapshot, Firestore, Timestamp } from '@google-cloud/firestore';
import { type Decision, decide, type Delivery } from '../../model/delivery.ts';
import type { JsonObject } from '../../model/json.ts';
import { Deadline } from '../../runtime/deadline.ts';
import { KeyedMutex } from '../../runtime/keyedMutex.ts';
import { untilDecided } from '../contention.ts';
import { type Change, orDelete } from '../documents/converter.ts';
import type { DeliveryDocument } from '../documents/delivery.ts';
import { writeJobEvent } from '../jobEvents.ts';
import { foundIn, leaseFrom, secondsLeft } from '../lease.ts';
import type { DeliveryCalls, RecordPair } from './deliveryCalls.ts';
import { copyOf, recordOf } from './deliveryRecord.ts';

/**
 * The time that one owner has to publish a delivery: longer than a request (8 s from before the claim), so that an owner
 * has stopped when its lease expires, and short enough for Gemini's next retry after a crash.
 */
export const DELIVERY_LEASE_MILLIS = 10_000;

const LATE_RELEASE_MILLIS = 4_000;

const NOT_RECORDED = ['STORE_UNAVAILABLE', 'Firestore did not record the delivery in time. Send it again.'] as const;

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

interface Read extends RecordPair {
  readonly decision: Decision;
}

/** Decides, once for all simultaneous copies of a delivery, which one publishes it. */
export class DeliveryClaims {
  readonly #firestore: Firestore;
  readonly #calls: DeliveryCalls;
  readonly #options: ClaimOptions;
  readonly #mutex = new KeyedMutex();

  constructor(firestore: Firestore, calls: DeliveryCalls, options: ClaimOptions) {
    this.#firestore = firestore;
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
    const read = await this.#read(delivery, owner, deadline);
    if (read.decision !== 'record' && read.decision !== 'resume') return await this.#act(delivery, owner, read);
    const contended = delivery.event?.job?.name ?? delivery.webhookId;
    return await this.#mutex.run(contended, async (hasWaited) => {
      const current = hasWaited ? await deadline.race(this.#read(delivery, owner, deadline), ...NOT_RECORDED) : read;
      return await this.#inTime(this.#act(delivery, owner, current), deadline);
    });
  }

  /** A claim that is written after its request has ended is released, so that the next copy need not wait. */
  async #inTime(claiming: Promise<ClaimResult>, deadline: Deadline): Promise<ClaimResult> {
    try {
      return await deadline.race(claiming, ...NOT_RECORDED);
    } catch (error) {
      void this.#releaseLate(claiming);
      throw error;
    }
  }

  async #releaseLate(claiming: Promise<ClaimResult>): Promise<void> {
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
        return await this.#record(delivery, owner, read);
      case 'resume':
        return {
          status: 'claimed',
          claim: await this.#resume(delivery, owner, read.delivery),
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
    const copy = { document: this.#calls.documentOf(delivery.webhookId), fields: copyOf(delivery) };
    const counting = untilDecided(deadline, async () => await this.#calls.update(copy));
    await deadline.wait(counting, ...NOT_RECORDED);
  }

  /** Writes the delivery's record and its job's change, both or neither. */
  async #record(delivery: Delivery, owner: string, read: Read): Promise<ClaimResult> {
    const { ref: document, readTime, updateTime } = read.delivery;
    const batch = this.#firestore.batch();
    const change = read.job && writeJobEvent(batch, delivery, read.job);
    const fields = {
      ...recordOf(delivery, this.#options.ttlMillis),
      ...leaseFrom(readTime, owner, DELIVERY_LEASE_MILLIS),
      state: 'pending' as const,
      quarantineReason: delivery.event ? undefined : ('NOT_AN_EVENT' as const),
      repeatOf: change?.repeatOf,
    };
    if (updateTime) batch.update(document, this.#replacing(fields, delivery), { lastUpdateTime: updateTime });
    else batch.create(document, fields);
    const results = await batch.commit();
    const claim = { document, owner, updateTime: writeTimeOf(results.at(-1)) };
    return { status: 'claimed', claim, repeatOf: change?.repeatOf, userMetadata: change?.job.userMetadata };
  }

  /** Replaces a quarantined copy of the same delivery, which keeps the time of its arrival and the count. */
  #replacing(fields: DeliveryDocument, delivery: Delivery): Change<DeliveryDocument> {
    const counted = this.#options.receives ? copyOf(delivery) : { attempts: undefined, lastReceivedAt: undefined };
    const { route, quarantineReason } = fields;
    const renewed = { route: orDelete(route), quarantineReason: orDelete(quarantineReason) };
    return { ...fields, firstReceivedAt: undefined, ...renewed, ...counted };
  }

  async #resume(delivery: Delivery, owner: string, snapshot: DocumentSnapshot<DeliveryDocument>): Promise<Claim> {
    const found = foundIn(snapshot);
    if (found === undefined) throw new Error('A delivery without a record cannot be resumed.');
    const { ref: document, record, readTime, unchanged } = found;
    if (record.leaseOwner === owner) return { document, owner, updateTime: unchanged.lastUpdateTime };
    const fields = { ...leaseFrom(readTime, owner, DELIVERY_LEASE_MILLIS), ...copyOf(delivery) };
    const { writeTime } = await document.update(fields, unchanged);
    return { document, owner, updateTime: writeTime };
  }
}

function writeTimeOf(result: { readonly writeTime: Timestamp } | undefined): Timestamp {
  if (result === undefined) throw new Error('Firestore committed without the time of the writes.');
  return result.writeTime;
}
