import { describe, expect, test } from 'vitest';
import { newSecret, publicJwk, signV1, signV1a } from '../../../simulator/signing.ts';
import {
  dynamicPath,
  ED,
  ED_2,
  ED_3,
  event,
  FOREIGN_ED,
  newId,
  newJob,
  NEXT_SECRET,
  nowSeconds,
  ROUTE_KEY,
  SECOND_ROUTE_KEY,
  SECRET,
  webhook,
} from './sender.ts';
import { callbackForFile, expectRefusal, verdict } from './support.ts';

/** Keys that cannot verify an Ed25519 signature. */
const UNUSABLE = [
  { kty: 'OKP', crv: 'Ed25519' },
  { kty: 'OKP', crv: 'Ed25519', x: 'short' },
  { kty: 'OKP', crv: 'X25519', x: publicJwk(FOREIGN_ED).x },
  { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' },
  { kty: 'oct', k: 'AAAA' },
  {},
];

const { kid: _kid, ...WITHOUT_KID } = publicJwk(ED_3);

const [callback, dynamicOnly, staticOnly] = await Promise.all([
  callbackForFile({
    WEBHOOK_SIGNING_SECRET: `${SECRET},${NEXT_SECRET}`,
    DYNAMIC_ROUTE_KEY: `${ROUTE_KEY} ${SECOND_ROUTE_KEY}`,
  }),
  callbackForFile({ WEBHOOK_SIGNING_SECRET: '' }, [...UNUSABLE, publicJwk(ED_2), WITHOUT_KID, ...UNUSABLE]),
  callbackForFile({ DYNAMIC_ROUTE_KEY: '' }),
]);

describe('a static delivery (v1)', () => {
  test.each<[string, readonly string[]]>([
    ['the first of two secrets', [SECRET]],
    ['the second of two secrets', [NEXT_SECRET]],
    ['both secrets, as during a rotation', [NEXT_SECRET, SECRET]],
    ['an unknown secret and a known one', [newSecret(), SECRET]],
    ['a known secret and an unknown one', [SECRET, newSecret()]],
  ])('is accepted when signed with %s', async (_name, secrets) => {
    const signed = { id: newId(), timestampSeconds: nowSeconds(), body: event('webhook.ping') };
    const signature = secrets.map((secret) => signV1(secret, signed)).join(' ');
    const headers = webhook(signed.id, signed.timestampSeconds, signature);
    expect(verdict(await callback.send({ headers, body: signed.body }))).toBe('200 published');
  });

  test('is refused where no signing secret is configured', async () => {
    expectRefusal(await dynamicOnly.v1({ path: dynamicPath() }), 401, 'SIGNATURE_INVALID');
  });

  test('is recorded without a route, also on the path of a dynamic webhook', async () => {
    const id = newId();
    expect(verdict(await callback.v1({ id, path: dynamicPath() }))).toBe('200 published');
    expect(await callback.delivery(id)).toMatchObject({ scheme: 'v1' });
    expect(await callback.delivery(id)).not.toHaveProperty('route');
    expect((await callback.message(id)).attributes).not.toHaveProperty('route');
  });
});

describe('a dynamic delivery (v1a)', () => {
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

  test('is accepted by keys with and without kid, among unusable keys', async () => {
    expect(verdict(await dynamicOnly.v1a({ key: ED_2 }))).toBe('200 published');
    expect(verdict(await dynamicOnly.v1a({ key: ED_3 }))).toBe('200 published');
    expectRefusal(await dynamicOnly.v1a({ key: ED }), 401, 'SIGNATURE_INVALID');
  });

  test('is accepted in place of a static one that the function cannot verify', async () => {
    const signed = { id: newId(), timestampSeconds: nowSeconds(), body: event('webhook.ping') };
    const signature = `${signV1(SECRET, signed)} ${signV1a(ED_2, signed)}`;
    const headers = webhook(signed.id, signed.timestampSeconds, signature);
    expect(verdict(await dynamicOnly.send({ path: dynamicPath(), headers, body: signed.body }))).toBe('200 published');
  });

  test.each([-301, 302])('is quarantined when made %d s from now', async (offset) => {
    const id = newId();
    const answer = await callback.v1a({ id, timestampSeconds: nowSeconds() + offset });
    expectRefusal(answer, 401, 'TIMESTAMP_OUT_OF_TOLERANCE');
    expect(await callback.delivery(id)).toMatchObject({ scheme: 'v1a', route: 'nightly', state: 'quarantined' });
  });
});

describe('the route of a dynamic webhook', () => {
  test.each([
    ['behind a prefix', `/hooks/v1/gemini${dynamicPath()}`],
    ['behind another dynamic path', `/dynamic/x/y${dynamicPath()}`],
    ['with a query string', `${dynamicPath()}?a=b/c&d`],
    ['signed with the second key of two', dynamicPath('nightly', SECOND_ROUTE_KEY)],
    ['of one character', dynamicPath('a')],
    ['of 64 characters', dynamicPath('r'.repeat(64))],
    ['of all kinds of characters', dynamicPath('Az09_-')],
    ['called dynamic', dynamicPath('dynamic')],
    ['called __proto__', dynamicPath('__proto__')],
  ])('is accepted and recorded: %s', async (_name, path) => {
    const id = newId();
    expect(verdict(await callback.v1a({ id, path }))).toBe('200 published');
    const route = path.split('?')[0]?.split('/').at(-2);
    expect((await callback.message(id)).attributes['route']).toBe(route);
    expect((await callback.delivery(id))?.['route']).toBe(route);
  });

  test('is refused where no route key is configured', async () => {
    for (const path of [dynamicPath(), dynamicPath('nightly', ''), '/']) {
      expectRefusal(await staticOnly.v1a({ path }), 401, 'ROUTE_INVALID');
    }
    expect(verdict(await staticOnly.v1())).toBe('200 published');
  });

  test('is required also of a delivery that is too old: otherwise it is not recorded', async () => {
    const id = newId();
    const answer = await callback.v1a({ id, path: '/', timestampSeconds: nowSeconds() - 4_000 });
    expect(verdict(answer)).toMatch(/^401 (ROUTE_INVALID|TIMESTAMP_OUT_OF_TOLERANCE)$/);
    expect(await callback.delivery(id)).toBeUndefined();
  });
});

test('a delivery that was refused in one scheme is accepted in another, once', async () => {
  const sent = { id: newId(), body: event('batch.succeeded', { id: newJob() }) };
  expect(verdict(await callback.v1({ ...sent, secret: newSecret() }))).toBe('401 SIGNATURE_INVALID');
  expect(verdict(await callback.v1a({ ...sent, path: '/' }))).toBe('401 ROUTE_INVALID');
  expect(await callback.messages('gemini-events', sent.id)).toEqual([]);
  expect(verdict(await callback.v1a(sent))).toBe('200 published');
  expect(verdict(await callback.v1(sent))).toBe('200 duplicate');
  expect(await callback.delivery(sent.id)).toMatchObject({ scheme: 'v1a' });
  await callback.message(sent.id);
});
