import { randomUUID } from 'node:crypto';
import { type DocumentData, FieldValue } from '@google-cloud/firestore';
import { type Delivery, isAbandoned, type QuarantineReason, type Settlement } from '../model/delivery.ts';
import type { JsonObject } from '../model/json.ts';
import type { Deadline } from '../runtime/deadline.ts';
import { isStatus, Status } from '../runtime/grpcStatus.ts';
import { untilDecided } from './contention.ts';
import type { Database } from './database.ts';
import { DeliveryCalls } from './deliveries/deliveryCalls.ts';
import {
  type Claim,
  type ClaimedDelivery,
  type ClaimResult,
  DELIVERY_LEASE_MILLIS,
  DeliveryClaims,
} from './deliveries/deliveryClaims.ts';
import { deliveryOf, recordOf } from './deliveries/deliveryRecord.ts';
import type { Change } from './documents/converter.ts';
import type { DeliveryDocument } from './documents/delivery.ts';
import { foundIn, type FoundRecord, leaseFrom, RELEASED, writeIfOwner } from './lease.ts';
import { type PageStart, QUERIES, queryOf } from './queries.ts';

const DAY_MILLIS = 86_400_000;

const UNAVAILABLE = ['STORE_UNAVAILABLE', 'Firestore did not answer in time. Send the request again.'] as const;

/** A delivery that was acquired after its owner's lease expired. */
export interface TakenOver {
  readonly delivery: Delivery;
  readonly claimed: ClaimedDelivery;
}

/** A recorded delivery, with the other values of its message. */
interface Recalled {
  readonly delivery: Delivery;
  readonly repeatOf: string | undefined;
  readonly publishedAt: Date | undefined;
  readonly userMetadata: JsonObject | undefined;
}

/**
 * The idempotency records, `deliveries/{webhook-id}`, each written together with the change of its job.
 *
 * Every change is an optimistic transaction: both documents are read in one call, a pure function decides, and one atomic
 * commit requires that neither document has changed since. A transaction that locks what it reads would make simultaneous
 * copies of one delivery wait seconds for each other (docs/design/0003-optimistic-commits-and-leases.md).
 *
 * Every method throws {@link ServiceError} `STORE_UNAVAILABLE` where Firestore has not answered by the deadline.
 */
export class Deliveries {
  readonly #firestore: Database;
  readonly #ttlMillis: number;
  readonly #calls: DeliveryCalls;
  readonly #claims: DeliveryClaims;

  /** @param options `receives`: false where an operator claims a delivery that arrived earlier, which is not counted. */
  constructor(firestore: Database, { ttlDays, receives = true }: { ttlDays: number; receives?: boolean }) {
    this.#firestore = firestore;
    this.#ttlMillis = ttlDays * DAY_MILLIS;
    this.#calls = new DeliveryCalls(firestore);
    this.#claims = new DeliveryClaims(this.#calls, {
      ttlMillis: this.#ttlMillis,
      receives,
      release: async (claim, deadline) => await this.release(claim, deadline),
    });
  }

  /** Decides, once for all simultaneous copies of a delivery, which one publishes it. */
  async claim(delivery: Delivery, deadline: Deadline): Promise<ClaimResult> {
    return await this.#claims.claim(delivery, deadline);
  }

  /**
   * Records the end of a claimed delivery, once Pub/Sub has accepted its message.
   *
   * @returns `false` where another owner has acquired the delivery; its record is not changed.
   */
  async settle(claim: Claim, settlement: Settlement, deadline: Deadline): Promise<boolean> {
    return await deadline.wait(
      this.#write(claim, { ...settlement, publishedAt: FieldValue.serverTimestamp() }, deadline),
      ...UNAVAILABLE,
    );
  }

  /** Releases a claim, so that the next copy need not wait until the lease expires. */
  async release(claim: Claim, deadline: Deadline): Promise<boolean> {
    return await deadline.wait(this.#write(claim, RELEASED, deadline), ...UNAVAILABLE);
  }

  /**
   * Acquires a recorded delivery whose owner never published it.
   *
   * @returns `undefined` where it has been published, or an owner still works on it.
   */
  async takeOver(webhookId: string, deadline: Deadline): Promise<TakenOver | undefined> {
    const owner = randomUUID();
    const taking = untilDecided(deadline, async () => {
      const found = foundIn(await this.#calls.documentOf(webhookId).get());
      if (found === undefined || !isAbandoned(found.record, found.readTime.toDate())) return undefined;
      const { ref: document, record, readTime, unchanged } = found;
      const delivery = deliveryOf(webhookId, record);
      const userMetadata = await this.#userMetadataOf(delivery);
      const { writeTime } = await document.update({ ...leaseFrom(readTime, owner, DELIVERY_LEASE_MILLIS) }, unchanged);
      const claim = { document, owner, updateTime: writeTime };
      return { delivery, claimed: { status: 'claimed', claim, repeatOf: record.repeatOf, userMetadata } } as const;
    });
    return await deadline.wait(taking, ...UNAVAILABLE);
  }

  /** Reads a recorded delivery, in order to publish it again. */
  async recall(webhookId: string, deadline: Deadline): Promise<Recalled> {
    const reading = async () => {
      const record = (await this.#calls.documentOf(webhookId).get()).data();
      if (record === undefined) throw new Error(`There is no record of the delivery ${webhookId}.`);
      const delivery = deliveryOf(webhookId, record);
      const { repeatOf, publishedAt } = record;
      return { delivery, repeatOf, publishedAt, userMetadata: await this.#userMetadataOf(delivery) };
    };
    return await deadline.wait(reading(), ...UNAVAILABLE);
  }

  /** Returns one page of the deliveries that were received before a time and are not on Pub/Sub yet, oldest first. */
  async pending(
    before: Date,
    after: PageStart | undefined,
    limit: number,
    deadline: Deadline,
  ): Promise<readonly PageStart[]> {
    const query = queryOf(this.#firestore, QUERIES.pendingDeliveries, { before, after, limit });
    return (await deadline.wait(query.get(), ...UNAVAILABLE)).docs;
  }

  /** Keeps a delivery that must not be published, for an operator. A record with its id stays as it is. */
  async quarantine(delivery: Delivery, reason: QuarantineReason, deadline: Deadline): Promise<void> {
    const record = recordOf(delivery, this.#ttlMillis);
    const creating = this.#calls
      .documentOf(delivery.webhookId)
      .create({ ...record, state: 'quarantined', quarantineReason: reason })
      .catch((error: unknown) => {
        if (!isStatus(error, Status.ALREADY_EXISTS)) throw error;
      });
    await deadline.wait(creating, ...UNAVAILABLE);
  }

  async #userMetadataOf({ event }: Delivery): Promise<JsonObject | undefined> {
    return (await this.#calls.readJob(event?.job?.name))?.userMetadata;
  }

  /**
   * Writes to a claimed record. The first attempt needs no read: it holds where the record is as the claim left it. A copy
   * that was turned away meanwhile has counted itself, which is a change; then the owner decides.
   */
  async #write(claim: Claim, fields: Change<DeliveryDocument>, deadline: Deadline): Promise<boolean> {
    const { document, owner, updateTime: expected } = claim;
    try {
      await this.#calls.change([{ document, fields, expected }]);
      return true;
    } catch (error) {
      if (!isStatus(error, Status.FAILED_PRECONDITION)) throw error;
    }
    const write = async ({ ref, record, unchanged }: FoundRecord<DeliveryDocument>) =>
      record.state === 'pending' && (await ref.update(fields as DocumentData, unchanged));
    return await writeIfOwner(document, owner, { leaseOf: (record) => record, write }, deadline);
  }
}
