import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../observability/log.ts';
import { ServiceError } from '../runtime/serviceError.ts';
import { downloadKeySet } from './keySetDownload.ts';
import { importKeySet, type PublicKey } from './publicKey.ts';

interface KeySetOptions {
  readonly url: URL;
  readonly log: Log;
  /** Returns a monotonic time in milliseconds. */
  readonly now?: () => number;
}

/** Limits refetches for unknown signatures; a key that Gemini adds is found after this time. */
export const COOLDOWN_MILLIS = 30_000;
/** A key that Gemini withdraws is refused after this time. */
const MAX_AGE_MILLIS = 600_000;
/** Limits fetches before the first success; requests wait for their turn and are not refused. */
const FIRST_FETCH_INTERVAL_MILLIS = 250;

/**
 * A cache of Gemini's public keys, from the configured URL only.
 *
 * Concurrent requests share one fetch. Serves stale keys while the URL is unreachable.
 */
export class KeySet {
  readonly #url: URL;
  readonly #log: Log;
  readonly #now: () => number;
  #keys: readonly PublicKey[] | undefined;
  #fetchedAt = -Infinity;
  #triedAt = -Infinity;
  #fetching: Promise<void> | undefined;

  constructor({ url, log, now = () => performance.now() }: KeySetOptions) {
    this.#url = url;
    this.#log = log;
    this.#now = now;
  }

  /**
   * Returns the cached keys, and fetches them where they are missing or old.
   *
   * @throws {ServiceError} `KEYS_UNAVAILABLE` where no fetch has succeeded yet.
   */
  async current(): Promise<readonly PublicKey[]> {
    if (this.#keys === undefined) await this.#fetchFirst();
    else if (this.#now() - this.#fetchedAt > MAX_AGE_MILLIS) await this.refresh(this.#keys);
    return this.#keys ?? [];
  }

  /**
   * Fetches again for a signature that matches no known key, at most once in 30 s.
   *
   * @param known the keys that were tried.
   * @returns the new keys, or `undefined` where there are none.
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
      const message = 'The public keys of Gemini could not be fetched. Check GEMINI_JWKS_URL, and send it again.';
      throw new ServiceError('KEYS_UNAVAILABLE', message, { cause });
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
    this.#keys = importKeySet(await downloadKeySet(this.#url));
    this.#fetchedAt = this.#now();
    this.#log.keysFetched(this.#keys.length);
  }
}
