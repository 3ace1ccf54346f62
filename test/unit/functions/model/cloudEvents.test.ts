import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Delivery } from '../../../../functions/model/delivery.ts';
import { parseEvent } from '../../../../functions/model/event.ts';
import { eventMessage, type Message } from '../../../../functions/model/message.ts';
import { toCloudEvent } from '../../../support/cloudEvent.ts';
import { decodeMessage, messagesAbout } from '../../../support/messages.ts';

const NOW = new Date('2026-05-28T20:26:40Z');

function eventOf(fields: object): Message {
  const payload = Buffer.from(JSON.stringify(fields));
  const event = parseEvent(payload, NOW);
  if (event === undefined) throw new Error('The test needs an event.');
  const delivery: Delivery = { webhookId: 'msg_1', scheme: 'v1', payload, bodySha256: '', receivedAt: NOW };
  return eventMessage({ ...delivery, event }, {});
}

function resultsOf(name: string, timestamp = NOW.toISOString()): readonly Message[] {
  const messages = messagesAbout({ name, kind: 'batch' }, timestamp);
  return [
    messages.result({ index: 0, status: 'ok', fields: { response: {} } }),
    messages.failed({ code: 'X', message: 'x' }),
  ].map(decodeMessage);
}

/** Strings as Gemini never sent them: any characters, lone surrogates, and lengths around the limits. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('', ' ', 'ü', '%', 'a b?c#d', '../x', 'batches/ü b', '\ud800', '\u0000', '\uffff', '[x]', 'a:b@c'),
  fc.integer({ min: 990, max: 1_030 }).map((length) => `batches/${'x'.repeat(length - 8)}`),
  fc.integer({ min: 330, max: 520 }).map((length) => 'ü'.repeat(length)),
);

const time = fc.oneof(
  text,
  fc
    .tuple(fc.nat(9_999), fc.nat(13), fc.nat(32), fc.nat(25), fc.nat(61), fc.nat(61))
    .map((parts) => parts.map((part) => String(part).padStart(2, '0')))
    .map(([year = '', month, day, ...clock]) => `${year.padStart(4, '0')}-${month}-${day}T${clock.join(':')}Z`),
  fc.constantFrom('2026-02-30T00:00:00Z', '2026-05-28T23:59:60Z', '2026-05-28T24:00:00Z', '2026-05-28T20:00:00+24:00'),
);

describe('messages are valid CloudEvents', () => {
  test('for any event', () => {
    const events = fc.record({
      type: text,
      timestamp: time,
      data: fc.record({ id: text }),
      user_metadata: fc.dictionary(text, text),
    });
    fc.assert(
      fc.property(events, (fields) => {
        const message = eventOf(fields);
        const event = toCloudEvent(message);
        expect(event.id).toBe('msg_1');
        expect(message.data.toString()).toBe(JSON.stringify(fields));
      }),
      { numRuns: 500 },
    );
  });

  test('for any name of a result’s job, with one id for each message', () => {
    fc.assert(
      fc.property(text, (name) => {
        const ids = resultsOf(name).map((message) => toCloudEvent(message).id);
        expect(ids).toEqual(resultsOf(name).map((message) => toCloudEvent(message).id));
        expect(ids).toEqual([expect.stringMatching(/\/0$/), expect.stringMatching(/\/job\.results\.failed$/)]);
      }),
      { numRuns: 300 },
    );
  });
});

test.each(['', 'x'.repeat(1_025), 'a\u0000b'])('a type that CloudEvents does not allow is "unknown": %j', (type) => {
  expect(eventOf({ type }).attributes['ce-type']).toBe('unknown');
});

test.each([
  ['batches/a b', 'batches/a%20b'],
  ['batches/ü', 'batches/%C3%BC'],
  ['batches/a?b#c%20', 'batches/a%3Fb%23c%2520'],
  ['batches/abc', 'batches/abc'],
])('the source is a URI-reference: %s', (id, path) => {
  const { attributes } = eventOf({ type: 'batch.succeeded', data: { id } });
  expect(attributes).toMatchObject({ 'ce-source': `//generativelanguage.googleapis.com/${path}`, job_id: id });
});

test('a job name of 1,010 bytes keeps an id', () => {
  const name = `batches/${'x'.repeat(1_002)}`;
  const [result, failed] = resultsOf(name);
  expect(result?.attributes['ce-id']).toBe(`${name}/0`);
  expect(failed?.attributes['ce-id']).toMatch(/^sha256~[0-9a-f]{64}\/job\.results\.failed$/);
});

test.each(['2026-02-30T00:00:00Z', '2025-02-29T00:00:00Z', '2026-05-28T24:00:00Z', '2026-05-28T20:00:00+24:00'])(
  'a time that does not exist is replaced by the time of the delivery: %s',
  (timestamp) => {
    expect(eventOf({ type: 'x', timestamp }).attributes['ce-time']).toBe(NOW.toISOString());
  },
);
