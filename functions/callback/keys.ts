import { createPublicKey, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRemoteJWKSet, type JWK } from 'jose';
import { ServiceError } from '../runtime/serviceError.ts';
import type { Log } from '../observability/log.ts';

/** A key of Gemini's that signs dynamic webhooks. */
export interface PublicKey {
  readonly kid: string | undefined;
  readonly algorithm: 'EdDSA' | 'RS256';
  readonly key: KeyObject;
}

export interface KeySetOptions {
  readonly url: URL;
  readonly log: Log;
  /** A monotonic clock, in milliseconds. */
  readonly now?: () => number;
}

const FETCH_TIMEOUT_MILLIS = 2_500;
/** However many unknown signatures come, one refetch in this time; a key that Gemini adds is found when it is over. */
export const COOLDOWN_MILLIS = 30_000;
/** A key that Gemini withdraws is refused after this time. */
const MAX_AGE_MILLIS = 600_000;
/** Before there are any keys: as often as this, each request waiting its turn rather than being turned away. */
const FIRST_FETCH_INTERVAL_MILLIS = 250;

/**
 * Gemini's public keys, from the configured URL and no other, fetched by `jose` and kept.
 *
 * One fetch at a time, whoever asks. Keys that were had once go on serving while the URL is out of reach.
 */
export class KeySet {
  readonly #remote: ReturnType<typeof createRemoteJWKSet>;
  readonly #log: Log;
  readonly #now: () => number;
  #keys: readonly PublicKey[] | undefined;
  #fetchedAt = -Infinity;
  #triedAt = -Infinity;
  #fetching: Promise<void> | undefined;

  constructor({ url, log, now = () => performance.now() }: KeySetOptions) {
    this.#remote = createRemoteJWKSet(url, { timeoutDuration: FETCH_TIMEOUT_MILLIS, cacheMaxAge: Infinity });
    this.#log = log;
    this.#now = now;
  }

  /**
   * The keys as they are known.
   *
   * @throws {ServiceError} `KEYS_UNAVAILABLE` where none could ever be had.
   */
  async current(): Promise<readonly PublicKey[]> {
    if (this.#keys === undefined) await this.#fetchFirst();
    else if (this.#now() - this.#fetchedAt > MAX_AGE_MILLIS) await this.refresh(this.#keys);
    return this.#keys ?? [];
  }

  /**
   * Asks again, for a signature that none of the keys fits, unless that was done a moment ago.
   *
   * @param known the keys that were tried.
   * @returns the keys where they are others by now.
   */
  async refresh(known: readonly PublicKey[]): Promise<readonly PublicKey[] | undefined> {
    if (this.#keys !== known) return this.#keys;
    if (this.#fetching === undefined && this.#now() - this.#triedAt < COOLDOWN_MILLIS) return undefined;
    try {
      await this.#fetch();
      return this.#keys;
    } catch (error) {
      this.#log.keysNotRefreshed(error);
      return undefined;
    }
  }

  async #fetchFirst(): Promise<void> {
    const wait = this.#triedAt + FIRST_FETCH_INTERVAL_MILLIS - this.#now();
    if (this.#fetching === undefined && wait > 0) await sleep(wait);
    try {
      await this.#fetch();
    } catch (cause) {
      throw new ServiceError(
        'KEYS_UNAVAILABLE',
        'The public keys of Gemini could not be fetched; check GEMINI_JWKS_URL and send it again.',
        { cause },
      );
    }
  }

  async #fetch(): Promise<void> {
    this.#fetching ??= this.#load().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
  }

  async #load(): Promise<void> {
    this.#triedAt = this.#now();
    await this.#remote.reload();
    const keys = (this.#remote.jwks()?.keys ?? []).flatMap(importKey);
    // Gemini cannot sign without a key, so this is some other answer; the keys that there are go on serving.
    if (keys.length === 0) throw new Error('The key set holds no Ed25519 or RSA key that can be used.');
    this.#keys = keys;
    this.#fetchedAt = this.#now();
    this.#log.keysFetched(this.#keys.length);
  }
}

/** Keys of other types, or that do not import, are passed over: one bad key must not disable the others. */
export function importKey(jwk: JWK): PublicKey[] {
  const algorithm = algorithmOf(jwk);
  if (algorithm === undefined || (jwk.use !== undefined && jwk.use !== 'sig')) return [];
  try {
    return [{ kid: jwk.kid, algorithm, key: createPublicKey({ key: publicPart(jwk), format: 'jwk' }) }];
  } catch {
    return [];
  }
}

function publicPart({ kty = '', crv = '', x = '', n = '', e = '' }: JWK) {
  return kty === 'OKP' ? { kty, crv, x } : { kty, n, e };
}

function algorithmOf(jwk: JWK): PublicKey['algorithm'] | undefined {
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return 'EdDSA';
  if (jwk.kty === 'RSA' && (jwk.alg === undefined || jwk.alg === 'RS256')) return 'RS256';
  return undefined;
}
