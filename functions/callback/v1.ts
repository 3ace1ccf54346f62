import { timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { SignedRequest } from './verify.ts';

/** The signer of one secret, made once. */
export function v1Signer(secret: string): Webhook {
  return new Webhook(secret);
}

/**
 * Static webhooks: HMAC-SHA256 with a shared secret, by the `standardwebhooks` library.
 *
 * Its `verify` checks the time first, by the machine's clock and with a fixed tolerance, and parses the body; so its
 * signature is compared here. The library reads the timestamp as a number: one that is not written the way numbers are
 * was never signed by a sender.
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
