import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseEvent } from '../../../../functions/model/event.ts';

const SENT_AT = new Date('2026-05-28T20:26:40Z');

const parse = (value: unknown) => parseEvent(Buffer.from(JSON.stringify(value)), SENT_AT);

test('an event is read with its job, time and metadata', () => {
  const fields = {
    type: 'batch.succeeded',
    timestamp: '2026-05-28T20:00:00.123456Z',
    data: { id: 'abc' },
    user_metadata: { team: 'search' },
  };
  expect(parse(fields)).toEqual({
    type: 'batch.succeeded',
    timestamp: '2026-05-28T20:00:00.123456Z',
    time: new Date('2026-05-28T20:00:00.123Z'),
    job: { name: 'batches/abc', kind: 'batch' },
    userMetadata: { team: 'search' },
    fields,
  });
});

test.each([[null], ['batch.succeeded'], [7], [[{ type: 'x' }]], [{}], [{ type: 7 }], [{ type: null }]])(
  'no event: %j',
  (value) => {
    expect(parse(value)).toBeUndefined();
  },
);

test.each(['', '{', '\ufeff{"type":"x"}', '{"type":"x"} x'])('bytes that are no JSON are no event: %o', (text) => {
  expect(parseEvent(Buffer.from(text), SENT_AT)).toBeUndefined();
});

test.each([
  { type: 'webhook.ping' },
  { type: 'webhook.ping', data: null },
  { type: 'x', data: [] },
  { type: 'x', data: { id: '' } },
  { type: 'x', data: { id: 7 } },
])('an event without an id has no job: %j', (value) => {
  expect(parse(value)).not.toHaveProperty('job');
});

test.each([
  undefined,
  7,
  '',
  'yesterday',
  '2026-05-28',
  '2026-05-28T20:00:00',
  '2026-13-28T20:00:00Z',
  'May 28, 2026',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59-01:00',
])('the time of sending replaces the timestamp %o', (timestamp) => {
  expect(parse({ type: 'x', timestamp })).toMatchObject({ timestamp: SENT_AT.toISOString(), time: SENT_AT });
});

test('user metadata is the first object among its places', () => {
  const metadata = { place: 1 };
  const places = [
    { user_metadata: metadata },
    { userMetadata: metadata },
    { data: { user_metadata: metadata } },
    { data: { userMetadata: metadata } },
    { metadata: { user_metadata: metadata } },
  ];
  for (const place of places) expect(parse({ type: 'x', ...place })).toMatchObject({ userMetadata: metadata });
  expect(
    parse({ type: 'x', user_metadata: 'text', userMetadata: ['a'], data: { userMetadata: metadata } }),
  ).toMatchObject({
    userMetadata: metadata,
  });
});

test('any bytes are read without an error', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((json) => new TextEncoder().encode(json)),
      ),
      (bytes) => {
        const event = parseEvent(Buffer.from(bytes), SENT_AT);
        expect(typeof (event?.type ?? '')).toBe('string');
      },
    ),
  );
});
