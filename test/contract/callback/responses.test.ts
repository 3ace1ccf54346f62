import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signV1 } from '../../../simulator/signing.ts';
import {
  type Answer,
  Callback,
  CANARY,
  dynamicPath,
  event,
  FOREIGN_SECRET,
  newId,
  newJob,
  nowSeconds,
  refusal,
  ROUTE_KEY,
  SECRET,
  type Sent,
  shown,
  verdict,
  webhook,
} from './support.ts';

const LIMIT_BYTES = 256 * 1_024;

let callback: Callback;
beforeAll(async () => {
  callback = await Callback.start({ WEBHOOK_SIGNING_SECRET: SECRET, DYNAMIC_ROUTE_KEY: ROUTE_KEY });
});
afterAll(async () => await callback.close());

/** Headers of a delivery that would be accepted, with others in place of some. */
function headers(
  changes: Record<string, string | string[] | undefined> = {},
  body = 'x',
): NonNullable<Sent['headers']> {
  const message = { id: newId(), timestampSeconds: nowSeconds(), body };
  const good = webhook(message.id, message.timestampSeconds, signV1(SECRET, message));
  return Object.fromEntries(Object.entries({ ...good, ...changes }).filter(([, value]) => value !== undefined));
}

/** A timestamp as it is written, with a genuine HMAC over another text in its place. */
function spelled(id: string, timestamp: string, signed: string, body: string): Record<string, string> {
  const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
  const hmac = createHmac('sha256', key).update(`${id}.${signed}.${body}`).digest('base64');
  return webhook(id, timestamp, `v1,${hmac}`);
}

function messageOf({ body }: Answer): string {
  return (body as { error: { message: string } }).error.message;
}

describe('a refused request', () => {
  test.each(['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'])(
    'is answered 405 with Allow when its method is %s',
    async (method) => {
      const answer = await callback.send({ method });
      expect(shown(answer)).toStrictEqual(refusal(405, 'METHOD_NOT_ALLOWED'));
    },
  );

  test('is answered 405 with Allow and no body when its method is HEAD', async () => {
    const { status, headers: answered, text } = await callback.send({ method: 'HEAD' });
    expect({ status, allow: answered.allow, text }).toEqual({ status: 405, allow: 'POST', text: '' });
  });

  test.each(['/favicon.ico', '/robots.txt', '/%zz', '//', '/a?b=c', dynamicPath()])(
    'is answered 405 for GET %s, too',
    async (path) => {
      const answer = await callback.send({ method: 'GET', path });
      expect(shown(answer)).toStrictEqual(refusal(405, 'METHOD_NOT_ALLOWED'));
    },
  );

  test.each([
    [['webhook-id']],
    [['webhook-timestamp']],
    [['webhook-signature']],
    [['webhook-id', 'webhook-signature']],
    [['webhook-id', 'webhook-timestamp', 'webhook-signature']],
  ])('names %j when missing, and only those', async (missing) => {
    const body = event('webhook.ping');
    const absent = Object.fromEntries(missing.map((name) => [name, undefined]));
    const answer = await callback.send({ headers: headers(absent, body), body });
    expect(shown(answer)).toStrictEqual(refusal(400, 'MISSING_HEADER'));
    const message = messageOf(answer);
    const named = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].filter((name) => message.includes(name));
    expect(named).toEqual(missing);
  });

  test.each([
    ['an empty id', { 'webhook-id': '' }],
    ['an id of 257 bytes', { 'webhook-id': 'a'.repeat(257) }],
    ['a slash in the id', { 'webhook-id': 'a/b' }],
    ['a dot in the id', { 'webhook-id': 'a.b' }],
    ['an id of one dot', { 'webhook-id': '.' }],
    ['white space in the id', { 'webhook-id': 'a b' }],
    ['a letter outside ASCII in the id', { 'webhook-id': 'g\u00fcnther' }],
    ['an id of the form __x__', { 'webhook-id': '__x__' }],
    ['an id of four underscores', { 'webhook-id': '____' }],
    ['an id that stands there twice', { 'webhook-id': ['msg_1', 'msg_2'] }],
    ['an empty timestamp', { 'webhook-timestamp': '' }],
    ['a timestamp with letters after it', { 'webhook-timestamp': `${nowSeconds()}abc` }],
    ['a negative timestamp', { 'webhook-timestamp': `-${nowSeconds()}` }],
    ['a timestamp with a sign', { 'webhook-timestamp': `+${nowSeconds()}` }],
    ['a fraction of a second', { 'webhook-timestamp': `${nowSeconds()}.5` }],
    ['an exponent', { 'webhook-timestamp': '178e7' }],
    ['a hexadecimal timestamp', { 'webhook-timestamp': '0x6a18a000' }],
    ['a date', { 'webhook-timestamp': '2026-11-23T10:00:00Z' }],
    ['a timestamp that stands there twice', { 'webhook-timestamp': [`${nowSeconds()}`, `${nowSeconds()}`] }],
  ])('is answered 400 for %s', async (_name, changes) => {
    const answer = await callback.send({ headers: headers(changes), body: 'x' });
    expect(shown(answer)).toStrictEqual(refusal(400, 'INVALID_HEADER'));
  });

  test.each([
    ['an empty signature', { 'webhook-signature': '' }],
    ['no known scheme', { 'webhook-signature': 'v9,AAAA' }],
    ['a foreign secret', { 'webhook-signature': signV1(FOREIGN_SECRET, { id: 'm', timestampSeconds: 1, body: 'x' }) }],
    ['two signatures, neither good', { 'webhook-signature': ['v1,AAAA', 'v1,BBBB'] }],
  ])('is answered 401 for %s', async (_name, changes) => {
    expect(shown(await callback.send({ headers: headers(changes), body: 'x' }))).toStrictEqual(
      refusal(401, 'SIGNATURE_INVALID'),
    );
  });

  test.each([
    ['a newline after the body', 'x\n'],
    ['another body', 'y'],
    ['no body', ''],
  ])('is answered 401 where the signature was made for another body: %s', async (_name, body) => {
    expect(shown(await callback.send({ headers: headers({}, 'x'), body }))).toStrictEqual(
      refusal(401, 'SIGNATURE_INVALID'),
    );
  });

  test('is answered 401 for another id and for another timestamp than those that were signed', async () => {
    expect(shown(await callback.send({ headers: headers({ 'webhook-id': newId() }), body: 'x' }))).toStrictEqual(
      refusal(401, 'SIGNATURE_INVALID'),
    );
    const later = { 'webhook-timestamp': String(nowSeconds() + 1) };
    expect(shown(await callback.send({ headers: headers(later), body: 'x' }))).toStrictEqual(
      refusal(401, 'SIGNATURE_INVALID'),
    );
  });

  test.each([301, -301, 4_000_000, -4_000_000])(
    'is judged by its signature first: forged and %d s off is SIGNATURE_INVALID',
    async (offset) => {
      const answer = await callback.v1({ secret: FOREIGN_SECRET, timestampSeconds: nowSeconds() + offset });
      expect(shown(answer)).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    },
  );

  test.each([
    ['one byte more than 256 KiB', LIMIT_BYTES + 1, false],
    ['one byte more, in chunks', LIMIT_BYTES + 1, true],
    ['5 MiB', 5 * 1_024 * 1_024, false],
    ['5 MiB in chunks', 5 * 1_024 * 1_024, true],
  ])('is answered 413 for a body of %s, signed or not', async (_name, length, chunked) => {
    const body = 'x'.repeat(length);
    expect(shown(await callback.v1({ body, chunked }))).toStrictEqual(refusal(413, 'BODY_TOO_LARGE'));
    expect(shown(await callback.v1({ body, chunked, secret: FOREIGN_SECRET }))).toStrictEqual(
      refusal(413, 'BODY_TOO_LARGE'),
    );
  });

  /** The library signs a number, so a sender never writes one otherwise: not even a true HMAC of the text is taken. */
  test.each(['0', '000'])('is answered 401 for a timestamp with %s before it, even if signed', async (zeros) => {
    const [id, body, now] = [newId(), event('webhook.ping'), nowSeconds()];
    for (const signed of [`${zeros}${now}`, `${now}`]) {
      const answer = await callback.send({ headers: spelled(id, `${zeros}${now}`, signed, body), body });
      expect(shown(answer)).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    }
  });

  test.each(['99999999999999', '100000000000000000000'])(
    'is answered 401 for the timestamp %s, which no clock shows',
    async (timestamp) => {
      const [id, body] = [newId(), event('webhook.ping')];
      const answer = await callback.send({ headers: spelled(id, timestamp, timestamp, body), body });
      expect(shown(answer)).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    },
  );

  test('is answered 413 at once where it says that it will be too large', async () => {
    const { status, millis } = await callback.unfinished({ headers: { 'content-length': 1_000_000_000 } });
    expect(status).toBe(413);
    expect(millis).toBeLessThan(4_000);
  });

  test('that never gets to its end is put off, and is the fault of its sender', async () => {
    const [slow, gone] = [newId(), newId()];
    const longer = (id: string) => ({ ...webhook(id, nowSeconds(), 'v1,AAAA'), 'content-length': 100 });
    const answering = callback.unfinished({ headers: longer(slow) });
    await callback.unfinished({ headers: longer(gone), cutAfterMillis: 100 });
    expect((await answering).status).toBe(503);
    const lines = callback.running.log.filter(({ webhookId }) => [slow, gone].includes(String(webhookId)));
    const seen = lines.map(
      ({ severity, event: name, reason }) => `${String(severity)} ${String(name)} ${String(reason)}`,
    );
    expect(new Set(seen)).toEqual(
      new Set(['WARNING delivery_refused BODY_INCOMPLETE', 'WARNING delivery_refused DEADLINE_EXCEEDED']),
    );
  });

  test('is logged as a warning with its id and the reason', async () => {
    const id = newId();
    await callback.v1({ id, secret: FOREIGN_SECRET });
    await expect
      .poll(() => callback.running.log)
      .toContainEqual(expect.objectContaining({ severity: 'WARNING', webhookId: id, reason: 'SIGNATURE_INVALID' }));
  });

  test('leaves nothing behind: no document, no message on any topic', async () => {
    expect(await callback.traces()).toEqual([]);
  });
});

describe('an accepted request', () => {
  test.each([
    ['one character', 'm'],
    ['256 bytes', 'a'.repeat(256)],
    ['all kinds of characters', `AZaz09_-${newId()}`],
    ['three underscores', '___'],
    ['a leading double underscore only', '__x'],
  ])('may have an id of %s', async (_name, id) => {
    const answer = await callback.v1({ id });
    expect(answer).toMatchObject({ status: 200, body: { status: 'published', webhookId: id } });
  });

  test('is answered with exactly its status and its webhook-id, as JSON', async () => {
    const id = newId();
    const sent = { id, body: event('batch.succeeded', { id: newJob() }) };
    const first = await callback.v1(sent);
    expect(first.body).toStrictEqual({ status: 'published', webhookId: id });
    expect(first.headers['content-type']).toMatch(/^application\/json/);
    expect((await callback.v1(sent)).body).toStrictEqual({ status: 'duplicate', webhookId: id });
    const body = event('batch.failed', { id: newJob() });
    const other = await callback.v1({ id, body });
    expect(other).toMatchObject({ status: 200, body: { status: 'conflict', webhookId: id } });
    expect((await callback.message(id)).data.toString()).toBe(sent.body);
    const { data, attributes } = await callback.deadLetter(id);
    expect(data.toString()).toBe(body);
    expect(attributes).toMatchObject({ reason: 'BODY_MISMATCH', webhook_id: id });
  });

  test('that is signed but no event is quarantined, and so are its copies', async () => {
    const id = newId();
    for (const attempt of [1, 2]) {
      const { status, body } = await callback.v1({ id, body: `no event: ${CANARY}` });
      expect({ attempt, status, body }).toEqual({
        attempt,
        status: 200,
        body: { status: 'quarantined', webhookId: id },
      });
    }
    await callback.deadLetter(id);
    expect(await callback.delivery(id)).toMatchObject({ attempts: 2 });
    expect(await callback.messages('gemini-events', id)).toEqual([]);
  });

  test.each([
    ['256 KiB', false],
    ['256 KiB, in chunks,', true],
  ])('may be exactly %s long', async (_name, chunked) => {
    const id = newId();
    const empty = event('webhook.ping', undefined, { filler: '' });
    const body = empty.replace('"filler":""', `"filler":"${'x'.repeat(LIMIT_BYTES - empty.length)}"`);
    expect(body).toHaveLength(LIMIT_BYTES);
    expect(verdict(await callback.v1({ id, body, chunked }))).toBe('200 published');
    expect((await callback.message(id)).data.toString()).toBe(body);
  });

  test('may wait for 100 Continue before it sends its body', async () => {
    expect(verdict(await callback.v1({ headers: { expect: '100-continue' } }))).toBe('200 published');
  });

  test('may write its header names in any case', async () => {
    const id = newId();
    const body = event('webhook.ping');
    const timestampSeconds = nowSeconds();
    const given = Object.entries(webhook(id, timestampSeconds, signV1(SECRET, { id, timestampSeconds, body })));
    const upper = Object.fromEntries(given.map(([name, value]) => [name.toUpperCase(), value]));
    expect(verdict(await callback.send({ headers: upper, body }))).toBe('200 published');
  });

  test.each([
    '/favicon.ico',
    '/robots.txt',
    '/%zz',
    '/x/y?q=1',
    '//double',
    '/a/../b/',
    '/%00',
    '/?a[b]=c&a=%zz',
    'http://other.example.test/',
    dynamicPath('nightly', 'not-a-key-of-this-function-not-at-all'),
  ])('may come on the path %s when it is static', async (path) => {
    expect(verdict(await callback.v1({ path }))).toBe('200 published');
  });
});

describe('a signature in time', () => {
  /** Sends within one second of the clock, so that an offset is exact when the function looks at its own. */
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
    [-86_400, '401 TIMESTAMP_OUT_OF_TOLERANCE'],
    [86_400, '401 TIMESTAMP_OUT_OF_TOLERANCE'],
  ])('made %d s from now: %s', async (offset, expected) => {
    expect(await exactly(offset)).toBe(expected);
  });

  test.each([0, 9_999_999_999])('of the second %d is out of tolerance', async (timestampSeconds) => {
    const id = newId();
    expect(shown(await callback.v1({ id, timestampSeconds }))).toStrictEqual(
      refusal(401, 'TIMESTAMP_OUT_OF_TOLERANCE'),
    );
    expect(await callback.delivery(id)).toMatchObject({
      state: 'quarantined',
      quarantineReason: 'TIMESTAMP_OUT_OF_TOLERANCE',
    });
  });
});

test('nothing secret and no payload stands in the output', () => {
  expect(callback.leaks()).toEqual([]);
});
