import { isUtf8 } from 'node:buffer';
import { verifyRoute } from '../model/route.ts';
import { isStorableTime } from '../model/time.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { sha256 } from '../runtime/sha256.ts';
import { verifyJwt } from './jwt.ts';
import type { PublicKey } from './publicKey.ts';
import { parseSignatures } from './signatures.ts';
import type { SignedRequest, Trust, Verified } from './signedRequest.ts';
import { matchesV1 } from './v1.ts';
import { matchesV1a } from './v1a.ts';

/**
 * Verifies a callback. One matching entry of the signature header is enough.
 *
 * @throws {ServiceError} `SIGNATURE_INVALID`, `ROUTE_INVALID`, `KEYS_UNAVAILABLE`
 */
export async function verify(request: SignedRequest, trust: Trust, now: Date): Promise<Verified> {
  const signatures = parseSignatures(request.signature);
  const inTime = Math.abs(Math.floor(now.getTime() / 1_000) - Number(request.timestamp)) <= trust.toleranceSeconds;
  const sentAt = timeOr(new Date(Number(request.timestamp) * 1_000), now);
  const { webhookId, body: payload } = request;
  const common = { webhookId, payload, sentAt, inTime };

  // Several byte sequences decode to the same replacement characters, so only valid UTF-8 can have a genuine signature.
  const isText = isUtf8(request.body);
  if (isText && matchesV1(request, signatures.v1, await trust.signers())) {
    return { ...common, scheme: 'v1', bodySha256: sha256(payload) };
  }

  const v1a = isText ? signatures.v1a : [];
  const jwts = trust.audience === undefined ? [] : signatures.jwt;
  const match = await matchDynamic(request, v1a, jwts, trust, now);
  if (match === undefined) throw signatureInvalid();

  const route = verifyRoute(request.path, await trust.routeKeys());
  if (route === undefined) throw routeInvalid();
  const bodySha256 = sha256(payload);
  if (match === 'v1a') return { ...common, scheme: 'v1a', route, bodySha256 };
  const { issuedAt, ...token } = match;
  return {
    ...token,
    scheme: 'jwt',
    route,
    bodySha256,
    sentAt: timeOr(issuedAt, now),
    inTime: inTime && token.inTime,
  };
}

/** Tries the cached keys and, where none matches, those of a refreshed key set. */
async function matchDynamic(
  request: SignedRequest,
  v1a: readonly Buffer[],
  jwts: readonly string[],
  trust: Trust,
  now: Date,
) {
  if (v1a.length === 0 && jwts.length === 0) return undefined;
  const rules = { audience: trust.audience ?? '', toleranceSeconds: trust.toleranceSeconds, now };
  const tryKeys = async (keys: readonly PublicKey[]) => {
    if (matchesV1a(request, v1a, keys)) return 'v1a';
    const tokens = await Promise.all(jwts.map((token) => verifyJwt(token, keys, rules)));
    return tokens.find((token) => token?.inTime === true) ?? tokens.find((token) => token !== undefined);
  };
  const keys = await trust.keySet.current();
  const match = await tryKeys(keys);
  if (match !== undefined) return match;
  const refreshed = await trust.keySet.refresh(keys);
  return refreshed && (await tryKeys(refreshed));
}

/** Returns the time, or now where no record can hold it. */
function timeOr(time: Date, now: Date): Date {
  return isStorableTime(time) ? time : now;
}

function signatureInvalid(): ServiceError {
  return new ServiceError(
    'SIGNATURE_INVALID',
    'No entry of webhook-signature matches. Check that WEBHOOK_SIGNING_SECRET holds the secret that Gemini showed when ' +
      'the webhook was created or rotated, that WEBHOOK_AUDIENCE is set if Gemini sends JWTs, and that no proxy ' +
      'changes, compresses or re-encodes the body.',
  );
}

function routeInvalid(): ServiceError {
  return new ServiceError(
    'ROUTE_INVALID',
    'The signature is that of a dynamic webhook, but the path does not end in /dynamic/<route>/<mac> with a mac by a ' +
      'key of DYNAMIC_ROUTE_KEY. Run: webhooks route-url --route NAME to get the callback URL.',
  );
}
