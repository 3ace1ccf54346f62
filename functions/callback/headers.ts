import { ServiceError } from '../runtime/serviceError.ts';

/** The headers of Standard Webhooks, well-formed and not yet verified. */
interface WebhookHeaders {
  readonly webhookId: string;
  readonly timestamp: string;
  readonly signature: string;
}

/** Headers as Node provides them: names in lower case, repeated headers joined by commas. */
export type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Also a document id, and Firestore reserves `__…__`. */
const WEBHOOK_ID = /^(?!__.*__$)[A-Za-z0-9_-]{1,256}$/;

const DIGITS = /^\d+$/;

/**
 * Reads the webhook's headers.
 *
 * @throws {ServiceError} `MISSING_HEADER` naming all missing ones, `INVALID_HEADER`
 */
export function readWebhookHeaders(headers: IncomingHeaders): WebhookHeaders {
  const { 'webhook-id': webhookId, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  if (typeof webhookId !== 'string' || typeof timestamp !== 'string' || typeof signature !== 'string') {
    const missing = Object.entries({
      'webhook-id': webhookId,
      'webhook-timestamp': timestamp,
      'webhook-signature': signature,
    })
      .filter(([, value]) => typeof value !== 'string')
      .map(([name]) => name);
    throw new ServiceError(
      'MISSING_HEADER',
      `Missing headers: ${missing.join(', ')}. Send the three headers of Standard Webhooks.`,
    );
  }
  if (!isWebhookId(webhookId)) {
    throw new ServiceError(
      'INVALID_HEADER',
      'webhook-id must be 1 to 256 of A-Z, a-z, 0-9, _ and -, and not of the form __…__.',
    );
  }
  if (!DIGITS.test(timestamp)) {
    throw new ServiceError('INVALID_HEADER', 'webhook-timestamp must be Unix seconds, digits only.');
  }
  return { webhookId, timestamp, signature };
}

export function isWebhookId(text: string): boolean {
  return WEBHOOK_ID.test(text);
}
