import { randomUUID } from 'node:crypto';
import {
  type DocumentData,
  type DocumentReference,
  type DocumentSnapshot,
  FieldValue,
  type Firestore,
  Timestamp,
  type WriteBatch,
} from '@google-cloud/firestore';
import {
  type ClaimResult,
  type Decision,
  decide,
  type Delivery,
  type DeliveryRecord,
  isAbandoned,
  type QuarantineReason,
  type Settlement,
} from '../model/delivery.ts';
import { type GeminiEvent, parseEvent } from '../model/event.ts';
import { applyEvent, type JobChange } from '../model/job.ts';
import { type JobKind, jobDocumentId } from '../model/jobName.ts';
import { fitsFirestore, type JsonObject } from '../model/json.ts';
import { Deadline } from '../runtime/deadline.ts';
import { untilDecided } from './contention.ts';
import { isFailedPrecondition, isAlreadyExists } from './grpc.ts';
import { readJob, writeJob } from './jobs.ts';
import { type PageStart, QUERIES, queryOf } from './queries.ts';
import { announcedResults } from './results.ts';
import { coalesce } from '../runtime/coalesce.ts';
import { KeyedMutex } from '../runtime/keyedMutex.ts';

/**
 * How long one owner may work on a delivery. Longer than a request may take (8 s from before the claim), so that an
 * owner has always stopped by then, and short enough for a retry of Gemini's to find it over after a crash.
 */
export const LEASE_MILLIS = 10_000;

const NOT_AN_EVENT: QuarantineReason = 'NOT_AN_EVENT';

const LATE_RELEASE_MILLIS = 4_000;
const DAY_MILLIS = 86_400_000;

const NOT_RECORDED = ['STORE_UNAVAILABLE', 'Firestore did not record the delivery in time; send it again.'] as const;

/** Part of Firestore's 1 MiB for the event as a map, beside its bytes; above it the event is kept as text, a quarter of that at most. */
const MAX_EVENT_BYTES = 500_000;

/** The right to publish a delivery and to settle it afterwards; never made again out of the event. */
export interface Claim {
  readonly document: DocumentReference;
  readonly owner: string;
  /** The version of the record that the claim wrote. */
  readonly updateTime: Timestamp;
}

/** What is stored of a delivery and of its job, and what to do about it. */
interface Found {
  readonly snapshot: DocumentSnapshot;
  readonly jobSnapshot: DocumentSnapshot | undefined;
  readonly stored: DeliveryRecord | undefined;
  readonly decision: Decision;
}

/** A change of one record, where `lastUpdateTime` is given as long as the record is of that version. */
interface Update {
  readonly document: DocumentReference;
  readonly fields: DocumentData;
  readonly lastUpdateTime?: Timestamp;
}

/** A delivery that was taken over from an owner that is gone. */
export interface TakenOver {
  readonly delivery: Delivery;
  readonly claimed: ClaimResult<Claim> & { readonly status: 'claimed' };
}

export interface Recalled {
  readonly delivery: Delivery;
  readonly repeatOf: string | undefined;
  readonly publishedAt: Date | undefined;
  readonly userMetadata: JsonObject | undefined;
}

/**
 * The idempotency records, `deliveries/{webhook-id}`, each written together with the change of its job.
 *
 * Every change is an optimistic transaction: both documents are read in one round trip, a pure function decides, and
 * one atomic commit holds under the condition that neither document has changed since. A transaction that locks what it
 * reads would make simultaneous copies of one delivery wait seconds for each other.
 */
export class Deliveries {
  readonly #firestore: Firestore;
  readonly #ttlMillis: number;
  readonly #receives: boolean;
  readonly #turns = new KeyedMutex();
  /** Reads and updates of the same moment, each kind in one call. */
  readonly #read: (documents: readonly DocumentReference[]) => Promise<readonly DocumentSnapshot[]>;
  readonly #update: (update: Update) => Promise<Timestamp>;

  /** @param options `receives`: whether what is claimed has just come, and is counted; what an operator releases has not. */
  constructor(firestore: Firestore, { ttlDays, receives = true }: { ttlDays: number; receives?: boolean }) {
    this.#firestore = firestore;
    this.#ttlMillis = ttlDays * DAY_MILLIS;
    this.#receives = receives;
    this.#read = coalesce(async (asked) => await readAll(firestore, asked));
    this.#update = coalesce(async (updates) => await updateAll(firestore, updates));
  }

  /**
   * Decides, once for all simultaneous copies of a delivery, what becomes of this one.
   *
   * @throws {ServiceError} `STORE_UNAVAILABLE` where Firestore has not answered by the deadline.
   */
  async claim(delivery: Delivery, deadline: Deadline): Promise<ClaimResult<Claim>> {
    const owner = randomUUID();
    const claiming = untilDecided(deadline, async () => await this.#tryClaim(delivery, owner, deadline));
    const claimed = await deadline.wait(claiming, ...NOT_RECORDED);
    if (claimed.status !== 'claimed') await this.#count(delivery, deadline);
    return claimed;
  }

  /**
   * Marks a claimed delivery as done, once Pub/Sub has accepted its message.
   *
   * @returns whether the claim still held; another owner's record is left alone.
   */
  async settle(claim: Claim, settlement: Settlement, deadline: Deadline): Promise<boolean> {
    return await deadline.wait(
      this.#finish(claim, { ...settlement }, deadline),
      'STORE_UNAVAILABLE',
      'Firestore did not mark the delivery as published; send it again.',
    );
  }

  /** Gives a claim back at once, so that the next copy need not wait for the lease to end. */
  async release(claim: Claim, deadline: Deadline): Promise<boolean> {
    const fields = { leaseUntil: FieldValue.serverTimestamp() };
    return await deadline.wait(
      this.#finish(claim, fields, deadline),
      'STORE_UNAVAILABLE',
      'Firestore did not take the lease back; it ends by itself.',
    );
  }

  /**
   * Takes on a delivery that is recorded and that nobody publishes any more, because its owner is gone and no copy of it
   * came since.
   *
   * @returns `undefined` where there is nothing to do about it, or somebody else does it.
   */
  async takeOver(webhookId: string, deadline: Deadline): Promise<TakenOver | undefined> {
    const document = this.#firestore.doc(`deliveries/${webhookId}`);
    const owner = randomUUID();
    const taking = untilDecided(deadline, async () => {
      const snapshot = await document.get();
      const { readTime, updateTime } = snapshot;
      const stored = readDelivery(snapshot);
      if (stored === undefined || updateTime === undefined || !isAbandoned(stored, readTime.toDate())) return undefined;
      const delivery = readRecorded(snapshot);
      const job = delivery.event?.job;
      const jobSnapshot = job && (await this.#firestore.doc(`jobs/${jobDocumentId(job.name)}`).get());
      const { writeTime } = await document.update(leaseFrom(readTime, owner), { lastUpdateTime: updateTime });
      const userMetadata = jobSnapshot && readJob(jobSnapshot)?.userMetadata;
      const claim = { document, owner, updateTime: writeTime };
      return { delivery, claimed: { status: 'claimed', claim, repeatOf: stored.repeatOf, userMetadata } } as const;
    });
    return await deadline.wait(taking, 'STORE_UNAVAILABLE', 'Firestore did not answer in time.');
  }

  /** A recorded delivery with what its message says beside it, and when that was published. */
  async recall(webhookId: string, deadline: Deadline): Promise<Recalled> {
    const document = this.#firestore.doc(`deliveries/${webhookId}`);
    const recalling = document.get().then(async (snapshot) => {
      if (!snapshot.exists) throw new Error(`There is no record of the delivery ${webhookId}.`);
      const delivery = readRecorded(snapshot);
      const job = delivery.event?.job;
      const jobSnapshot = job && (await this.#firestore.doc(`jobs/${jobDocumentId(job.name)}`).get());
      const repeatOf = snapshot.get('repeatOf') as string | undefined;
      const publishedAt = timeAt(snapshot.data() ?? {}, 'publishedAt');
      return { delivery, repeatOf, publishedAt, userMetadata: jobSnapshot && readJob(jobSnapshot)?.userMetadata };
    });
    return await deadline.wait(recalling, 'STORE_UNAVAILABLE', 'Firestore did not answer in time.');
  }

  /** The deliveries that were received before a time and are not on Pub/Sub yet, oldest first. */
  async pending(
    before: Date,
    after: PageStart | undefined,
    limit: number,
    deadline: Deadline,
  ): Promise<readonly PageStart[]> {
    const query = queryOf(this.#firestore, QUERIES.pendingDeliveries, { before, after, limit });
    const { docs } = await deadline.wait(query.get(), 'STORE_UNAVAILABLE', 'Firestore did not answer in time.');
    return docs;
  }

  /** Keeps a delivery that must not be published, for an operator, unless its id is known. */
  async quarantine(delivery: Delivery, reason: QuarantineReason, deadline: Deadline): Promise<void> {
    const fields = { ...this.#fieldsOf(delivery), state: 'quarantined', quarantineReason: reason, attempts: 1 };
    const kept = this.#documentOf(delivery)
      .create(fields)
      .catch((error: unknown) => {
        if (!isAlreadyExists(error)) throw error;
      });
    await deadline.wait(kept, 'STORE_UNAVAILABLE', 'Firestore did not keep the delivery in time; send it again.');
  }

  /** A copy of what is settled, or at work, changes nothing: it need not wait for its turn. */
  async #tryClaim(delivery: Delivery, owner: string, deadline: Deadline): Promise<ClaimResult<Claim>> {
    const found = await this.#find(delivery, owner, deadline);
    if (found.decision !== 'record' && found.decision !== 'resume') return await this.#act(delivery, owner, found);
    const contended = delivery.event?.job?.name ?? delivery.webhookId;
    return await this.#turns.take(contended, async (hasWaited) => {
      const current = hasWaited ? await deadline.race(this.#find(delivery, owner, deadline), ...NOT_RECORDED) : found;
      return await this.#inTime(this.#act(delivery, owner, current), deadline);
    });
  }

  /** A claim that comes when nobody waits for it any more must not keep the next copy waiting for its lease. */
  async #inTime(claiming: Promise<ClaimResult<Claim>>, deadline: Deadline): Promise<ClaimResult<Claim>> {
    try {
      return await deadline.race(claiming, ...NOT_RECORDED);
    } catch (error) {
      void this.#giveBackLate(claiming);
      throw error;
    }
  }

  async #giveBackLate(claiming: Promise<ClaimResult<Claim>>): Promise<void> {
    const late = await claiming.catch(() => undefined);
    if (late?.status !== 'claimed') return;
    await this.release(late.claim, Deadline.inMillis(LATE_RELEASE_MILLIS)).catch(() => false);
  }

  async #find(delivery: Delivery, owner: string, deadline: Deadline): Promise<Found> {
    const document = this.#documentOf(delivery);
    const job = delivery.event?.job && this.#firestore.doc(`jobs/${jobDocumentId(delivery.event.job.name)}`);
    const [snapshot, jobSnapshot] = await this.#read(job ? [document, job] : [document]);
    if (snapshot === undefined) throw new Error('Firestore answered without the document that was asked for.');
    deadline.requireTime('STORE_UNAVAILABLE');
    const stored = readDelivery(snapshot);
    return { snapshot, jobSnapshot, stored, decision: decide(stored, delivery, owner, snapshot.readTime.toDate()) };
  }

  async #act(delivery: Delivery, owner: string, found: Found): Promise<ClaimResult<Claim>> {
    const { snapshot, jobSnapshot, stored, decision } = found;
    switch (decision) {
      case 'record':
        return await this.#record(delivery, owner, snapshot, jobSnapshot);
      case 'resume':
        return {
          status: 'claimed',
          claim: await this.#resume(delivery, owner, snapshot),
          repeatOf: stored?.repeatOf,
          userMetadata: jobSnapshot && readJob(jobSnapshot)?.userMetadata,
        };
      case 'wait':
        return {
          status: 'in_progress',
          retryAfterSeconds: secondsBetween(snapshot.readTime.toDate(), stored?.leaseUntil),
        };
      case 'done':
        return { status: stored?.state === 'quarantined' ? 'quarantined' : 'published' };
      case 'conflict':
        return { status: 'conflict' };
    }
  }

  async #count(delivery: Delivery, deadline: Deadline): Promise<void> {
    const copy = { document: this.#documentOf(delivery), fields: seenAgain(delivery) };
    const counting = untilDecided(deadline, async () => await this.#update(copy));
    await deadline.wait(counting, ...NOT_RECORDED);
  }

  /** Writes the delivery's record and its job's change, both or neither. */
  async #record(
    delivery: Delivery,
    owner: string,
    snapshot: DocumentSnapshot,
    jobSnapshot: DocumentSnapshot | undefined,
  ): Promise<ClaimResult<Claim>> {
    const batch = this.#firestore.batch();
    const change = jobSnapshot && recordJob(batch, delivery, jobSnapshot);
    const fields = {
      ...this.#fieldsOf(delivery),
      ...leaseFrom(snapshot.readTime, owner),
      state: 'pending',
      quarantineReason: delivery.event ? undefined : NOT_AN_EVENT,
      repeatOf: change?.repeatOf,
    };
    if (snapshot.updateTime) {
      const { quarantineReason = FieldValue.delete() } = fields;
      const renewed = { firstReceivedAt: undefined, route: delivery.route ?? FieldValue.delete(), quarantineReason };
      batch.update(
        snapshot.ref,
        { ...fields, ...renewed, ...(this.#receives ? seenAgain(delivery) : { lastReceivedAt: undefined }) },
        { lastUpdateTime: snapshot.updateTime },
      );
    } else {
      batch.create(snapshot.ref, { ...fields, attempts: 1 });
    }
    const results = await batch.commit();
    const updateTime = results.at(-1)?.writeTime;
    if (updateTime === undefined) throw new Error('Firestore answered a commit without the time of its writes.');
    return {
      status: 'claimed',
      claim: { document: snapshot.ref, owner, updateTime },
      repeatOf: change?.repeatOf,
      userMetadata: change?.job.userMetadata,
    };
  }

  async #resume(delivery: Delivery, owner: string, snapshot: DocumentSnapshot): Promise<Claim> {
    const { ref: document, updateTime, readTime } = snapshot;
    if (updateTime === undefined) throw new Error('A record that does not exist cannot be resumed.');
    if (snapshot.get('leaseOwner') === owner) return { document, owner, updateTime };
    const fields = { ...leaseFrom(readTime, owner), ...seenAgain(delivery) };
    const { writeTime } = await document.update(fields, { lastUpdateTime: updateTime });
    return { document, owner, updateTime: writeTime };
  }

  /**
   * Changes the record of a claim, as long as the claim holds.
   *
   * A copy that was turned away meanwhile has counted itself and so changed the record's version; then the owner decides.
   */
  async #finish(claim: Claim, fields: DocumentData, deadline: Deadline): Promise<boolean> {
    const { document, updateTime: lastUpdateTime } = claim;
    try {
      await this.#update({ document, fields, lastUpdateTime });
      return true;
    } catch (error) {
      if (!isFailedPrecondition(error)) throw error;
    }
    return await untilDecided(deadline, async () => {
      const snapshot = await claim.document.get();
      if (snapshot.get('leaseOwner') !== claim.owner) return false;
      if (snapshot.get('state') !== 'pending' || snapshot.updateTime === undefined) return true;
      await claim.document.update(fields, { lastUpdateTime: snapshot.updateTime });
      return true;
    });
  }

  #documentOf(delivery: Delivery): DocumentReference {
    return this.#firestore.doc(`deliveries/${delivery.webhookId}`);
  }

  #fieldsOf(delivery: Delivery): DocumentData {
    const { event, receivedAt } = delivery;
    return {
      webhookId: delivery.webhookId,
      scheme: delivery.scheme,
      route: delivery.route,
      bodySha256: delivery.bodySha256,
      claimsSha256: delivery.claimsSha256,
      type: event?.type.toWellFormed(),
      jobId: event?.job?.name.toWellFormed(),
      jobKind: event?.job?.kind,
      eventTime: event?.time,
      ...contentOf(delivery),
      firstReceivedAt: receivedAt,
      lastReceivedAt: receivedAt,
      expireAt: new Date(receivedAt.getTime() + this.#ttlMillis),
    };
  }
}

async function readAll(
  firestore: Firestore,
  asked: readonly (readonly DocumentReference[])[],
): Promise<readonly (readonly DocumentSnapshot[])[]> {
  const snapshots = await firestore.getAll(...asked.flat());
  let from = 0;
  return asked.map(({ length }) => snapshots.slice(from, (from += length)));
}

async function updateAll(firestore: Firestore, updates: readonly Update[]): Promise<readonly Timestamp[]> {
  const batch = firestore.batch();
  for (const { document, fields, lastUpdateTime } of updates)
    batch.update(document, fields, lastUpdateTime ? { lastUpdateTime } : {});
  return (await batch.commit()).map(({ writeTime }) => writeTime);
}

function recordJob(batch: WriteBatch, delivery: Delivery, snapshot: DocumentSnapshot): JobChange | undefined {
  const { event, webhookId, receivedAt } = delivery;
  if (event?.job === undefined) return undefined;
  const change = applyEvent(readJob(snapshot), { ...event, job: event.job }, webhookId);
  const results = change.repeatOf === undefined ? announcedResults(snapshot, event.type) : undefined;
  writeJob(batch, snapshot, change.job, results, receivedAt);
  return change;
}

/**
 * The event as a map to be read in the console, beside the bytes that it is published as: a map has lost the order of its
 * names, spaces, and how numbers were written. Where Firestore cannot hold it as a map it is text, which is both.
 */
function contentOf({ event, payload }: Delivery): DocumentData {
  if (event === undefined) return { rawBody: payload };
  return fitsFirestore(event.fields, MAX_EVENT_BYTES)
    ? { event: event.fields, payload }
    : { eventJson: payload.toString('utf8') };
}

function leaseFrom(now: Timestamp, owner: string): DocumentData {
  return { leaseUntil: Timestamp.fromMillis(now.toMillis() + LEASE_MILLIS), leaseOwner: owner };
}

function seenAgain(delivery: Delivery): DocumentData {
  return { attempts: FieldValue.increment(1), lastReceivedAt: delivery.receivedAt };
}

/** A recorded delivery as it came. */
export function readRecorded(snapshot: DocumentSnapshot): Delivery {
  const data = snapshot.data() ?? {};
  const bytes = (data['payload'] ?? data['rawBody']) as Buffer | undefined;
  const payload = Buffer.from(bytes ?? textOf(data));
  const receivedAt = timeAt(data, 'firstReceivedAt') ?? new Date(0);
  const parsed = parseEvent(payload, timeAt(data, 'eventTime') ?? receivedAt);
  const event = parsed && ofKind(parsed, data['jobKind'] as JobKind | undefined);
  const { route, claimsSha256 } = data as { route?: string; claimsSha256?: string };
  return {
    webhookId: snapshot.id,
    scheme: data['scheme'] as Delivery['scheme'],
    payload,
    bodySha256: data['bodySha256'] as string,
    receivedAt,
    ...(claimsSha256 === undefined ? {} : { claimsSha256 }),
    ...(route === undefined ? {} : { route }),
    ...(event === undefined ? {} : { event }),
  };
}

/** The type of an event of our own does not say of what kind its job is; the record does. */
function ofKind(event: GeminiEvent, kind: JobKind | undefined): GeminiEvent {
  return event.job && kind ? { ...event, job: { ...event.job, kind } } : event;
}

function textOf(data: DocumentData): string {
  return typeof data['eventJson'] === 'string' ? data['eventJson'] : JSON.stringify(data['event'] ?? {});
}

function timeAt(data: DocumentData, field: string): Date | undefined {
  const value: unknown = data[field];
  return value instanceof Timestamp ? value.toDate() : undefined;
}

function readDelivery(snapshot: DocumentSnapshot): DeliveryRecord | undefined {
  const data = snapshot.data();
  if (data === undefined) return undefined;
  return {
    state: data['state'] as DeliveryRecord['state'],
    bodySha256: data['bodySha256'] as string,
    claimsSha256: data['claimsSha256'] as string | undefined,
    quarantineReason: data['quarantineReason'] as QuarantineReason | undefined,
    repeatOf: data['repeatOf'] as string | undefined,
    leaseOwner: data['leaseOwner'] as string | undefined,
    leaseUntil: timeAt(data, 'leaseUntil'),
  };
}

function secondsBetween(now: Date, then: Date | undefined): number {
  const millis = then ? then.getTime() - now.getTime() : LEASE_MILLIS;
  return Math.max(1, Math.ceil(millis / 1_000));
}
