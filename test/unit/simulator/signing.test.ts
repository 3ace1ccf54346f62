import { createHash, createPublicKey, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ed25519Key, newSecret, publicJwk, rsaKey, signJwt, signV1, signV1a } from '../../../simulator/signing.ts';
import * as vectors from '../../support/vectors.ts';

const { id, timestampSeconds, body } = vectors;
const message = { id, timestampSeconds, body };
const keys = vectors.ed25519.map(({ seed, kid }) => ed25519Key(Buffer.from(seed, 'hex'), kid));

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

test('the bodies of the vectors are the published ones, byte for byte', () => {
  expect(sha256(body)).toBe(vectors.bodySha256);
  expect(sha256(vectors.nonAscii.body)).toBe(vectors.nonAscii.sha256);
});

describe('v1', () => {
  const { a, b } = vectors.secrets;

  test('reproduces the published signatures', () => {
    expect(signV1(a, message)).toBe(vectors.v1.a);
    expect(`${signV1(b, message)} ${signV1(a, message)}`).toBe(vectors.v1.rotation);
    expect(signV1(a, { ...message, body: '' })).toBe(vectors.v1.emptyBody);
    expect(signV1(a, { ...message, body: vectors.nonAscii.body })).toBe(vectors.nonAscii.v1);
  });

  test('signs the same text and bytes alike', () => {
    const bytes = new TextEncoder().encode(vectors.nonAscii.body);
    expect(signV1(a, { ...message, body: bytes })).toBe(vectors.nonAscii.v1);
  });

  test('refuses a secret without its prefix', () => {
    expect(() => signV1('MDEy', message)).toThrow('whsec_');
  });
});

describe('v1a', () => {
  test('reproduces the published signatures', () => {
    expect(keys.map((key) => signV1a(key, message))).toEqual(vectors.ed25519.map(({ v1a }) => v1a));
  });

  test('publishes the keys as in the published JWKS', () => {
    expect({ keys: keys.map((key) => publicJwk(key)) }).toEqual(vectors.jwks);
  });

  test('refuses an RSA key, and a seed of another length', () => {
    expect(() => signV1a(rsaKey(vectors.rsaPrivateJwk), message)).toThrow('Ed25519');
    expect(() => ed25519Key(new Uint8Array(31))).toThrow('32 bytes');
  });
});

describe('JWT', () => {
  test('reproduces the published RS256 token', () => {
    const key = rsaKey(vectors.rsaPrivateJwk, 'sim-rsa-1');
    expect(signJwt(key, vectors.jwtRs256.header, vectors.claims)).toBe(vectors.jwtRs256.token);
  });

  test('reproduces the published EdDSA token', () => {
    const key = ed25519Key(Buffer.from(vectors.ed25519[0].seed, 'hex'));
    expect(signJwt(key, vectors.jwtEdDsa.header, vectors.claims)).toBe(vectors.jwtEdDsa.token);
  });

  test('publishes only the public half of an RSA key', () => {
    const jwk = publicJwk(rsaKey(vectors.rsaPrivateJwk, 'sim-rsa-1'));
    const { n, e } = vectors.rsaPrivateJwk;
    expect(jwk).toEqual({ kty: 'RSA', n, e, kid: 'sim-rsa-1', alg: 'RS256', use: 'sig' });
    const [header, claims, signature] = vectors.jwtRs256.token.split('.');
    const signed = Buffer.from(`${header}.${claims}`);
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    expect(verify('sha256', signed, key, Buffer.from(signature ?? '', 'base64url'))).toBe(true);
  });
});

test('a new secret holds 32 random bytes, or the given ones', () => {
  expect(Buffer.from(newSecret().slice(6), 'base64')).toHaveLength(32);
  expect(newSecret()).not.toBe(newSecret());
  expect(newSecret(Buffer.from('0123456789abcdefghijklmnopqrstuv'))).toBe(vectors.secrets.a);
});
