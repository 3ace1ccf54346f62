import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Delivery } from '../../../../functions/model/delivery.ts';
import { parseEvent } from '../../../../functions/model/event.ts';
import { deadLetterMessage, eventMessage } from '../../../../functions/model/message.ts';

const NOW = new Date('2026-05-28T20:26:40Z');

function deliveryOf(fields: object, rest: Partial<Delivery> = {}) {
  const payload = Buffer.from(JSON.stringify(fields));
  const event = parseEvent(payload, NOW);
  if (event === undefined) throw new Error('The test needs an event.');
  return { webhookId: 'msg_1', scheme: 'v1' as const, payload, bodySha256: '', receivedAt: NOW, ...rest, event };
}

/** The attributes of an ordinary event: test/contract/callback/events. */
test.each([
  [1_024, true],
  [1_025, false],
])('a job name of %i bytes is an attribute and the ordering key: %s', (length, kept) => {
  const name = `batches/${'x'.repeat(length - 8)}`;
  const { attributes, orderingKey } = eventMessage(deliveryOf({ type: 'batch.succeeded', data: { id: name } }), {});
  expect(attributes['job_id']).toBe(kept ? name : undefined);
  expect(orderingKey).toBe(kept ? name : undefined);
});

test('a message with any metadata is within the limits of Pub/Sub and keeps its standard attributes', () => {
  const values = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 1_100 }),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.object(),
  );
  const metadata = fc.dictionary(fc.string({ unit: 'binary', maxLength: 300 }), values, {
    maxKeys: 150,
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(metadata, (userMetadata) => {
      const delivery = deliveryOf({ type: 'batch.succeeded', data: { id: 'a' } });
      const { attributes } = eventMessage(delivery, { userMetadata, replay: 'results' });
      const entries = Object.entries(attributes);
      expect(entries.length).toBeLessThanOrEqual(100);
      for (const [key, value] of entries) {
        expect(Buffer.byteLength(key)).toBeLessThanOrEqual(256);
        expect(Buffer.byteLength(value)).toBeLessThanOrEqual(1_024);
        expect(key.startsWith('goog')).toBe(false);
        expect(key.isWellFormed() && value.isWellFormed()).toBe(true);
      }
      expect(attributes).toMatchObject({ webhook_id: 'msg_1', job_id: 'batches/a', replay: 'results' });
    }),
    { numRuns: 60 },
  );
});

test('metadata that the record cannot hold is still an attribute, except rounded numbers', () => {
  const metadata = { __team__: 'search', count: 3, huge: 2 ** 60 };
  const delivery = deliveryOf({ type: 'batch.succeeded', data: { id: 'a' }, user_metadata: metadata });
  const { attributes } = eventMessage(delivery, { userMetadata: { count: 3 } });
  expect(attributes).toMatchObject({ meta___team__: 'search', meta_count: '3' });
  expect(attributes).not.toHaveProperty('meta_huge');
});

test('a dead letter names its reason, its delivery and its job', () => {
  const delivery = deliveryOf({ type: 'batch.succeeded', data: { id: 'abc' } });
  expect(deadLetterMessage(delivery, 'BODY_MISMATCH')).toEqual({
    data: delivery.payload,
    attributes: { reason: 'BODY_MISMATCH', webhook_id: 'msg_1', job_id: 'batches/abc' },
  });
});
