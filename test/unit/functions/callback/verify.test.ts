import { createHmac, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { importKey, type PublicKey } from '../../../../functions/callback/publicKey.ts';
import { signRoute } from '../../../../functions/model/route.ts';
import { v1Signer } from '../../../../functions/callback/v1.ts';
import type { SignedRequest, Trust } from '../../../../functions/callback/signedRequest.ts';
import { verify } from '../../../../functions/callback/verify.ts';
import { ed25519Key, newSecret, publicJwk, rsaKey, signJwt, signV1, signV1a } from '../../../../simulator/signing.ts';
import * as vectors from '../../../support/vectors.ts';

const { a, b } = vectors.secrets;
const ROUTE_KEY = 'a-route-key-of-at-least-32-characters';
const DYNAMIC_PATH = `/hooks/dynamic/nightly/${signRoute('nightly', ROUTE_KEY)}`;
const AUDIENCE = vectors.claims.aud;
const NOW = new Date(vectors.timestampSeconds * 1_000);
const RSA = rsaKey(vectors.rsaPrivateJwk, 'sim-rsa-1');
const ED = ed25519Key(Buffer.from(vectors.ed25519[0].seed, 'hex'), 'sim-ed-1');

const KEYS = importAll([...vectors.jwks.keys, publicJwk(RSA)]);

function importAll(jwks: readonly object[]): readonly PublicKey[] {
  return jwks.flatMap((jwk) => importKey(jwk));
}

interface Surroundings {
  readonly secrets?: readonly string[];
  readonly keys?: readonly PublicKey[];
  readonly refreshed?: readonly PublicKey[];
  readonly audience?: string | undefined;
}

function trust({
  secrets = [],
  keys = KEYS,
  refreshed,
  audience = AUDIENCE,
}: Surroundings): Trust & { refreshes: number } {
  const signers = secrets.map(v1Signer);
  const trusted = {
    refreshes: 0,
    signers: async () => signers,
    routeKeys: async () => ['another-key-of-at-least-32-characters', ROUTE_KEY],
    keySet: {
      current: async () => keys,
      refresh: async () => {
        trusted.refreshes++;
        return refreshed;
      },
    },
    audience,
    toleranceSeconds: 300,
  };
  return trusted;
}

function request(signature: string, rest: Partial<SignedRequest> = {}): SignedRequest {
  const timestamp = String(vectors.timestampSeconds);
  return { path: DYNAMIC_PATH, webhookId: vectors.id, timestamp, signature, body: Buffer.from(vectors.body), ...rest };
}

const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000);

describe('v1', () => {
  test.each([
    ['A only, secret A', vectors.v1.a, [a]],
    ['rotation, secret A', vectors.v1.rotation, [a]],
    ['rotation, secret B', vectors.v1.rotation, [b]],
    ['rotation, both', vectors.v1.rotation, [b, a]],
    ['junk around it', `v2,x  v1,short v1 ,v1, ${vectors.v1.a} v1a,x`, [a]],
  ])('is accepted on any path: %s', async (_name, signature, secrets) => {
    const verified = await verify(request(signature, { path: '/' }), trust({ secrets }), NOW);
    expect(verified).toMatchObject({
      scheme: 'v1',
      webhookId: vectors.id,
      bodySha256: vectors.bodySha256,
      inTime: true,
    });
  });

  test('signs any bytes', async () => {
    const body = Buffer.from(vectors.nonAscii.body);
    expect(await verify(request(vectors.nonAscii.v1, { body }), trust({ secrets: [a] }), NOW)).toMatchObject({
      scheme: 'v1',
    });
    const empty = request(vectors.v1.emptyBody, { body: Buffer.alloc(0) });
    expect(await verify(empty, trust({ secrets: [a] }), NOW)).toMatchObject({ scheme: 'v1' });
  });

  test.each([
    ['another secret', vectors.v1.a, {}, [b]],
    ['a newline more', vectors.v1.a, { body: Buffer.from(`${vectors.body}\n`) }, [a]],
    ['serialised anew', vectors.v1.a, { body: Buffer.from(JSON.stringify(JSON.parse(vectors.body), null, 1)) }, [a]],
    ['another timestamp', vectors.v1.a, { timestamp: '1780000001' }, [a]],
    ['another spelling of the timestamp', vectors.v1.a, { timestamp: '01780000000' }, [a]],
    ['a timestamp that no clock shows', vectors.v1.a, { timestamp: '9'.repeat(15) }, [a]],
    ['another id', vectors.v1.a, { webhookId: 'msg_2' }, [a]],
    ['entries joined by commas', `v1,x,${vectors.v1.a}`, {}, [a]],
    ['no scheme', vectors.v1.a.slice(3), {}, [a]],
    ['an empty header', '', {}, [a]],
  ])('is refused: %s', async (_name, signature, rest, secrets) => {
    await expect(verify(request(signature, rest), trust({ secrets }), NOW)).rejects.toMatchObject({
      reason: 'SIGNATURE_INVALID',
    });
  });

  test('bytes that are not UTF-8 never match, even where a lenient decoder would make the same text of them', async () => {
    const replacement = Buffer.from('{"type":"x\ufffd"}');
    const timestampSeconds = vectors.timestampSeconds;
    const signature = signV1(a, { id: vectors.id, timestampSeconds, body: replacement });
    expect(await verify(request(signature, { body: replacement }), trust({ secrets: [a] }), NOW)).toMatchObject({
      scheme: 'v1',
    });
    const broken = Buffer.concat([Buffer.from('{"type":"x'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(broken.toString()).toBe(replacement.toString());
    await expect(verify(request(signature, { body: broken }), trust({ secrets: [a] }), NOW)).rejects.toMatchObject({
      reason: 'SIGNATURE_INVALID',
    });
  });

  test.each([
    [0, true],
    [300, true],
    [-300, true],
    [300.999, true],
    [301, false],
    [-301, false],
  ])('%d s away from its timestamp it is in time: %s', async (seconds, inTime) => {
    expect(await verify(request(vectors.v1.a), trust({ secrets: [a] }), later(seconds))).toMatchObject({ inTime });
  });
});

describe('v1a', () => {
  test.each(vectors.ed25519.map(({ kid, v1a }) => [kid, v1a]))(
    'of key %s is accepted, in any order of keys, with and without kid',
    async (_kid, v1a) => {
      const bare = importAll(vectors.jwks.keys.map(({ kid: _, ...jwk }) => jwk));
      for (const keys of [KEYS, KEYS.toReversed(), bare]) {
        const verified = await verify(request(v1a), trust({ keys }), NOW);
        expect(verified).toMatchObject({ scheme: 'v1a', route: 'nightly', bodySha256: vectors.bodySha256 });
      }
    },
  );

  const [{ v1a }] = vectors.ed25519;

  test('is refused by a key set without its key, after one refresh', async () => {
    const trusted = trust({ keys: KEYS.slice(1) });
    await expect(verify(request(v1a), trusted, NOW)).rejects.toMatchObject({ reason: 'SIGNATURE_INVALID' });
    expect(trusted.refreshes).toBe(1);
  });

  test('is accepted by a key from a refresh', async () => {
    expect(await verify(request(v1a), trust({ keys: [], refreshed: KEYS }), NOW)).toMatchObject({ scheme: 'v1a' });
  });

  test('stands beside v1, and either suffices', async () => {
    const both = `${v1a} ${vectors.v1.a}`;
    expect(await verify(request(both), trust({ secrets: [a], keys: [] }), NOW)).toMatchObject({ scheme: 'v1' });
    expect(await verify(request(both), trust({ secrets: [] }), NOW)).toMatchObject({ scheme: 'v1a' });
  });

  test('is refused when cut to 63 bytes', async () => {
    const cut = `v1a,${Buffer.from(v1a.slice(4), 'base64').subarray(0, 63).toString('base64')}`;
    await expect(verify(request(cut), trust({}), NOW)).rejects.toMatchObject({ reason: 'SIGNATURE_INVALID' });
  });

  test.each([
    '/',
    '/dynamic/nightly/',
    DYNAMIC_PATH.replace('nightly', 'daily'),
    `${DYNAMIC_PATH}/`,
    `${DYNAMIC_PATH}A`,
  ])('proves nothing on a path without a valid route MAC: %s', async (path) => {
    await expect(verify(request(v1a, { path }), trust({}), NOW)).rejects.toMatchObject({ reason: 'ROUTE_INVALID' });
  });
});

describe('a JWT', () => {
  const { jwtRs256, jwtEdDsa, claims } = vectors;
  const claimsText = JSON.stringify(claims);

  test.each([
    ['RS256', jwtRs256.token],
    ['EdDSA', jwtEdDsa.token],
  ])('of %s is accepted, and the event is its claims', async (_alg, token) => {
    const body = Buffer.from('{"type":"forged"}');
    for (const seconds of [0, 299]) {
      const verified = await verify(request(token, { body }), trust({}), later(seconds));
      expect(verified).toMatchObject({ scheme: 'jwt', route: 'nightly', webhookId: claims.jti, inTime: true });
      expect(verified.payload.toString()).toBe(claimsText);
    }
  });

  test.each([
    [0, true],
    [3, true],
    [300, true],
    [301, false],
    [1e300, false],
  ])('that is valid %d s from now is genuine, and in time: %s', async (seconds, inTime) => {
    for (const time of ['nbf', 'iat']) {
      const early = { ...claims, [time]: seconds > 1e9 ? seconds : claims.iat + seconds, exp: claims.exp + 1_000 };
      if (time === 'iat' && seconds > 1e9) continue;
      const token = signJwt(ED, { alg: 'EdDSA' }, early);
      expect(await verify(request(token), trust({}), NOW)).toMatchObject({ scheme: 'jwt', inTime });
    }
  });

  test('that is early within the tolerance and expired is not in time', async () => {
    const token = signJwt(ED, { alg: 'EdDSA' }, { ...claims, nbf: claims.iat + 3, exp: claims.iat });
    expect(await verify(request(token), trust({}), NOW)).toMatchObject({ scheme: 'jwt', inTime: false });
  });

  test('past its end is genuine, but not in time', async () => {
    expect(await verify(request(jwtRs256.token), trust({}), later(300))).toMatchObject({ inTime: false });
  });

  test.each([
    ['of another audience', jwtRs256.token, { audience: 'https://elsewhere.test' }],
    ['with alg none', `eyJhbGciOiJub25lIn0.${jwtRs256.token.split('.').slice(1).join('.')}`, {}],
    ['with alg none and no signature', `eyJhbGciOiJub25lIn0.${jwtRs256.token.split('.')[1]}.`, {}],
    ['by a key that the set does not have', jwtRs256.token, { keys: KEYS.slice(0, 3) }],
    ['of an unknown kid', signJwt(RSA, { alg: 'RS256', kid: 'other' }, claims), {}],
    ['of the kid of a key of another type', signJwt(RSA, { alg: 'RS256', kid: 'sim-ed-1' }, claims), {}],
    ['without exp', signJwt(RSA, { alg: 'RS256' }, { ...claims, exp: undefined }), {}],
    ['without iat', signJwt(RSA, { alg: 'RS256' }, { ...claims, iat: undefined }), {}],
    ['with an nbf that is not a number', signJwt(RSA, { alg: 'RS256' }, { ...claims, nbf: 'now' }), {}],
    ['with an iat that no clock shows', signJwt(RSA, { alg: 'RS256' }, { ...claims, iat: 1e300 }), {}],
    ['without aud', signJwt(RSA, { alg: 'RS256' }, { ...claims, aud: undefined }), {}],
    ['signed with the public key as a secret', hs256(), {}],
    [
      'with an embedded key',
      signJwt(
        ed25519Key(Buffer.alloc(32, 7)),
        { alg: 'EdDSA', jwk: publicJwk(ed25519Key(Buffer.alloc(32, 7))) },
        claims,
      ),
      {},
    ],
  ])('%s is refused', async (_name, token, surroundings) => {
    await expect(verify(request(token), trust(surroundings), NOW)).rejects.toMatchObject({
      reason: 'SIGNATURE_INVALID',
    });
  });

  function hs256(): string {
    const pem = createPublicKey(RSA.privateKey).export({ type: 'spki', format: 'pem' });
    const input = [{ alg: 'HS256', kid: 'sim-rsa-1' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
  }

  test('is refused where no audience is configured', async () => {
    const trusted = { ...trust({}), audience: undefined };
    await expect(verify(request(jwtRs256.token), trusted, NOW)).rejects.toMatchObject({ reason: 'SIGNATURE_INVALID' });
  });

  test('without kid is tried with every key of its type', async () => {
    const others = importAll([publicJwk(ed25519Key(Buffer.alloc(32, 1))), ...vectors.jwks.keys]);
    const token = signJwt(ED, { alg: 'EdDSA' }, claims);
    expect(await verify(request(token), trust({ keys: others }), NOW)).toMatchObject({ scheme: 'jwt' });
  });

  test.each([undefined, '', 'a/b', '__x__', 'x'.repeat(257)])('with jti %o is identified by its hash', async (jti) => {
    const token = signJwt(ED, { alg: 'EdDSA' }, { ...claims, jti });
    const { webhookId } = await verify(request(token), trust({}), NOW);
    expect(webhookId).toMatch(/^jwt_[0-9a-f]{64}$/);
  });

  test('of other digits beyond 2^53, or of any depth, is another delivery', async () => {
    const exact = JSON as unknown as { rawJSON(text: string): object };
    let nested: unknown[] = [];
    for (let depth = 0; depth < 2_000; depth += 1) nested = [nested];
    const hashes = [exact.rawJSON('1234567890123456789'), exact.rawJSON('1234567890123456788'), nested].map(
      async (value) => {
        const token = signJwt(ED, { alg: 'EdDSA' }, { ...claims, value });
        return (await verify(request(token), trust({}), NOW)).claimsSha256;
      },
    );
    expect(new Set(await Promise.all(hashes)).size).toBe(3);
  });

  test('is the same delivery when a retry issues it anew', async () => {
    const renewed = signJwt(ED, { alg: 'EdDSA' }, { ...claims, iat: claims.iat + 60, exp: claims.exp + 60 });
    const [first, second] = await Promise.all(
      [jwtRs256.token, renewed].map((token) => verify(request(token), trust({}), NOW)),
    );
    expect(second?.claimsSha256).toBe(first?.claimsSha256);
  });
});

test('schemes are not confused: one scheme’s key never vouches for another’s entry', async () => {
  const message = { id: vectors.id, timestampSeconds: vectors.timestampSeconds, body: vectors.body };
  const publicKeyAsSecret = newSecret(Buffer.from(vectors.ed25519[0].x, 'base64url'));
  const confused = [
    signV1(publicKeyAsSecret, message),
    vectors.v1.a.replace('v1,', 'v1a,'),
    signV1a(ED, message).replace('v1a,', 'v1,'),
  ];
  for (const signature of confused) {
    await expect(verify(request(signature), trust({ secrets: [a] }), NOW)).rejects.toMatchObject({
      reason: 'SIGNATURE_INVALID',
    });
  }
});

test('an altered genuine delivery is never accepted', async () => {
  const trusted = trust({ secrets: [a] });
  const genuine = [vectors.v1.a, vectors.ed25519[0].v1a];
  const alterations = fc.record({
    signature: fc.constantFrom(...genuine),
    part: fc.constantFrom('webhookId', 'timestamp', 'body', 'signature'),
    at: fc.nat(),
    by: fc.integer({ min: 1, max: 255 }),
  });
  await fc.assert(
    fc.asyncProperty(alterations, async ({ signature, part, at, by }) => {
      const original = Buffer.from(
        { webhookId: vectors.id, timestamp: '1780000000', body: vectors.body, signature }[part] ?? '',
      );
      const altered = Buffer.from(original);
      const index = at % altered.length;
      altered[index] = (altered[index] ?? 0) ^ by;
      const value = part === 'body' ? altered : altered.toString('latin1');
      await expect(verify(request(signature, { [part]: value }), trusted, NOW)).rejects.toMatchObject({
        name: 'ServiceError',
      });
    }),
    { numRuns: 300 },
  );
});
