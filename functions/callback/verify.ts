import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import type { Webhook } from 'standardwebhooks';
import type { Scheme } from '../model/delivery.ts';
import { isStorableTime } from '../model/time.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { verifyJwt } from './jwt.ts';
import type { PublicKey } from './keys.ts';
import { verifyRoute } from '../model/route.ts';
import { parseSignatures } from './signatures.ts';
import { matchesV1 } from './v1.ts';
import { matchesV1a } from './v1a.ts';

/** Made once, for it is thrown at whatever rate strangers like. */
const SIGNATURE_INVALID = new ServiceError(
  'SIGNATURE_INVALID',
  'No entry of webhook-signature matches. Check that WEBHOOK_SIGNING_SECRET holds the secret that Gemini showed when ' +
    'the webhook was created or rotated, that WEBHOOK_AUDIENCE is set where Gemini sends JWTs, and that no proxy ' +
    'changes, compresses or re-encodes the body.',
);

/** A callback as it came, of which nothing is trusted yet. */
export interface SignedRequest {
  readonly path: string;
  readonly webhookId: string;
  /** Unix seconds, digits only. */
  readonly timestamp: string;
  readonly signature: string;
  readonly body: Buffer;
}

/** What signatures are checked with. */
export interface Trust {
  /** A signer for each secret of static webhooks. */
  signers(): Promise<readonly Webhook[]>;
  /** The keys that sign the paths of dynamic webhooks. */
  routeKeys(): Promise<readonly string[]>;
  readonly keySet: {
    current(): Promise<readonly PublicKey[]>;
    refresh(known: readonly PublicKey[]): Promise<readonly PublicKey[] | undefined>;
  };
  /** Without one no JWT is accepted. */
  readonly audience: string | undefined;
  readonly toleranceSeconds: number;
}

/** What is proved of a callback. */
export interface Verified {
  readonly webhookId: string;
  readonly scheme: Scheme;
  readonly route?: string;
  readonly payload: Buffer;
  readonly bodySha256: string;
  /** Of a JWT, whose body is not signed and whose claims are in part renewed on every retry. */
  readonly claimsSha256?: string;
  readonly sentAt: Date;
  /** Whether it was signed within the tolerance; a replay of an old delivery was not. */
  readonly inTime: boolean;
}

/**
 * Whether a callback is genuine, and what is thereby proved. One matching entry of the signature header is enough.
 *
 * @throws {ServiceError} `SIGNATURE_INVALID`, `ROUTE_INVALID`, `KEYS_UNAVAILABLE`
 */
export async function verify(request: SignedRequest, trust: Trust, now: Date): Promise<Verified> {
  const signatures = parseSignatures(request.signature);
  const inTime = Math.abs(Math.floor(now.getTime() / 1_000) - Number(request.timestamp)) <= trust.toleranceSeconds;
  const sentAt = timeOr(new Date(Number(request.timestamp) * 1_000), now);
  const { webhookId, body: payload } = request;
  const common = { webhookId, payload, sentAt, inTime };

  // Other bytes could decode to the same text, so a body that is not UTF-8 has no genuine signature.
  const isText = isUtf8(request.body);
  if (isText && matchesV1(request, signatures.v1, await trust.signers())) {
    return { ...common, scheme: 'v1', bodySha256: sha256(payload) };
  }

  const v1a = isText ? signatures.v1a : [];
  const jwts = trust.audience === undefined ? [] : signatures.jwt;
  const match = await matchDynamic(request, v1a, jwts, trust, now);
  if (match === undefined) throw SIGNATURE_INVALID;

  const route = verifyRoute(request.path, await trust.routeKeys());
  if (route === undefined) throw routeInvalid();
  const bodySha256 = sha256(payload);
  if (match === 'v1a') return { ...common, scheme: 'v1a', route, bodySha256 };
  const { issuedAt, expired, ...token } = match;
  const early = issuedAt.getTime() - now.getTime() > trust.toleranceSeconds * 1_000;
  return {
    ...token,
    scheme: 'jwt',
    route,
    bodySha256,
    sentAt: timeOr(issuedAt, now),
    inTime: inTime && !expired && !early,
  };
}

/** Tries the known keys and, where none fits, those that Gemini has added since. */
async function matchDynamic(
  request: SignedRequest,
  v1a: readonly Buffer[],
  jwts: readonly string[],
  trust: Trust,
  now: Date,
) {
  if (v1a.length === 0 && jwts.length === 0) return undefined;
  const tryKeys = async (keys: readonly PublicKey[]) => {
    if (matchesV1a(request, v1a, keys)) return 'v1a';
    const tokens = await Promise.all(jwts.map((token) => verifyJwt(token, keys, trust.audience ?? '', now)));
    return tokens.find((token) => token?.expired === false) ?? tokens.find((token) => token !== undefined);
  };
  const keys = await trust.keySet.current();
  const match = await tryKeys(keys);
  if (match !== undefined) return match;
  const refreshed = await trust.keySet.refresh(keys);
  return refreshed && (await tryKeys(refreshed));
}

/** For events that carry no time of their own; a time that no record can hold is not the event's either. */
function timeOr(time: Date, now: Date): Date {
  return isStorableTime(time) ? time : now;
}

function routeInvalid(): ServiceError {
  return new ServiceError(
    'ROUTE_INVALID',
    'The signature is that of a dynamic webhook, but the path does not end in /dynamic/<route>/<mac> with a mac by a ' +
      'key of DYNAMIC_ROUTE_KEY. Take the callback URL from the command line: webhooks route-url --route NAME.',
  );
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
