import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { importKey, type PublicKey } from '../../../../functions/callback/publicKey.ts';
import { signRoute } from '../../../../functions/model/route.ts';
import { v1Signer } from '../../../../functions/callback/v1.ts';
import type { SignedRequest, Trust } from '../../../../functions/callback/signedRequest.ts';
import { verify } from '../../../../functions/callback/verify.ts';
import { ed25519Key, publicJwk, rsaKey, signJwt, signV1 } from '../../../../simulator/signing.ts';
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

/** Verifies a request and expects a refusal with this reason. */
async function expectRefused(given: SignedRequest, trusted: Trust, reason = 'SIGNATURE_INVALID'): Promise<void> {
  await expect(verify(given, trusted, NOW)).rejects.toMatchObject({ reason });
}

const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000);

/** Forgeries of each kind: test/attacks. */
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

  /** The sender signs a number: an HMAC of its other spellings is not accepted either. */
  const spelled = (timestamp: string) => `v1,${hmacOf(a, `${vectors.id}.${timestamp}.${vectors.body}`)}`;
  test.each([
    ['serialised anew', vectors.v1.a, { body: Buffer.from(JSON.stringify(JSON.parse(vectors.body), null, 1)) }, [a]],
    ['another spelling of the timestamp', vectors.v1.a, { timestamp: '01780000000' }, [a]],
    ['another spelling, signed', spelled('01780000000'), { timestamp: '01780000000' }, [a]],
    ['a timestamp that no clock shows, signed', spelled('9'.repeat(15)), { timestamp: '9'.repeat(15) }, [a]],
    ['no secret', vectors.v1.a, {}, []],
  ])('is refused: %s', async (_name, signature, rest, secrets) => {
    await expectRefused(request(signature, rest), trust({ secrets }));
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
    await expectRefused(request(signature, { body: broken }), trust({ secrets: [a] }));
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
    await expectRefused(request(v1a), trusted);
    expect(trusted.refreshes).toBe(1);
  });

  test('is accepted by a key from a refresh', async () => {
    expect(await verify(request(v1a), trust({ keys: [], refreshed: KEYS }), NOW)).toMatchObject({ scheme: 'v1a' });
  });

  test('beside a v1 entry is accepted when either is valid', async () => {
    const both = `${v1a} ${vectors.v1.a}`;
    expect(await verify(request(both), trust({ secrets: [a], keys: [] }), NOW)).toMatchObject({ scheme: 'v1' });
    expect(await verify(request(both), trust({ secrets: [] }), NOW)).toMatchObject({ scheme: 'v1a' });
  });

  test('proves nothing on a path without a valid route MAC', async () => {
    await expectRefused(request(v1a, { path: '/' }), trust({}), 'ROUTE_INVALID');
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

  const signed = (changes: object) => signJwt(RSA, { alg: 'RS256' }, { ...claims, ...changes });
  test.each([
    ['by a key that the set does not have', jwtRs256.token, { keys: KEYS.slice(0, 3) }],
    ['without exp', signed({ exp: undefined }), {}],
    ['without iat', signed({ iat: undefined }), {}],
    ['with an nbf that is not a number', signed({ nbf: 'now' }), {}],
    ['with an iat that no clock shows', signed({ iat: 1e300 }), {}],
    ['whose claims are a list', signJwt(RSA, { alg: 'RS256' }, [claims]), {}],
  ])('%s is refused', async (_name, token, surroundings) => {
    await expectRefused(request(token), trust(surroundings));
  });

  test('is refused where no audience is configured', async () => {
    const trusted = { ...trust({}), audience: undefined };
    await expectRefused(request(jwtRs256.token), trusted);
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

  test('is the same delivery when a retry issues a new token', async () => {
    const renewed = signJwt(ED, { alg: 'EdDSA' }, { ...claims, iat: claims.iat + 60, exp: claims.exp + 60 });
    const [first, second] = await Promise.all(
      [jwtRs256.token, renewed].map((token) => verify(request(token), trust({}), NOW)),
    );
    expect(second?.claimsSha256).toBe(first?.claimsSha256);
  });
});

function hmacOf(secret: string, text: string): string {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return createHmac('sha256', key).update(text).digest('base64');
}
