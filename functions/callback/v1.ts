import { timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { SignedRequest } from './signedRequest.ts';

/** Creates the signer of one secret. */
export function v1Signer(secret: string): Webhook {
  return new Webhook(secret);
}

/**
 * Verifies a static webhook: HMAC-SHA256 with a shared secret, computed by the `standardwebhooks` library.
 *
 * The library's `verify` checks the time first, by the machine's clock and with a fixed tolerance, and parses the body.
 * So the signatures are compared here. The library signs the timestamp as a number, so other spellings of it never match.
 */
export function matchesV1(request: SignedRequest, signatures: readonly string[], signers: readonly Webhook[]): boolean {
  if (signatures.length === 0 || String(Number(request.timestamp)) !== request.timestamp) return false;
  const sentAt = new Date(Number(request.timestamp) * 1_000);
  if (Number.isNaN(sentAt.getTime())) return false;
  return signers.some((signer) => {
    const expected = Buffer.from(signer.sign(request.webhookId, sentAt, request.body).slice('v1,'.length));
    return signatures.some((signature) => timingSafeEqual(Buffer.from(signature), expected));
  });
}
