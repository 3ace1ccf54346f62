import { verify } from 'node:crypto';
import type { PublicKey } from './publicKey.ts';
import type { SignedRequest } from './signedRequest.ts';

/**
 * Verifies a dynamic webhook as Gemini sends it: Ed25519 over `id.timestamp.body`. An entry names no key, so each key
 * is tried, with or without `kid` (docs/gemini-wire.md 5.2).
 */
export function matchesV1a(request: SignedRequest, signatures: readonly Buffer[], keys: readonly PublicKey[]): boolean {
  if (signatures.length === 0) return false;
  const signed = Buffer.concat([Buffer.from(`${request.webhookId}.${request.timestamp}.`), request.body]);
  return keys
    .filter((key) => key.algorithm === 'EdDSA')
    .some(({ key }) => signatures.some((signature) => verify(null, signed, key, signature)));
}
