import { createHmac, createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ed25519Key, publicJwk, signJwt } from '../../../simulator/signing.ts';
import { type JwksServer, startJwks } from '../../support/jwks.ts';
import {
  AUDIENCE,
  Callback,
  CANARY,
  claims,
  dynamicPath,
  ED,
  ED_2,
  edDsa,
  event,
  FOREIGN_ROUTE_KEY,
  JWKS,
  newId,
  newJob,
  nowSeconds,
  refusal,
  ROUTE_KEY,
  rs256,
  RSA,
  SECRET,
  sha256,
  shown,
  verdict,
} from './support.ts';

let jwks: JwksServer;
let callback: Callback;
let withoutAudience: Callback;

beforeAll(async () => {
  jwks = await startJwks(JWKS);
  const env = { WEBHOOK_SIGNING_SECRET: SECRET, DYNAMIC_ROUTE_KEY: ROUTE_KEY, GEMINI_JWKS_URL: jwks.url.href };
  [callback, withoutAudience] = await Promise.all([
    Callback.start({ ...env, WEBHOOK_AUDIENCE: AUDIENCE }),
    Callback.start(env),
  ]);
});
afterAll(async () => {
  await Promise.all([callback.close(), withoutAudience.close()]);
  await jwks.close();
});

const segment = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a JWT is accepted', () => {
  test.each<[string, () => string]>([
    ['with RS256', () => rs256()],
    ['with EdDSA', () => edDsa()],
    ['with RS256 and no kid', () => rs256({}, { kid: undefined })],
    ['with EdDSA and no kid', () => edDsa({}, { kid: undefined }, ED_2)],
    ['without typ', () => rs256({}, { typ: undefined })],
    ['with one of several audiences', () => rs256({ aud: ['https://other.example.test', AUDIENCE] })],
    ['with additional claims', () => rs256({ iss: 'https://generativelanguage.googleapis.com', sub: 'x' })],
    ['issued four minutes ago', () => rs256({ iat: nowSeconds() - 240, exp: nowSeconds() + 60 })],
  ])('%s', async (_name, token) => {
    expect(verdict(await callback.jwt(token()))).toBe('200 published');
  });

  test.each(['before', 'after'])('among other entries, which stand %s it', async (where) => {
    const junk = 'v1,AAAA v1a,AAAA a.b.c';
    const entries = where === 'before' ? `${junk} ${rs256()}` : `${rs256()} ${junk}`;
    expect(verdict(await callback.jwt(entries))).toBe('200 published');
  });

  test.each(['before', 'after'])('in time, where an expired one stands %s it', async (where) => {
    const jti = newId();
    const expired = rs256({ jti, iat: nowSeconds() - 900, exp: nowSeconds() - 600 });
    const entries = where === 'before' ? [expired, rs256({ jti })] : [rs256({ jti }), expired];
    expect(verdict(await callback.jwt(entries.join(' ')))).toBe('200 published');
  });

  test('and its claims are the event, while the unsigned body is not looked at', async () => {
    const jti = newId();
    const job = newJob();
    const token = rs256({ jti, type: 'batch.succeeded', data: { id: job, größe: '❌' } });
    const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
    const unsigned = event('batch.failed', { id: newJob() });
    const answer = await callback.jwt(token, { body: unsigned });
    expect(answer).toMatchObject({ status: 200, body: { status: 'published', webhookId: jti } });
    expect(await callback.delivery(jti)).toMatchObject({
      webhookId: jti,
      type: 'batch.succeeded',
      scheme: 'jwt',
      route: 'nightly',
      jobId: job,
      event: JSON.parse(payload),
      bodySha256: sha256(unsigned),
    });
    expect(await callback.job(job)).toMatchObject({ state: 'succeeded' });
    const { data, attributes } = await callback.message(jti);
    expect(data.toString()).toBe(payload);
    expect(attributes).toMatchObject({ webhook_id: jti, job_id: job, route: 'nightly', event_type: 'batch.succeeded' });
  });

  test.each<[string, string | Buffer]>([
    ['no body', ''],
    ['a body that is no JSON', `{${CANARY}`],
    ['a body that is no UTF-8', Buffer.from([0xff, 0xfe])],
  ])('with %s', async (_name, body) => {
    expect(verdict(await callback.jwt(edDsa(), { body }))).toBe('200 published');
  });

  test('once: its jti is the idempotency key, for any webhook-id and body', async () => {
    const jti = newId();
    const token = rs256({ jti });
    const unsigned = newId();
    expect((await callback.jwt(token, { id: unsigned })).body).toEqual({ status: 'published', webhookId: jti });
    const again = await callback.jwt(token, { id: newId(), body: 'other' });
    expect(again.body).toEqual({ status: 'duplicate', webhookId: jti });
    expect(await callback.delivery(unsigned)).toBeUndefined();
    await callback.message(jti);
  });

  test('under the hash of the token where it has no jti', async () => {
    const token = rs256({ jti: undefined });
    const id = `jwt_${sha256(token)}`;
    expect((await callback.jwt(token)).body).toEqual({ status: 'published', webhookId: id });
    expect((await callback.jwt(token)).body).toEqual({ status: 'duplicate', webhookId: id });
    expect((await callback.message(id)).attributes['ce-id']).toBe(id);
  });

  test.each(['a/b', '', '__x__', 'ü', 'x'.repeat(257), 7])(
    'with the jti %j, which no document can have as its id, or refused: never put off',
    async (jti) => {
      expect(verdict(await callback.jwt(rs256({ jti })))).toMatch(/^(200 published|400 INVALID_HEADER|401 \w+)$/);
    },
  );

  test('and where its claims are no event they are quarantined', async () => {
    const jti = newId();
    const token = rs256({ jti, type: undefined });
    expect((await callback.jwt(token)).body).toEqual({ status: 'quarantined', webhookId: jti });
    const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url');
    expect(await callback.delivery(jti)).toMatchObject({ state: 'quarantined', rawBody: payload, scheme: 'jwt' });
    expect((await callback.deadLetter(jti)).data).toEqual(payload);
  });

  test('and other claims under a known jti are a conflict', async () => {
    const jti = newId();
    expect(verdict(await callback.jwt(rs256({ jti, type: 'batch.succeeded' })))).toBe('200 published');
    expect(verdict(await callback.jwt(rs256({ jti, type: 'batch.failed' })))).toBe('200 conflict');
    expect((await callback.deadLetter(jti)).attributes).toMatchObject({ reason: 'BODY_MISMATCH' });
  });
});

describe('a JWT is refused as a forgery', () => {
  const publicPem = createPublicKey(RSA.privateKey).export({ type: 'spki', format: 'pem' });
  const hs256 = (key: string | Buffer, kid = 'sim-rsa-1'): string => {
    const input = `${segment({ alg: 'HS256', kid, typ: 'JWT' })}.${segment(claims())}`;
    return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
  };
  const foreign = ed25519Key(Buffer.alloc(32, 0xdd), ED.kid);

  test.each<[string, () => string]>([
    ['without a signature and alg none', () => `${segment({ alg: 'none' })}.${segment(claims())}.`],
    ['with its header replaced by alg none', () => rs256().replace(/^[^.]*/, 'eyJhbGciOiJub25lIn0')],
    ['with HS256 over the public key as PEM', () => hs256(String(publicPem))],
    ['with HS256 over the public key as DER', () => hs256(Buffer.from(publicJwk(RSA).n ?? '', 'base64url'))],
    ['with HS256 over the static secret', () => hs256(Buffer.from(SECRET.slice(6), 'base64'))],
    ['with HS256 over the static secret as it is written', () => hs256(SECRET)],
    ['with HS256 over the route key', () => hs256(ROUTE_KEY)],
    ['with HS256 over an empty key', () => hs256('')],
    ['of an unknown kid', () => rs256({}, { kid: 'unknown' })],
    ['of the kid of another key', () => edDsa({}, { kid: ED_2.kid })],
    ['of a foreign key under a known kid', () => edDsa({}, {}, foreign)],
    ['of a foreign key without kid', () => edDsa({}, { kid: undefined }, foreign)],
    ['with an RSA signature that calls itself EdDSA', () => rs256({}, { alg: 'EdDSA', kid: ED.kid })],
    ['with RS512 in its header', () => rs256({}, { alg: 'RS512' })],
    ['with PS256 in its header', () => rs256({}, { alg: 'PS256' })],
    ['with its own key in its header', () => edDsa({}, { kid: undefined, jwk: publicJwk(foreign) }, foreign)],
    ['with an unknown critical extension', () => rs256({}, { crit: ['x'], x: 1 })],
    ['of another audience', () => rs256({ aud: 'https://other.example.test' })],
    ['of an audience that only begins like the configured one', () => rs256({ aud: `${AUDIENCE}/x` })],
    ['without audience', () => rs256({ aud: undefined })],
    ['without exp', () => rs256({ exp: undefined })],
    ['without iat', () => rs256({ iat: undefined })],
    ['with an exp that is a string', () => rs256({ exp: String(nowSeconds() + 300) })],
    ['with an iat that is a string', () => rs256({ iat: String(nowSeconds()) })],
    ['with changed claims', () => rs256().replace(/\.[^.]*\./, `.${segment(claims({ type: 'batch.failed' }))}.`)],
    ['with its last segment cut off', () => rs256().replace(/\.[^.]*$/, '')],
    ['with an empty signature', () => rs256().replace(/[^.]*$/, '')],
    ['with a fourth segment', () => `${rs256()}.AAAA`],
    ['that calls itself v1', () => `v1,${rs256()}`],
    ['that calls itself Bearer with a comma', () => `Bearer,${rs256()}`],
    ['whose claims are no object', () => signJwt(RSA, { alg: 'RS256', kid: RSA.kid }, [claims()])],
  ])('%s', async (_name, token) => {
    const id = newId();
    expect(shown(await callback.jwt(token(), { id }))).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    expect(await callback.delivery(id)).toBeUndefined();
  });

  test('where no audience is configured, for any audience', async () => {
    for (const aud of [AUDIENCE, undefined, '', 'undefined']) {
      const answer = await withoutAudience.jwt(rs256({ aud }));
      expect(shown(answer)).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    }
    expect(verdict(await withoutAudience.v1a())).toBe('200 published');
  });
});

describe('a genuine JWT is refused', () => {
  test.each([
    ['expired ten minutes ago', { iat: -900, exp: -600 }],
    ['expired a minute ago', { iat: -120, exp: -61 }],
    ['issued ten minutes from now', { iat: 600, exp: 900 }],
    ['not valid before ten minutes from now', { iat: 0, exp: 900, nbf: 600 }],
  ])('when it is %s', async (_name, offsets) => {
    const times = Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, nowSeconds() + offset]));
    const jti = newId();
    expect(verdict(await callback.jwt(rs256({ ...times, jti })))).toMatch(
      /^401 (TIMESTAMP_OUT_OF_TOLERANCE|SIGNATURE_INVALID)$/,
    );
    expect(await callback.messages('gemini-events', jti)).toEqual([]);
  });

  test.each(['/', dynamicPath('nightly', FOREIGN_ROUTE_KEY), '/dynamic/nightly'])('on the path %s', async (path) => {
    const jti = newId();
    expect(shown(await callback.jwt(rs256({ jti }), { path }))).toStrictEqual(refusal(401, 'ROUTE_INVALID'));
    expect(await callback.delivery(jti)).toBeUndefined();
  });
});

test('nothing secret and no payload stands in the output', () => {
  expect([...callback.leaks(), ...withoutAudience.leaks()]).toEqual([]);
});
