import { describe, expect, test } from 'vitest';
import { AUDIENCE, CANARY, ED_2, edDsa, event, newId, newJob, nowSeconds, rs256, sha256 } from './sender.ts';
import { callbackForFile, expectRefusal, verdict } from './support.ts';

const [callback, withoutAudience] = await Promise.all([callbackForFile(), callbackForFile({ WEBHOOK_AUDIENCE: '' })]);

const payloadOf = (token: string): Buffer => Buffer.from(token.split('.')[1] ?? '', 'base64url');

test.each<[string, () => string]>([
  ['with RS256', () => rs256()],
  ['with EdDSA', () => edDsa()],
  ['with RS256 and no kid', () => rs256({}, { kid: undefined })],
  ['with EdDSA and no kid', () => edDsa({}, { kid: undefined }, ED_2)],
  ['without typ', () => rs256({}, { typ: undefined })],
  ['with one of several audiences', () => rs256({ aud: ['https://other.example.test', AUDIENCE] })],
  ['with additional claims', () => rs256({ iss: 'https://generativelanguage.googleapis.com', sub: 'x' })],
  ['issued four minutes ago', () => rs256({ iat: nowSeconds() - 240, exp: nowSeconds() + 60 })],
  ['after one that has expired', () => `${rs256({ iat: nowSeconds() - 900, exp: nowSeconds() - 600 })} ${rs256()}`],
])('a token is accepted: %s', async (_name, token) => {
  expect(verdict(await callback.jwt(token()))).toBe('200 published');
});

test.each<[string, string | Buffer]>([
  ['no body', ''],
  ['a body that is not JSON', `{${CANARY}`],
  ['a body that is not UTF-8', Buffer.from([0xff, 0xfe])],
])('a token is accepted with %s, because nothing signs the body', async (_name, body) => {
  expect(verdict(await callback.jwt(edDsa(), { body }))).toBe('200 published');
});

test('the claims are the event: they are recorded and published, and the body is ignored', async () => {
  const [jti, job] = [newId(), newJob()];
  const token = rs256({ jti, type: 'batch.succeeded', data: { id: job, größe: '❌' } });
  const unsigned = event('batch.failed', { id: newJob() });
  const answer = await callback.jwt(token, { body: unsigned });
  expect(answer).toMatchObject({ status: 200, body: { status: 'published', webhookId: jti } });
  expect(await callback.delivery(jti)).toMatchObject({
    webhookId: jti,
    type: 'batch.succeeded',
    scheme: 'jwt',
    route: 'nightly',
    jobId: job,
    event: JSON.parse(payloadOf(token).toString()),
    bodySha256: sha256(unsigned),
  });
  expect(await callback.job(job)).toMatchObject({ state: 'succeeded' });
  const { data, attributes } = await callback.message(jti);
  expect(data).toEqual(payloadOf(token));
  expect(attributes).toMatchObject({ webhook_id: jti, job_id: job, route: 'nightly', event_type: 'batch.succeeded' });
});

describe('the idempotency key', () => {
  test('is the jti, for any webhook-id and body', async () => {
    const jti = newId();
    const [token, unsigned] = [rs256({ jti }), newId()];
    expect((await callback.jwt(token, { id: unsigned })).body).toEqual({ status: 'published', webhookId: jti });
    const again = await callback.jwt(token, { id: newId(), body: 'other' });
    expect(again.body).toEqual({ status: 'duplicate', webhookId: jti });
    expect(await callback.delivery(unsigned)).toBeUndefined();
    await callback.message(jti);
  });

  test('is the hash of the token where it has no jti', async () => {
    const token = rs256({ jti: undefined });
    const id = `jwt_${sha256(token)}`;
    expect((await callback.jwt(token)).body).toEqual({ status: 'published', webhookId: id });
    expect((await callback.jwt(token)).body).toEqual({ status: 'duplicate', webhookId: id });
    expect((await callback.message(id)).attributes['ce-id']).toBe(id);
  });

  test.each(['a/b', '', '__x__', 'ü', 'x'.repeat(257), 7])(
    'is not the jti %j, which cannot be a document id: the token is accepted or refused, never deferred',
    async (jti) => {
      expect(verdict(await callback.jwt(rs256({ jti })))).toMatch(/^(200 published|400 INVALID_HEADER|401 \w+)$/);
    },
  );

  test('makes other claims under a known jti a conflict', async () => {
    const jti = newId();
    expect(verdict(await callback.jwt(rs256({ jti, type: 'batch.succeeded' })))).toBe('200 published');
    expect(verdict(await callback.jwt(rs256({ jti, type: 'batch.failed' })))).toBe('200 conflict');
    expect((await callback.deadLetter(jti)).attributes).toMatchObject({ reason: 'BODY_MISMATCH' });
  });
});

test('claims that are not an event are quarantined', async () => {
  const jti = newId();
  const token = rs256({ jti, type: undefined });
  expect((await callback.jwt(token)).body).toEqual({ status: 'quarantined', webhookId: jti });
  const record = { state: 'quarantined', rawBody: payloadOf(token), scheme: 'jwt' };
  expect(await callback.delivery(jti)).toMatchObject(record);
  expect((await callback.deadLetter(jti)).data).toEqual(payloadOf(token));
});

test.each([
  ['expired a minute ago', { iat: -120, exp: -61 }],
  ['issued ten minutes from now', { iat: 600, exp: 900 }],
  ['not valid before ten minutes from now', { iat: 0, exp: 900, nbf: 600 }],
])('a genuine token is not published when it is %s', async (_name, offsets) => {
  const times = Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, nowSeconds() + offset]));
  const jti = newId();
  const answer = verdict(await callback.jwt(rs256({ ...times, jti })));
  expect(answer).toMatch(/^401 (TIMESTAMP_OUT_OF_TOLERANCE|SIGNATURE_INVALID)$/);
  expect(await callback.messages('gemini-events', jti)).toEqual([]);
});

test.each([AUDIENCE, undefined, '', 'undefined'])(
  'where no audience is configured, a token for the audience %j is refused',
  async (aud) => {
    expectRefusal(await withoutAudience.jwt(rs256({ aud })), 401, 'SIGNATURE_INVALID');
    expect(verdict(await withoutAudience.v1a())).toBe('200 published');
  },
);
