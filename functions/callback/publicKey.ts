import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { isJsonObject, type JsonObject, stringAt } from '../model/json.ts';

/** A key of Gemini's that signs dynamic webhooks. */
export interface PublicKey {
  readonly kid: string | undefined;
  readonly algorithm: 'EdDSA' | 'RS256';
  readonly key: KeyObject;
}

/**
 * Imports the usable elements of a key set, each alone: elements of other types or shapes do not disable the others.
 *
 * @throws {Error} where the document is not a key set, or holds no usable key.
 */
export function importKeySet(document: unknown): readonly PublicKey[] {
  const elements = isJsonObject(document) ? document['keys'] : undefined;
  if (!Array.isArray(elements)) throw new Error('The response is not a key set: it has no list "keys".');
  const keys = elements.flatMap(importKey);
  // Gemini cannot sign without a key, so this is an error response; the cached keys stay in use.
  if (keys.length === 0) throw new Error('The key set holds no usable Ed25519 or RSA key.');
  return keys;
}

/** Returns the key, or nothing where the element is not a key that can have signed a delivery. */
export function importKey(jwk: unknown): PublicKey[] {
  if (!isJsonObject(jwk) || (jwk['use'] !== undefined && jwk['use'] !== 'sig')) return [];
  const algorithm = algorithmOf(jwk);
  if (algorithm === undefined) return [];
  try {
    const key = createPublicKey({ key: publicPart(jwk), format: 'jwk' });
    return [{ kid: stringAt(jwk, 'kid'), algorithm, key }];
  } catch {
    return [];
  }
}

function publicPart(jwk: JsonObject): JsonWebKey {
  const members = jwk['kty'] === 'OKP' ? ['kty', 'crv', 'x'] : ['kty', 'n', 'e'];
  return Object.fromEntries(members.map((name) => [name, stringAt(jwk, name) ?? '']));
}

function algorithmOf(jwk: JsonObject): PublicKey['algorithm'] | undefined {
  if (jwk['kty'] === 'OKP' && jwk['crv'] === 'Ed25519') return 'EdDSA';
  if (jwk['kty'] === 'RSA' && (jwk['alg'] === undefined || jwk['alg'] === 'RS256')) return 'RS256';
  return undefined;
}
