import { once } from 'node:events';
import { type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import { CANARY, event, FOREIGN_SECRET, newId, newJob, nowSeconds, webhook } from './sender.ts';
import { callbackForFile, expectRefusal, verdict } from './support.ts';

const callback = await callbackForFile();

/** The answers to each kind of hostile request: test/attacks. */
describe('a refused request', () => {
  test.each([
    [['webhook-id']],
    [['webhook-timestamp']],
    [['webhook-signature']],
    [['webhook-id', 'webhook-signature']],
    [['webhook-id', 'webhook-timestamp', 'webhook-signature']],
  ])('gets the names of its missing headers: %j', async (missing) => {
    const all = Object.entries(webhook(newId(), nowSeconds(), 'v1,AAAA'));
    const headers = Object.fromEntries(all.filter(([name]) => !missing.includes(name)));
    const answer = await callback.send({ headers, body: 'x' });
    expectRefusal(answer, 400, 'MISSING_HEADER');
    expect(all.map(([name]) => name).filter((name) => answer.text.includes(name))).toEqual(missing);
  });

  test.each([301, -301, 4_000_000, -4_000_000])(
    'with a forged signature is SIGNATURE_INVALID, also when its timestamp is %d s off',
    async (offset) => {
      const answer = await callback.v1({ secret: FOREIGN_SECRET, timestampSeconds: nowSeconds() + offset });
      expectRefusal(answer, 401, 'SIGNATURE_INVALID');
    },
  );

  test('that announces a body that is too large is answered before the body arrives', async () => {
    const { status, millis } = await sendUnfinished({ 'content-length': 1_000_000_000 });
    expect(status).toBe(413);
    expect(millis).toBeLessThan(4_000);
  });

  test('whose body stalls is logged as a fault of its sender', async () => {
    const [slow, gone] = [newId(), newId()];
    const headersOf = (id: string) => ({ ...webhook(id, nowSeconds(), 'v1,AAAA'), 'content-length': 100 });
    const answering = sendUnfinished(headersOf(slow));
    await sendUnfinished(headersOf(gone), 100);
    expect((await answering).status).toBe(503);
    const linesOf = (id: string) => callback.running.log.filter(({ webhookId }) => webhookId === id);
    const refused = { severity: 'WARNING', event: 'delivery_refused' };
    expect(linesOf(slow)).toMatchObject([{ ...refused, reason: 'DEADLINE_EXCEEDED' }]);
    expect(linesOf(gone)).toMatchObject([{ ...refused, reason: 'BODY_INCOMPLETE' }]);
  });

  test('is logged as a warning with its id and the reason', async () => {
    const id = newId();
    await callback.v1({ id, secret: FOREIGN_SECRET });
    await expect
      .poll(() => callback.running.log)
      .toContainEqual(expect.objectContaining({ severity: 'WARNING', webhookId: id, reason: 'SIGNATURE_INVALID' }));
  });
});

describe('an accepted request', () => {
  test.each([
    ['one character', 'm'],
    ['256 bytes', 'a'.repeat(256)],
    ['all kinds of characters', `AZaz09_-${newId()}`],
    ['three underscores', '___'],
    ['a leading double underscore only', '__x'],
  ])('can have an id of %s', async (_name, id) => {
    const answer = await callback.v1({ id });
    expect(answer).toMatchObject({ status: 200, body: { status: 'published', webhookId: id } });
  });

  test('is answered with its outcome and its webhook-id, as JSON', async () => {
    const id = newId();
    const first = { id, body: event('batch.succeeded', { id: newJob() }) };
    const other = { id, body: event('batch.failed', { id: newJob() }) };
    const noEvent = { id: newId(), body: `no event: ${CANARY}` };
    for (const [sent, status] of [
      [first, 'published'],
      [first, 'duplicate'],
      [other, 'conflict'],
      [noEvent, 'quarantined'],
      [noEvent, 'quarantined'],
    ] as const) {
      const answer = await callback.v1(sent);
      expect(answer.status).toBe(200);
      expect(answer.body).toStrictEqual({ status, webhookId: sent.id });
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
    }
    expect((await callback.message(id)).data.toString()).toBe(first.body);
    const { data, attributes } = await callback.deadLetter(id);
    expect(data.toString()).toBe(other.body);
    expect(attributes).toMatchObject({ reason: 'BODY_MISMATCH', webhook_id: id });
    await callback.deadLetter(noEvent.id);
  });

  test.each([false, true])('can be exactly 256 KiB long, in chunks: %s', async (chunked) => {
    const id = newId();
    const empty = event('webhook.ping', undefined, { filler: '' });
    const filler = 'x'.repeat(256 * 1_024 - empty.length);
    const body = event('webhook.ping', undefined, { filler });
    expect(verdict(await callback.v1({ id, body, chunked }))).toBe('200 published');
    expect((await callback.message(id)).data.toString()).toBe(body);
  });

  test('can wait for 100 Continue before it sends its body', async () => {
    expect(verdict(await callback.v1({ headers: { expect: '100-continue' } }))).toBe('200 published');
  });
});

describe('the tolerance of 300 s', () => {
  /** Sends within one second of the clock, so that the function sees the exact offset. */
  async function exactly(offset: number): Promise<string> {
    for (;;) {
      const now = nowSeconds();
      const answer = await callback.v1({ timestampSeconds: now + offset });
      if (nowSeconds() === now) return verdict(answer);
    }
  }

  test.each([
    [-300, '200 published'],
    [-301, '401 TIMESTAMP_OUT_OF_TOLERANCE'],
    [300, '200 published'],
    [301, '401 TIMESTAMP_OUT_OF_TOLERANCE'],
  ])('decides about a signature made %d s from now: %s', async (offset, expected) => {
    expect(await exactly(offset)).toBe(expected);
  });

  test.each([0, 9_999_999_999])('quarantines a genuine delivery of the second %d', async (timestampSeconds) => {
    const id = newId();
    expectRefusal(await callback.v1({ id, timestampSeconds }), 401, 'TIMESTAMP_OUT_OF_TOLERANCE');
    const quarantined = { state: 'quarantined', quarantineReason: 'TIMESTAMP_OUT_OF_TOLERANCE' };
    expect(await callback.delivery(id)).toMatchObject(quarantined);
  });
});

/** Sends a POST whose body stalls after one byte. The status is 0 when the sender closes the connection first. */
async function sendUnfinished(headers: OutgoingHttpHeaders, cutAfterMillis?: number) {
  const startedAt = performance.now();
  const request = httpRequest(callback.running.url, { method: 'POST', headers });
  request.write('{');
  if (cutAfterMillis !== undefined) setTimeout(() => request.destroy(), cutAfterMillis);
  const status = await once(request, 'response').then(
    ([response]) => Number(response.statusCode),
    () => 0,
  );
  request.destroy();
  return { status, millis: performance.now() - startedAt };
}
