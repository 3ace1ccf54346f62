import type { Base } from '../base.ts';
import type { Keys } from './keys.ts';
import type { AttemptFault, DeliveryRecord } from '../ledger.ts';
import { newSecret, signJwt, signV1, signV1a } from '../signing.ts';
import type { SignedMessage } from '../signing.ts';
import type { Webhooks } from './webhooks.ts';

export interface SigningServices extends Base {
  readonly keys: Keys;
  readonly webhooks: Webhooks;
}

const JWT_LIFETIME_SECONDS = 300;
const ISSUER = 'https://generativelanguage.googleapis.com';

/** Returns the headers of one attempt, signed now as its faults demand. */
export function attemptHeaders(
  services: SigningServices,
  { webhookId, webhook, uri, body }: DeliveryRecord,
  faults: readonly AttemptFault[],
): Record<string, string> {
  const settings = services.settings.get();
  const nowMillis = settings.deliveries.timestamp === 'machine' ? Date.now() : services.clock.now();
  const ageMillis = faults.includes('stale') ? settings.faults.staleMillis : 0;
  const timestampSeconds = Math.floor((nowMillis - ageMillis) / 1000);
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    'User-Agent': 'Gemini-API-Simulator',
    'Webhook-Id': webhookId,
    'Webhook-Timestamp': String(timestampSeconds),
  };
  if (faults.includes('unsigned')) return headers;
  const message = { id: webhookId, timestampSeconds, body };
  const isForged = faults.includes('wrong_signature');
  const signature =
    webhook === undefined
      ? dynamicSignature(services, uri, message, isForged)
      : staticSignature(services, webhook, message, isForged);
  return { ...headers, 'Webhook-Signature': signature };
}

function staticSignature({ random, webhooks }: SigningServices, id: string, message: SignedMessage, isForged: boolean) {
  const secrets = isForged
    ? [newSecret(random.bytes('foreign secret', 32))]
    : webhooks.secrets(webhooks.get(id)).map(({ value }) => value);
  return secrets.map((secret) => signV1(secret, message)).join(' ');
}

function dynamicSignature({ settings, keys }: SigningServices, uri: string, message: SignedMessage, isForged: boolean) {
  const { deliveries, jwks } = settings.get();
  const key = isForged ? keys.foreign() : keys.signer(message.id);
  if (deliveries.scheme === 'v1a') return signV1a(key, message);
  const kid = jwks.keyIds ? { kid: key.kid } : {};
  return signJwt(key, { alg: key.alg, ...kid, typ: 'JWT' }, claims(message, deliveries.audience ?? uri));
}

/** Returns a token's claims, made up because the guide does not describe them (docs/gemini-wire.md 5.3). */
function claims({ id, timestampSeconds, body }: SignedMessage, audience: string): object {
  return {
    iss: ISSUER,
    aud: audience,
    iat: timestampSeconds,
    exp: timestampSeconds + JWT_LIFETIME_SECONDS,
    jti: id,
    ...(JSON.parse(String(body)) as object),
  };
}
