import { createHash, createHmac, randomUUID } from 'node:crypto';
import { ed25519Key, newSecret, publicJwk, rsaKey, signJwt } from '../../../simulator/signing.ts';
import * as vectors from '../../support/vectors.ts';

/** Secrets and keys of the sender and of the deployment, and events as Gemini writes them. */

export const SECRET = newSecret();
export const NEXT_SECRET = newSecret();
export const FOREIGN_SECRET = newSecret();

export const ROUTE_KEY = `first-route-key-${randomUUID()}`;
export const SECOND_ROUTE_KEY = `second-route-key-${randomUUID()}`;
export const FOREIGN_ROUTE_KEY = `foreign-route-key-${randomUUID()}`;

export const AUDIENCE = 'https://hooks.example.test/gemini/dynamic';

export const RSA = rsaKey(vectors.rsaPrivateJwk, 'sim-rsa-1');
const [FIRST, SECOND, THIRD] = vectors.ed25519;
export const ED = ed25519Key(Buffer.from(FIRST.seed, 'hex'), FIRST.kid);
export const ED_2 = ed25519Key(Buffer.from(SECOND.seed, 'hex'), SECOND.kid);
export const ED_3 = ed25519Key(Buffer.from(THIRD.seed, 'hex'), THIRD.kid);
export const FOREIGN_ED = ed25519Key(Buffer.alloc(32, 0xee), 'foreign');
export const JWKS = [ED, ED_2, ED_3, RSA].map(publicJwk);

/** Part of every payload, so that a search of the function's output finds any of them. */
export const CANARY = 'payload-canary-7f3a';

export const newId = (): string => `msg_${randomUUID()}`;
export const newJob = (kind = 'batches'): string => `${kind}/job-${randomUUID().slice(0, 13)}`;
export const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** The path of a dynamic webhook, by the contract's definition and without the function's code. */
export function dynamicPath(route = 'nightly', key = ROUTE_KEY): string {
  return `/dynamic/${route}/${createHmac('sha256', key).update(route).digest('base64url')}`;
}

/** An event's JSON, with the canary in a field that the function must not log. */
export function event(type: string, data?: object, rest: object = {}): string {
  const timestamp = '2026-11-23T10:00:00Z';
  return JSON.stringify({ type, version: 'v1', timestamp, ...(data && { data }), note: CANARY, ...rest });
}

export function webhook(id: string, timestamp: number | string, signature: string): Record<string, string> {
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signature };
}

/** The claims of a token that is valid now, with changes; `undefined` removes a claim. */
export function claims(changes: object = {}): object {
  const now = nowSeconds();
  return { aud: AUDIENCE, iat: now, exp: now + 300, jti: newId(), ...JSON.parse(event('webhook.ping')), ...changes };
}

export const rs256 = (changes: object = {}, header: object = {}): string =>
  signJwt(RSA, { alg: 'RS256', kid: RSA.kid, typ: 'JWT', ...header }, claims(changes));

export const edDsa = (changes: object = {}, header: object = {}, key = ED): string =>
  signJwt(key, { alg: 'EdDSA', kid: key.kid, typ: 'JWT', ...header }, claims(changes));
