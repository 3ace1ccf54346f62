import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import { sha256 } from '../runtime/sha256.ts';
import { isJsonObject, parseExact } from '../model/json.ts';
import { exceedsDepth } from '../model/jsonNesting.ts';
import { isWebhookId } from './headers.ts';
import type { PublicKey } from './publicKey.ts';

/** A genuine token. The event is its claims, because the request's body is not signed (docs/gemini-wire.md 5.3). */
interface VerifiedJwt {
  readonly webhookId: string;
  /** The claims' bytes as they were signed. */
  readonly payload: Buffer;
  /** In hex, of the claims without those that a sender renews with each attempt. */
  readonly claimsSha256: string;
  readonly issuedAt: Date;
  /** `false` where the token is expired, or early by more than the tolerance. */
  readonly inTime: boolean;
}

interface JwtRules {
  readonly audience: string;
  readonly toleranceSeconds: number;
  readonly now: Date;
}

const ALGORITHMS = ['RS256', 'EdDSA'];

/** Claims are thin, as events are; `JSON.stringify` fails at some thousand levels. */
const MAX_DEPTH = 1_000;

/**
 * Verifies a compact JWT as Gemini documents it for dynamic webhooks: signed by a key of the set, for the configured
 * audience, with `iat` and `exp`.
 *
 * @param keys `kid` selects among them; without a `kid` each key of the algorithm is tried.
 * @returns the token where it is genuine, in time or not.
 */
export async function verifyJwt(
  token: string,
  keys: readonly PublicKey[],
  rules: JwtRules,
): Promise<VerifiedJwt | undefined> {
  if (!hasCanonicalSignature(token)) return undefined;
  for (const { key } of candidates(token, keys)) {
    const options = {
      algorithms: ALGORITHMS,
      audience: rules.audience,
      requiredClaims: ['exp', 'iat'],
      currentDate: rules.now,
    };
    const claims = await jwtVerify(token, key, options).then(({ payload }) => payload, claimsOfUntimely);
    if (claims) return describe(token, claims, rules);
  }
  return undefined;
}

/** Times are the last claims that jose validates: everything else of such a token is valid. */
function claimsOfUntimely(error: unknown): JWTPayload | undefined {
  if (error instanceof errors.JWTExpired) return error.payload;
  const isEarly = error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf';
  return isEarly && error.reason === 'check_failed' ? error.payload : undefined;
}

/** Unused bits of the last character would make several tokens, and so several ids, of one signature. */
function hasCanonicalSignature(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1);
  return Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

function candidates(token: string, keys: readonly PublicKey[]): readonly PublicKey[] {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    return keys.filter((key) => key.algorithm === alg && (kid === undefined || key.kid === kid));
  } catch {
    return [];
  }
}

function describe(token: string, claims: JWTPayload, rules: JwtRules): VerifiedJwt | undefined {
  const { iat = Number.NaN, exp = Number.NaN, nbf = iat, jti } = claims;
  const issuedAt = new Date(iat * 1_000);
  if (Number.isNaN(issuedAt.getTime()) || typeof exp !== 'number') return undefined;
  const nowSeconds = Math.floor(rules.now.getTime() / 1_000);
  const isEarly = Math.max(iat, nbf) - nowSeconds > rules.toleranceSeconds;
  const [, segment = ''] = token.split('.');
  const payload = Buffer.from(segment, 'base64url');
  return {
    webhookId: webhookIdOf(token, jti),
    payload,
    claimsSha256: sha256(lastingClaims(payload.toString('utf8'))),
    issuedAt,
    inTime: exp > nowSeconds && !isEarly,
  };
}

/** Returns the claims that stay the same when a retry issues the token again, with all digits of their numbers. */
function lastingClaims(text: string): string {
  const claims = exceedsDepth(text, MAX_DEPTH) ? undefined : parseExact(text);
  if (!isJsonObject(claims)) return text;
  const { iat: _iat, exp: _exp, nbf: _nbf, ...lasting } = claims;
  return JSON.stringify(lasting);
}

/** Identifies a token by its hash where its `jti` cannot be a document id. */
function webhookIdOf(token: string, jti: unknown): string {
  return typeof jti === 'string' && isWebhookId(jti) ? jti : `jwt_${sha256(token)}`;
}
