import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeySet } from '../../../../functions/callback/keySet.ts';
import { Log } from '../../../../functions/observability/log.ts';
import { publicJwk, rsaKey } from '../../../../simulator/signing.ts';
import { jwks as published, rsaPrivateJwk } from '../../../support/vectors.ts';
import { type JwksServer, startJwks } from '../../../support/jwks.ts';

let server: JwksServer;
let now: number;
let keySet: KeySet;

beforeEach(async () => {
  server = await startJwks(published.keys);
  now = 1_000_000;
  keySet = new KeySet({ url: server.url, log: new Log(undefined, () => {}), now: () => now });
});

afterEach(() => server.close());

const kids = (keys: readonly { kid: string | undefined }[] | undefined) => keys?.map(({ kid }) => kid);

test('concurrent requests share one fetch, and later ones its keys', async () => {
  server.delayMillis = 50;
  const asked = await Promise.all(Array.from({ length: 100 }, () => keySet.current()));
  expect(kids(asked[99])).toEqual(['sim-ed-1', 'sim-ed-2', 'sim-ed-3']);
  now += 599_000;
  expect(await keySet.current()).toBe(asked[0]);
  expect(server.requests()).toBe(1);
});

test('a storm of unknown signatures causes one refetch in 30 s', async () => {
  for (let second = 0; second < 90; second++) {
    const known = await keySet.current();
    await Promise.all([keySet.refresh(known), keySet.refresh(known), keySet.refresh(known)]);
    now += 1_000;
  }
  expect(server.requests()).toBe(1 + 2);
});

test('a key that is added is found within a minute', async () => {
  server.keys = published.keys.slice(0, 2);
  const known = await keySet.current();
  server.keys = published.keys;
  expect(await keySet.refresh(known)).toBeUndefined();
  now += 30_000;
  expect(kids(await keySet.refresh(known))).toContain('sim-ed-3');
  expect(kids(await keySet.current())).toContain('sim-ed-3');
});

test('a request that tried older keys gets those of a concurrent fetch', async () => {
  const known = await keySet.current();
  now += 30_000;
  const refreshed = await keySet.refresh(known);
  expect(await keySet.refresh(known)).toBe(refreshed);
  expect(server.requests()).toBe(2);
});

test('a withdrawn key is refused after ten minutes', async () => {
  await keySet.current();
  server.keys = published.keys.slice(1);
  now += 600_001;
  expect(kids(await keySet.current())).toEqual(['sim-ed-2', 'sim-ed-3']);
});

test.each([
  ['answers an error', () => void (server.status = 500)],
  ['is no key set', () => void (server.keys = 'no' as never)],
  ['holds no key', () => void (server.keys = [])],
  ['holds no key that could have signed', () => void (server.keys = [{ kty: 'oct', k: 'c2VjcmV0' }])],
  ['is unreachable', () => server.close()],
])('cached keys stay in use while the URL %s', async (_name, breakServer) => {
  const known = await keySet.current();
  await breakServer();
  now += 700_000;
  expect(await keySet.current()).toBe(known);
  expect(await keySet.refresh(known)).toBeUndefined();
  if (_name === 'is unreachable') server = await startJwks([]);
});

test('without cached keys a failed fetch is an error, and the next request fetches again', async () => {
  server.status = 503;
  await expect(keySet.current()).rejects.toMatchObject({ reason: 'KEYS_UNAVAILABLE', cause: expect.any(Error) });
  server.status = 200;
  expect(await keySet.current()).toHaveLength(3);
});

test('a redirect is not followed', async () => {
  server.status = 302;
  await expect(keySet.current()).rejects.toMatchObject({ reason: 'KEYS_UNAVAILABLE' });
});

test('a server that hangs is abandoned after a time-out', async () => {
  server.delayMillis = 10_000;
  await expect(keySet.current()).rejects.toMatchObject({ reason: 'KEYS_UNAVAILABLE' });
}, 5_000);

test.each([
  [1_048_000, 'read'],
  [1_049_000, 'The key set exceeds 1048576 bytes.'],
])('a key set of %i bytes: %s', async (bytes, expected) => {
  server.keys = [...published.keys, { kty: 'oct', k: 'x'.repeat(bytes - 700) }];
  const outcome = keySet.current().then(
    () => 'read',
    ({ cause }: { cause: Error }) => cause.message,
  );
  expect(await outcome).toBe(expected);
});

test('elements that are not usable keys are skipped, one by one', async () => {
  const [first] = published.keys;
  const rsa = publicJwk(rsaKey(rsaPrivateJwk, 'rsa'));
  server.keys = [
    { kty: 'oct', k: 'c2VjcmV0' },
    { kty: 'OKP', crv: 'X25519', x: first.x },
    { kty: 'OKP', crv: 'Ed25519', x: 'short' },
    { ...first, use: 'enc' },
    { ...rsa, alg: 'RS512' },
    {},
    null as never,
    'a key' as never,
    [first] as never,
    { ...first, kid: 7 },
    rsa,
    first,
  ];
  expect(kids(await keySet.current())).toEqual([undefined, 'rsa', 'sim-ed-1']);
});
