import { createHmac, createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';

/** The signed parts of a delivery: `id.timestamp.body` (docs/gemini-wire.md 5.1, 5.2). */
export interface SignedMessage {
  readonly id: string;
  /** Unix time of the attempt in whole seconds. */
  readonly timestampSeconds: number;
  readonly body: string | Uint8Array;
}

export interface SigningKey {
  readonly alg: 'EdDSA' | 'RS256';
  readonly kid: string | undefined;
  readonly privateKey: KeyObject;
}

/** A public key as a JWKS shows it. */
export interface PublicJwk extends JsonWebKey {
  readonly kid?: string;
  readonly alg?: string;
  readonly use?: string;
}

const SECRET_PREFIX = 'whsec_';
/** The bytes of a PKCS #8 Ed25519 key before its 32-byte seed (RFC 8410). */
const ED25519_PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A secret of Standard Webhooks: `whsec_` and the base64 of the key, 32 random bytes by default. */
export function newSecret(bytes: Uint8Array = randomBytes(32)): string {
  return SECRET_PREFIX + Buffer.from(bytes).toString('base64');
}

/** Ed25519 key from its 32-byte seed. */
export function ed25519Key(seed: Uint8Array, kid?: string): SigningKey {
  if (seed.length !== 32) throw new TypeError(`an Ed25519 seed has 32 bytes, not ${seed.length}`);
  const key = Buffer.concat([ED25519_PKCS8_PREFIX, seed]);
  return { alg: 'EdDSA', kid, privateKey: createPrivateKey({ key, format: 'der', type: 'pkcs8' }) };
}

export function rsaKey(privateJwk: JsonWebKey, kid?: string): SigningKey {
  return { alg: 'RS256', kid, privateKey: createPrivateKey({ key: privateJwk, format: 'jwk' }) };
}

/** The public half with `alg` and `use`, and with `kid` where the key has one. */
export function publicJwk(key: SigningKey): PublicJwk {
  const jwk = createPublicKey(key.privateKey).export({ format: 'jwk' });
  return { ...jwk, ...(key.kid === undefined ? {} : { kid: key.kid }), alg: key.alg, use: 'sig' };
}

/** One `webhook-signature` entry of a static delivery: HMAC-SHA256. */
export function signV1(secret: string, message: SignedMessage): string {
  if (!secret.startsWith(SECRET_PREFIX)) throw new TypeError(`a secret starts with ${SECRET_PREFIX}`);
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  return `v1,${createHmac('sha256', key).update(signedBytes(message)).digest('base64')}`;
}

/** One `webhook-signature` entry of a dynamic delivery: Ed25519. */
export function signV1a(key: SigningKey, message: SignedMessage): string {
  if (key.alg !== 'EdDSA') throw new TypeError(`v1a needs an Ed25519 key, not ${key.alg}`);
  return `v1a,${sign(null, signedBytes(message), key.privateKey).toString('base64')}`;
}

/** A compact JWT. The header is written as given, so that tests can make wrong ones. */
export function signJwt(key: SigningKey, header: object, claims: object): string {
  const input = `${base64url(header)}.${base64url(claims)}`;
  const hash = key.alg === 'RS256' ? 'sha256' : null;
  return `${input}.${sign(hash, Buffer.from(input), key.privateKey).toString('base64url')}`;
}

function signedBytes({ id, timestampSeconds, body }: SignedMessage): Buffer {
  return Buffer.concat([Buffer.from(`${id}.${timestampSeconds}.`), Buffer.from(body)]);
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
