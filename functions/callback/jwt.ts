import { createHash } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import { isWebhookId } from './headers.ts';
import type { PublicKey } from './keys.ts';

/** A genuine token; the event is its claims, for nothing signs the body it came with (G 5.3). */
export interface VerifiedJwt {
  readonly webhookId: string;
  /** The claims' bytes as they were signed. */
  readonly payload: Buffer;
  /** Of the claims but for those that a sender renews on each attempt, in hex. */
  readonly claimsSha256: string;
  readonly issuedAt: Date;
  readonly expired: boolean;
}

const ALGORITHMS = ['RS256', 'EdDSA'];

/**
 * Dynamic webhooks as Gemini's documentation has them: a compact JWT by one of its keys, for our audience, which must
 * say when it was issued and when it ends.
 *
 * @param keys those of the key set; `kid` selects among them, and without one each of the fitting type is tried.
 * @returns the token where it is genuine, expired or not.
 */
export async function verifyJwt(
  token: string,
  keys: readonly PublicKey[],
  audience: string,
  now: Date,
): Promise<VerifiedJwt | undefined> {
  if (!isSpelledOnce(token)) return undefined;
  for (const { key } of fittingKeys(token, keys)) {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ALGORITHMS,
        audience,
        requiredClaims: ['exp', 'iat'],
        currentDate: now,
      });
      return describe(token, payload, false);
    } catch (error) {
      // jose looks at the end of validity last: an expired token is genuine and meant for us.
      if (error instanceof errors.JWTExpired) return describe(token, error.payload, true);
    }
  }
  return undefined;
}

/** Stray bits in the last letter would make other tokens, and so other ids, of one signature. */
function isSpelledOnce(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1);
  return Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

function fittingKeys(token: string, keys: readonly PublicKey[]): readonly PublicKey[] {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    return keys.filter((key) => key.algorithm === alg && (kid === undefined || key.kid === kid));
  } catch {
    return [];
  }
}

function describe(token: string, claims: JWTPayload, expired: boolean): VerifiedJwt | undefined {
  const { iat = Number.NaN, exp: _exp, nbf: _nbf, ...lasting } = claims;
  const issuedAt = new Date(iat * 1_000);
  if (Number.isNaN(issuedAt.getTime())) return undefined;
  const [, segment = ''] = token.split('.');
  return {
    webhookId: webhookIdOf(token, claims.jti),
    payload: Buffer.from(segment, 'base64url'),
    claimsSha256: sha256(JSON.stringify(lasting)),
    issuedAt,
    expired,
  };
}

/** A token whose `jti` cannot be a document's id is told apart by its hash. */
function webhookIdOf(token: string, jti: string | undefined): string {
  return typeof jti === 'string' && isWebhookId(jti) ? jti : `jwt_${sha256(token)}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
