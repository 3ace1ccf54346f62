import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type IncomingHeaders, readWebhookHeaders } from '../../../../functions/callback/headers.ts';
import { ServiceError } from '../../../../functions/runtime/serviceError.ts';

const GOOD = { 'webhook-id': 'msg_1', 'webhook-timestamp': '1780000000', 'webhook-signature': 'v1,x' };

test('well-formed headers are read', () => {
  expect(readWebhookHeaders(GOOD)).toEqual({ webhookId: 'msg_1', timestamp: '1780000000', signature: 'v1,x' });
});

test('all missing headers are named', () => {
  expect(() => readWebhookHeaders({})).toThrow(/webhook-id, webhook-timestamp, webhook-signature/);
  const { 'webhook-timestamp': _, ...rest } = GOOD;
  expect(() => readWebhookHeaders(rest)).toThrow(/^Missing headers: webhook-timestamp\./);
});

test.each(['', 'x'.repeat(257), 'a b', 'a/b', 'a.b', 'é', '__x__', '____', 'a, b', 'a\n'])(
  'a bad id is refused: %o',
  (id) => {
    expect(() => readWebhookHeaders({ ...GOOD, 'webhook-id': id })).toThrow(
      expect.objectContaining({ reason: 'INVALID_HEADER' }),
    );
  },
);

test.each(['x', 'x'.repeat(256), '__x', 'x__', '___', '-', 'msg_3f0c9a52-7d41'])('a good id is taken: %o', (id) => {
  expect(readWebhookHeaders({ ...GOOD, 'webhook-id': id }).webhookId).toBe(id);
});

test.each(['', '1780000000abc', '-1', '1.5', '1e9', ' 1', '0x1', '١'])(
  'a timestamp that is not all digits is refused: %o',
  (timestamp) => {
    expect(() => readWebhookHeaders({ ...GOOD, 'webhook-timestamp': timestamp })).toThrow(
      expect.objectContaining({ reason: 'INVALID_HEADER' }),
    );
  },
);

test('any headers are read, or refused with a reason', () => {
  const value = fc.option(fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.string())), { nil: undefined });
  fc.assert(
    fc.property(value, value, value, (id, timestamp, signature) => {
      const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
      expect(idOrReason(headers)).toMatch(/^([\w-]{1,256}|(MISSING|INVALID)_HEADER)$/);
    }),
  );
});

function idOrReason(headers: IncomingHeaders): string {
  try {
    return readWebhookHeaders(headers).webhookId;
  } catch (error) {
    return error instanceof ServiceError ? error.reason : String(error);
  }
}
