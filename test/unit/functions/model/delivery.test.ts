import { expect, test } from 'vitest';
import { decide, type Delivery, type DeliveryRecord } from '../../../../functions/model/delivery.ts';
import { DELIVERY_LEASE_MILLIS } from '../../../../functions/store/deliveries/deliveryClaims.ts';

const delivery = { bodySha256: 'same' } as Delivery;
const leaseUntil = new Date('2026-05-28T20:00:10.000Z');
const pending: DeliveryRecord = { state: 'pending', bodySha256: 'same', leaseOwner: 'a', leaseUntil };

test.each([
  ['the moment of the claim', 'wait', leaseUntil.getTime() - DELIVERY_LEASE_MILLIS],
  ['a millisecond before the lease ends', 'wait', leaseUntil.getTime() - 1],
  ['the moment it ends', 'resume', leaseUntil.getTime()],
  ['a thousandth of the time, as if seconds were meant', 'wait', leaseUntil.getTime() / 1_000],
])('a copy at %s: %s', (_name, decision, now) => {
  expect(decide(pending, delivery, 'b', new Date(now))).toBe(decision);
});

test.each([
  ['nothing is stored', 'record', undefined],
  ['it holds the lease itself: the answer was lost', 'resume', { ...pending, leaseOwner: 'b' }],
  ['it has published already', 'done', { ...pending, leaseOwner: 'b', state: 'published' }],
  ['another instance has published, and its lease has not ended', 'done', { ...pending, state: 'published' }],
  ['the lease ended at the epoch', 'resume', { ...pending, leaseUntil: new Date(0) }],
  ['the lease has no end', 'wait', { ...pending, leaseUntil: undefined }],
  ['other content is pending', 'conflict', { ...pending, bodySha256: 'other' }],
  ['other content is published', 'conflict', { ...pending, bodySha256: 'other', state: 'published' }],
  ['it is not an event', 'done', { ...pending, state: 'quarantined', quarantineReason: 'NOT_AN_EVENT' }],
  ['it was too old', 'record', { ...pending, state: 'quarantined', quarantineReason: 'TIMESTAMP_OUT_OF_TOLERANCE' }],
] as const)('a copy where %s: %s', (_name, decision, stored) => {
  expect(decide(stored, delivery, 'b', new Date(leaseUntil.getTime() - 1))).toBe(decision);
});
