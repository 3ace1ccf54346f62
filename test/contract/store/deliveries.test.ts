import { FieldValue, Timestamp } from '@google-cloud/firestore';
import { describe, expect, test, vi } from 'vitest';
import type { Delivery } from '../../../functions/model/delivery.ts';
import { Deadline } from '../../../functions/runtime/deadline.ts';
import { ServiceError } from '../../../functions/runtime/serviceError.ts';
import { Deliveries } from '../../../functions/store/deliveries.ts';
import type { Claim } from '../../../functions/store/deliveries/deliveryClaims.ts';
import { newDelivery, soon, storeForFile } from './support.ts';

const TTL_DAYS = 30;

const { project, firestore } = await storeForFile();
const deliveries = new Deliveries(firestore, { ttlDays: TTL_DAYS });

async function claimed(delivery: Delivery): Promise<Claim> {
  const result = await deliveries.claim(delivery, soon());
  if (result.status !== 'claimed') throw new Error(`Not claimed, but ${result.status}.`);
  return result.claim;
}

const settlement = (messageId: string) => ({ state: 'published', messageId }) as const;

const recordOf = async ({ webhookId }: Delivery) => (await project.document(`deliveries/${webhookId}`)) ?? {};

/** Expires the lease, as after its owner was killed. */
async function endLease({ webhookId }: Delivery): Promise<void> {
  await project.firestore.doc(`deliveries/${webhookId}`).update({ leaseUntil: Timestamp.fromMillis(Date.now() - 1) });
}

test("a deferred copy leaves the owner's claim unchanged", async () => {
  const delivery = newDelivery();
  const claim = await claimed(delivery);
  const { lastReceivedAt, ...before } = await recordOf(delivery);
  expect(await deliveries.claim(delivery, soon())).toMatchObject({ status: 'in_progress' });
  const { attempts, lastReceivedAt: last, ...after } = await recordOf(delivery);
  expect({ ...after, attempts: 1 }).toEqual(before);
  expect((last as Timestamp).toMillis()).toBeGreaterThan((lastReceivedAt as Timestamp).toMillis());
  expect(attempts).toBe(2);
  expect(await deliveries.settle(claim, settlement('m1'), soon())).toBe(true);
  expect(await recordOf(delivery)).toMatchObject({ state: 'published', messageId: 'm1', attempts: 2 });
});

test('first events of one turn of the event loop are claimed, although a record of one of them exists', async () => {
  const copy = newDelivery();
  const elsewhere = new Deliveries(firestore, { ttlDays: TTL_DAYS });
  await elsewhere.claim(copy, soon());
  const others = Array.from({ length: 5 }, () => newDelivery());
  await claimed(newDelivery()); // Firestore's time is known from here on.
  const results = await Promise.all([copy, ...others].map((delivery) => deliveries.claim(delivery, soon())));
  const [ofCopy, ...ofOthers] = results.map(({ status }) => status);
  expect(ofCopy).toBe('in_progress');
  expect(ofOthers).toEqual(others.map(() => 'claimed'));
  expect(await recordOf(copy)).toMatchObject({ attempts: 2 });
});

test('a settlement is written to the claimed document, also when the event has been changed since', async () => {
  const delivery = newDelivery();
  const claim = await claimed(delivery);
  Object.assign(delivery, { webhookId: 'msg_other', bodySha256: 'other' });
  Object.assign(delivery.event ?? {}, { type: 'batch.failed', job: { name: 'batches/other', kind: 'batch' } });
  expect(await deliveries.settle(claim, settlement('m1'), soon())).toBe(true);
  expect((await claim.document.get()).data()).toMatchObject({ state: 'published', type: 'batch.succeeded' });
  expect(await project.document('deliveries/msg_other')).toBeUndefined();
});

describe('an owner whose lease has expired', () => {
  test('cannot settle or release a delivery that another has acquired', async () => {
    const delivery = newDelivery();
    const stale = await claimed(delivery);
    await endLease(delivery);
    const claim = await claimed(delivery);
    const before = await recordOf(delivery);
    expect(await deliveries.settle(stale, settlement('stale'), soon())).toBe(false);
    expect(await deliveries.release(stale, soon())).toBe(false);
    expect(await recordOf(delivery)).toEqual(before);
    expect(await deliveries.settle(claim, settlement('m2'), soon())).toBe(true);
    expect(await recordOf(delivery)).toMatchObject({ state: 'published', messageId: 'm2' });
  });

  test('cannot settle, release or claim a delivery that another has settled', async () => {
    const delivery = newDelivery();
    const stale = await claimed(delivery);
    await endLease(delivery);
    await deliveries.settle(await claimed(delivery), settlement('m2'), soon());
    const { attempts: _attempts, lastReceivedAt: _last, ...before } = await recordOf(delivery);
    expect(await deliveries.settle(stale, settlement('stale'), soon())).toBe(false);
    expect(await deliveries.release(stale, soon())).toBe(false);
    expect(await deliveries.claim(delivery, soon())).toEqual({ status: 'published' });
    expect(await recordOf(delivery)).toMatchObject(before);
  });

  test('is followed by one of many simultaneous owners', async () => {
    const delivery = newDelivery();
    await claimed(delivery);
    await endLease(delivery);
    const results = await Promise.all(Array.from({ length: 30 }, () => deliveries.claim(delivery, soon())));
    expect(results.filter(({ status }) => status === 'claimed')).toHaveLength(1);
    expect(results.filter(({ status }) => status === 'in_progress')).toHaveLength(29);
  });

  test('can still settle while no other has acquired it', async () => {
    const delivery = newDelivery();
    const claim = await claimed(delivery);
    await endLease(delivery);
    expect(await deliveries.settle(claim, settlement('m1'), soon())).toBe(true);
    expect(await recordOf(delivery)).toMatchObject({ state: 'published' });
  });
});

test('a released claim can be acquired at once, and its former owner cannot settle it', async () => {
  const delivery = newDelivery();
  const first = await claimed(delivery);
  expect(await deliveries.release(first, soon())).toBe(true);
  const second = await claimed(delivery);
  expect(second.owner).not.toBe(first.owner);
  expect(await deliveries.settle(first, settlement('m1'), soon())).toBe(false);
  expect(await deliveries.settle(second, settlement('m2'), soon())).toBe(true);
});

test('a claim that is released after it was settled stays settled', async () => {
  const delivery = newDelivery();
  const claim = await claimed(delivery);
  await deliveries.settle(claim, settlement('m1'), soon());
  const before = await recordOf(delivery);
  await deliveries.release(claim, soon());
  expect(await recordOf(delivery)).toEqual(before);
  expect(await deliveries.claim(delivery, soon())).toEqual({ status: 'published' });
});

test('a lease without an expiry is held', async () => {
  const delivery = newDelivery();
  const { document } = await claimed(delivery);
  await document.update({ leaseUntil: FieldValue.delete() });
  expect(await deliveries.claim(delivery, soon())).toEqual({ status: 'in_progress', retryAfterSeconds: 10 });
});

test('nothing is written after the deadline', async () => {
  const delivery = newDelivery();
  await expect(deliveries.claim(delivery, Deadline.inMillis(0))).rejects.toBeInstanceOf(ServiceError);
  // A second claim gives the first one time to be written, had it continued.
  await claimed(newDelivery());
  expect(await project.document(`deliveries/${delivery.webhookId}`)).toBeUndefined();
});

test('every field survives claim, take-over and settlement', async () => {
  const delivery: Delivery = {
    ...newDelivery({ user_metadata: { team: 'a', n: 1 } }),
    route: 'nightly',
    scheme: 'v1a',
  };
  const { webhookId, event, bodySha256, receivedAt } = delivery;
  const first = await deliveries.claim(delivery, soon());
  expect(first).toMatchObject({ status: 'claimed', userMetadata: { team: 'a', n: 1 } });
  const atClaim = await recordOf(delivery);
  expect(atClaim['payload']).toEqual(delivery.payload);
  await endLease(delivery);
  const second = await deliveries.claim(delivery, soon());
  if (second.status !== 'claimed') throw new Error('The take-over failed.');
  expect(second).toMatchObject({ repeatOf: undefined, userMetadata: { team: 'a', n: 1 } });
  await deliveries.settle(second.claim, settlement('m1'), soon());

  const { leaseUntil, leaseOwner, ...record } = await recordOf(delivery);
  expect(leaseUntil).toBeInstanceOf(Timestamp);
  expect(leaseOwner).toBe(second.claim.owner);
  expect(record).toEqual({
    webhookId,
    type: 'batch.succeeded',
    jobId: `batches/${webhookId}`,
    jobKind: 'batch',
    scheme: 'v1a',
    route: 'nightly',
    state: 'published',
    event: event?.fields,
    payload: delivery.payload,
    bodySha256,
    eventTime: Timestamp.fromDate(new Date('2026-05-28T20:00:00Z')),
    firstReceivedAt: expect.any(Timestamp),
    lastReceivedAt: expect.any(Timestamp),
    expireAt: Timestamp.fromMillis(receivedAt.getTime() + TTL_DAYS * 86_400_000),
    publishedAt: expect.any(Timestamp),
    attempts: 2,
    messageId: 'm1',
  });
  expect(Object.keys({ ...record, leaseUntil, leaseOwner })).toEqual(expect.arrayContaining(Object.keys(atClaim)));
});

describe('the results of a job', () => {
  const resultsOf = async (id: string) => (await project.document(`jobs/interactions~${id}`))?.['results'] as unknown;
  const announce = async (id: string, type: string) =>
    await deliveries.claim(newDelivery({ type: `interaction.${type}`, data: { id } }), soon());
  const pending = (type: string) => ({
    state: 'pending',
    event: `interaction.${type}`,
    updatedAt: expect.any(Timestamp) as Timestamp,
  });

  test('are pending from the event that announces them', async () => {
    await announce('new', 'completed');
    expect(await resultsOf('new')).toEqual(pending('completed'));
    await announce('cancelled', 'cancelled');
    expect(await resultsOf('cancelled')).toBeUndefined();
    await project.firestore
      .doc('jobs/interactions~submitted')
      .set({ jobId: 'interactions/submitted', kind: 'unknown' });
    await announce('submitted', 'completed');
    expect(await resultsOf('submitted')).toEqual(pending('completed'));
  });

  test('are unchanged when an event is repeated or late', async () => {
    const results = { state: 'running', position: 7, published: 7, failed: 1, leaseOwner: 'another' };
    await announce('read', 'completed');
    const stored = { ...results, event: 'interaction.completed' };
    await project.firestore.doc('jobs/interactions~read').update({ results: stored });
    await announce('read', 'completed');
    await announce('read', 'requires_action');
    expect(await resultsOf('read')).toEqual(stored);
  });

  test('are pending again with the final event of an interaction that had halted, while an instance reads the halt', async () => {
    await announce('halted', 'requires_action');
    expect(await resultsOf('halted')).toEqual(pending('requires_action'));
    await project.firestore.doc('jobs/interactions~halted').update({ 'results.leaseOwner': 'another' });
    await announce('halted', 'completed');
    expect(await resultsOf('halted')).toEqual(pending('completed'));
  });
});

test('a repeat is still a repeat when another owner acquires it', async () => {
  const job = { data: { id: 'batches/repeated' } };
  const original = newDelivery(job);
  await claimed(original);
  const delivery = newDelivery(job);
  expect(await deliveries.claim(delivery, soon())).toMatchObject({ repeatOf: original.webhookId });
  await endLease(delivery);
  expect(await deliveries.claim(delivery, soon())).toMatchObject({ status: 'claimed', repeatOf: original.webhookId });
});

test('the first claim opens the connection of its commit while it reads; later ones need not', async () => {
  const open = vi.spyOn(firestore.service, 'open');
  const first = new Deliveries(firestore, { ttlDays: 1 });
  await first.claim(newDelivery(), soon());
  await first.claim(newDelivery(), soon());
  expect(open).toHaveBeenCalledTimes(1);
  open.mockRestore();
});
