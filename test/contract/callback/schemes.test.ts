import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ed25519Key, newSecret, publicJwk, signV1, signV1a } from '../../../simulator/signing.ts';
import { type JwksServer, startJwks } from '../../support/jwks.ts';
import {
  Callback,
  dynamicPath,
  ED,
  ED_2,
  ED_3,
  event,
  FOREIGN_ED,
  FOREIGN_ROUTE_KEY,
  FOREIGN_SECRET,
  JWKS,
  newId,
  newJob,
  NEXT_SECRET,
  nowSeconds,
  refusal,
  ROUTE_KEY,
  SECOND_ROUTE_KEY,
  SECRET,
  shown,
  verdict,
  webhook,
} from './support.ts';

let jwks: JwksServer;
let callback: Callback;
/** A function with dynamic webhooks only, and a key set of keys without `kid` and unusable ones. */
let dynamicOnly: Callback;
/** Knows only static webhooks. */
let staticOnly: Callback;

const JUNK = [
  { kty: 'OKP', crv: 'Ed25519' },
  { kty: 'OKP', crv: 'Ed25519', x: 'short' },
  { kty: 'OKP', crv: 'X25519', x: publicJwk(FOREIGN_ED).x },
  { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' },
  { kty: 'oct', k: 'AAAA' },
  {},
];
let mixedJwks: JwksServer;

beforeAll(async () => {
  jwks = await startJwks(JWKS);
  const { x, kty, crv } = publicJwk(ED_3);
  mixedJwks = await startJwks([...JUNK, publicJwk(ED_2), { x, kty, crv }, ...JUNK]);
  [callback, dynamicOnly, staticOnly] = await Promise.all([
    Callback.start({
      WEBHOOK_SIGNING_SECRET: `${SECRET},${NEXT_SECRET}`,
      DYNAMIC_ROUTE_KEY: `${ROUTE_KEY} ${SECOND_ROUTE_KEY}`,
      GEMINI_JWKS_URL: jwks.url.href,
    }),
    Callback.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, GEMINI_JWKS_URL: mixedJwks.url.href }),
    Callback.start({ WEBHOOK_SIGNING_SECRET: SECRET, GEMINI_JWKS_URL: jwks.url.href }),
  ]);
});
afterAll(async () => {
  await Promise.all([callback, dynamicOnly, staticOnly].map(async (each) => await each.close()));
  await Promise.all([jwks.close(), mixedJwks.close()]);
});

const message = () => ({ id: newId(), timestampSeconds: nowSeconds(), body: event('webhook.ping') });
type Message = ReturnType<typeof message>;

async function sendSigned(to: Callback, path: string, sign: (message: Message) => string) {
  const signed = message();
  const headers = webhook(signed.id, signed.timestampSeconds, sign(signed));
  return await to.send({ path, headers, body: signed.body });
}

const hmac = (key: string | Uint8Array, { id, timestampSeconds, body }: Message): string =>
  `v1,${createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64')}`;

const bad = (signed: Message): string => signV1(FOREIGN_SECRET, signed);

describe('v1', () => {
  test.each<[string, (signed: Message) => string]>([
    ['the first of two secrets', (signed) => signV1(SECRET, signed)],
    ['the second of two secrets', (signed) => signV1(NEXT_SECRET, signed)],
    ['both, as during a rotation', (signed) => `${signV1(NEXT_SECRET, signed)} ${signV1(SECRET, signed)}`],
    ['a foreign one before a good one', (signed) => `${bad(signed)} ${signV1(SECRET, signed)}`],
    ['a foreign one after a good one', (signed) => `${signV1(SECRET, signed)} ${bad(signed)}`],
    ['junk around a good one', (signed) => `x v1 v1, v2,AAAA v1a,AAAA , ${signV1(SECRET, signed)} a.b.c ..  v1,=`],
    ['fifty bad ones before it', (signed) => `${`${bad(signed)} `.repeat(50)}${signV1(SECRET, signed)}`],
    ['a foreign v1a before it', (signed) => `${signV1a(FOREIGN_ED, signed)} ${signV1(SECRET, signed)}`],
    ['a genuine v1a before it, and no route', (signed) => `${signV1a(ED, signed)} ${signV1(SECRET, signed)}`],
    ['a genuine v1a after it, and no route', (signed) => `${signV1(SECRET, signed)} ${signV1a(ED, signed)}`],
  ])('is accepted with %s', async (_name, sign) => {
    expect(verdict(await sendSigned(callback, '/', sign))).toBe('200 published');
  });

  test.each<[string, (signed: Message) => string]>([
    ['a foreign secret', bad],
    ['the secret as it is written, not decoded', (signed) => hmac(SECRET, signed)],
    ['the secret without its prefix, not decoded', (signed) => hmac(SECRET.slice(6), signed)],
    ['an empty key', (signed) => hmac('', signed)],
    ['the public key of the key set', (signed) => hmac(Buffer.from(publicJwk(ED).x ?? '', 'base64url'), signed)],
    ['the route key', (signed) => hmac(ROUTE_KEY, signed)],
    ['an empty signature', () => 'v1,'],
    ['no version', (signed) => signV1(SECRET, signed).slice('v1,'.length)],
    ['another version', (signed) => signV1(SECRET, signed).replace('v1,', 'v2,')],
    ['a version in upper case', (signed) => signV1(SECRET, signed).replace('v1,', 'V1,')],
    ['an HMAC that calls itself v1a', (signed) => signV1(SECRET, signed).replace('v1,', 'v1a,')],
    ['a v1a that calls itself v1', (signed) => signV1a(ED, signed).replace('v1a,', 'v1,')],
    ['half a signature', (signed) => signV1(SECRET, signed).slice(0, 24)],
    ['more behind the signature', (signed) => `${signV1(SECRET, signed).replace('=', '')}AAAA`],
  ])('is refused with %s', async (_name, sign) => {
    for (const path of ['/', dynamicPath()]) {
      const answer = await sendSigned(callback, path, sign);
      expect(shown(answer)).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    }
  });

  test('is refused where no secret is configured', async () => {
    const answer = await sendSigned(dynamicOnly, dynamicPath(), (signed) => signV1(SECRET, signed));
    expect(shown(answer)).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
  });

  test('is recorded as v1 and without a route, also on the path of a dynamic webhook', async () => {
    const id = newId();
    expect(verdict(await callback.v1({ id, path: dynamicPath() }))).toBe('200 published');
    const record = await callback.delivery(id);
    expect({ scheme: record?.['scheme'], route: record?.['route'] }).toEqual({ scheme: 'v1', route: undefined });
    expect((await callback.message(id)).attributes).not.toHaveProperty('route');
  });
});

describe('v1a', () => {
  test.each([
    ['first', ED],
    ['second', ED_2],
    ['third', ED_3],
  ])('is accepted by the %s key of three', async (_name, key) => {
    const id = newId();
    expect(verdict(await callback.v1a({ id, key }))).toBe('200 published');
    expect(await callback.delivery(id)).toMatchObject({ scheme: 'v1a', route: 'nightly', state: 'published' });
    expect((await callback.message(id)).attributes).toMatchObject({ route: 'nightly', webhook_id: id });
  });

  test('is accepted by keys with and without kid, among keys that cannot be read', async () => {
    expect(verdict(await dynamicOnly.v1a({ key: ED_2 }))).toBe('200 published');
    expect(verdict(await dynamicOnly.v1a({ key: ED_3 }))).toBe('200 published');
  });

  test('is refused by a key that is not in the set', async () => {
    expect(shown(await dynamicOnly.v1a({ key: ED }))).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
    expect(shown(await callback.v1a({ key: FOREIGN_ED }))).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
  });

  test.each<[string, (signed: Message) => string]>([
    ['among junk', (signed) => `v1a, v1a,AAAA ${signV1a(ED, signed)} v1,x`],
    ['after a foreign v1a', (signed) => `${signV1a(FOREIGN_ED, signed)} ${signV1a(ED_3, signed)}`],
    ['beside a v1 of an unknown secret', (signed) => `${bad(signed)} ${signV1a(ED, signed)}`],
  ])('is accepted %s', async (_name, sign) => {
    expect(verdict(await sendSigned(callback, dynamicPath(), sign))).toBe('200 published');
  });

  const base64 = (signed: Message): Buffer => Buffer.from(signV1a(ED, signed).slice('v1a,'.length), 'base64');
  const staticSeed = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
  test.each<[string, (signed: Message) => string]>([
    ['63 bytes', (signed) => `v1a,${base64(signed).subarray(0, 63).toString('base64')}`],
    ['65 bytes', (signed) => `v1a,${Buffer.concat([base64(signed), Buffer.alloc(1)]).toString('base64')}`],
    ['64 zeros', () => `v1a,${Buffer.alloc(64).toString('base64')}`],
    ['nothing', () => 'v1a,'],
    ['a bit turned', (signed) => `v1a,${Buffer.from(base64(signed).map((byte) => byte ^ 1)).toString('base64')}`],
    ['a key that the static secret is the seed of', (signed) => signV1a(ed25519Key(staticSeed), signed)],
    ['another id', (signed) => signV1a(ED, { ...signed, id: newId() })],
    ['another time', (signed) => signV1a(ED, { ...signed, timestampSeconds: signed.timestampSeconds + 1 })],
    ['another body', (signed) => signV1a(ED, { ...signed, body: `${signed.body} ` })],
  ])('is refused with a signature of %s', async (_name, sign) => {
    const answer = await sendSigned(callback, dynamicPath(), sign);
    expect(shown(answer)).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
  });

  test.each([-301, 302])('is out of tolerance when made %d s from now, and kept', async (offset) => {
    const id = newId();
    const answer = await callback.v1a({ id, timestampSeconds: nowSeconds() + offset });
    expect(shown(answer)).toStrictEqual(refusal(401, 'TIMESTAMP_OUT_OF_TOLERANCE'));
    expect(await callback.delivery(id)).toMatchObject({ scheme: 'v1a', route: 'nightly', state: 'quarantined' });
  });
});

describe('the route of a dynamic webhook', () => {
  const mac = dynamicPath().split('/').at(-1) ?? '';
  test.each([
    ['alone', dynamicPath()],
    ['behind a prefix', `/hooks/v1/gemini${dynamicPath()}`],
    ['behind another dynamic path', `/dynamic/x/y${dynamicPath()}`],
    ['with a query string', `${dynamicPath()}?a=b/c&d`],
    ['by the second key of two', dynamicPath('nightly', SECOND_ROUTE_KEY)],
    ['of one character', dynamicPath('a')],
    ['of 64 characters', dynamicPath('r'.repeat(64))],
    ['of all kinds of characters', dynamicPath('Az09_-')],
    ['called dynamic', dynamicPath('dynamic')],
    ['called __proto__', dynamicPath('__proto__')],
  ])('is accepted %s', async (_name, path) => {
    const id = newId();
    expect(verdict(await callback.v1a({ id, path }))).toBe('200 published');
    const route = path.split('?')[0]?.split('/').at(-2);
    expect((await callback.message(id)).attributes['route']).toBe(route);
    expect((await callback.delivery(id))?.['route']).toBe(route);
  });

  test.each([
    ['no route at all', '/'],
    ['a foreign key', dynamicPath('nightly', FOREIGN_ROUTE_KEY)],
    ['an empty key', dynamicPath('nightly', '')],
    ['the static secret as key', dynamicPath('nightly', SECRET)],
    ['the mac of another route', `/dynamic/daily/${mac}`],
    ['no mac', '/dynamic/nightly'],
    ['an empty mac', '/dynamic/nightly/'],
    ['half a mac', `/dynamic/nightly/${mac.slice(0, 20)}`],
    ['a padded mac', `/dynamic/nightly/${mac}=`],
    ['a mac in hex', `/dynamic/nightly/${Buffer.from(mac, 'base64url').toString('hex')}`],
    ['a mac whose unused last bits are set', `/dynamic/nightly/${mac.slice(0, -1)}${after(mac.at(-1))}`],
    ['more behind the mac', `${dynamicPath()}A`],
    ['a trailing slash', `${dynamicPath()}/`],
    ['something behind it', `${dynamicPath()}/x`],
    ['the route in the query string', `/?x=${dynamicPath()}`],
    ['65 characters', dynamicPath('r'.repeat(65))],
    ['no characters', dynamicPath('')],
    ['a dot in the route', dynamicPath('a.b')],
    ['an escape in the route', dynamicPath('a%20b')],
    ['a slash in the route', dynamicPath('a/b')],
    ['another case of dynamic', dynamicPath().replace('dynamic', 'Dynamic')],
    ['dynamic as the end of a word', `/not-${dynamicPath().slice(1)}`],
    ['a broken escape', '/dynamic/%zz/%zz'],
  ])('is refused with %s', async (_name, path) => {
    const id = newId();
    expect(shown(await callback.v1a({ id, path }))).toStrictEqual(refusal(401, 'ROUTE_INVALID'));
    expect(await callback.delivery(id)).toBeUndefined();
  });

  test('is not looked at before the signature', async () => {
    const answer = await callback.v1a({ path: '/', key: FOREIGN_ED });
    expect(shown(answer)).toStrictEqual(refusal(401, 'SIGNATURE_INVALID'));
  });

  test('is refused where no route key is configured', async () => {
    for (const path of [dynamicPath(), dynamicPath('nightly', ''), '/']) {
      expect(shown(await staticOnly.v1a({ path }))).toStrictEqual(refusal(401, 'ROUTE_INVALID'));
    }
    expect(verdict(await staticOnly.v1())).toBe('200 published');
  });

  test('is needed also by a delivery that is too old: without it nothing is kept', async () => {
    const id = newId();
    const answer = await callback.v1a({ id, path: '/', timestampSeconds: nowSeconds() - 4_000 });
    expect(verdict(answer)).toMatch(/^401 (ROUTE_INVALID|TIMESTAMP_OUT_OF_TOLERANCE)$/);
    expect(await callback.delivery(id)).toBeUndefined();
  });
});

test('a delivery refused in one scheme is accepted in another, and no message but that one stands on a topic', async () => {
  const id = newId();
  const body = event('batch.succeeded', { id: newJob() });
  const sent = { id, body };
  expect(verdict(await callback.v1({ ...sent, secret: newSecret() }))).toBe('401 SIGNATURE_INVALID');
  expect(verdict(await callback.v1a({ ...sent, path: '/' }))).toBe('401 ROUTE_INVALID');
  expect(await callback.messages('gemini-events', id)).toEqual([]);
  expect(verdict(await callback.v1a(sent))).toBe('200 published');
  expect(verdict(await callback.v1(sent))).toBe('200 duplicate');
  expect(await callback.delivery(id)).toMatchObject({ scheme: 'v1a' });
  await callback.message(id);
});

test('nothing secret and no payload stands in the output', () => {
  expect([callback, dynamicOnly, staticOnly].flatMap((each) => each.leaks())).toEqual([]);
});

/** The next letter of base64url. */
function after(letter = ''): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet.charAt(alphabet.indexOf(letter) + 1);
}
