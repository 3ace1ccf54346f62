import { ApiError } from '../errors.ts';
import type { Random } from '../random.ts';
import { rsaJwk } from './rsa.ts';
import type { Settings } from '../settings.ts';
import { ed25519Key, publicJwk, rsaKey } from '../signing.ts';
import type { PublicJwk, SigningKey } from '../signing.ts';

const PUBLISHED_KEYS = 3;

/** The keys of dynamic deliveries: three Ed25519 keys (docs/gemini-wire.md 5.2), and an RSA key while the scheme is RS256. */
export class Keys {
  readonly #random: Random;
  readonly #settings: Settings;
  readonly #made: SigningKey[] = [];
  readonly #rsaKeys = new Map<string, SigningKey>();
  #published: SigningKey[] = [];
  #chosen: SigningKey | undefined;

  constructor(random: Random, settings: Settings) {
    this.#random = random;
    this.#settings = settings;
    for (let count = 0; count < PUBLISHED_KEYS; count += 1) this.#published.push(this.#make());
  }

  /** The JWKS as published now. */
  jwks(): { keys: PublicJwk[] } {
    const { deliveries, jwks } = this.#settings.get();
    const keys = [...this.#published, ...(deliveries.scheme === 'RS256' ? [this.#rsaKey()] : [])];
    return { keys: keys.map((key) => publicJwk(jwks.keyIds ? key : { ...key, kid: undefined })) };
  }

  /** Publishes a new key instead of the oldest and signs with the new one from now on. Returns its `kid`. */
  rotate(): string {
    const key = this.#make();
    this.#published = [...this.#published.slice(1), key];
    this.#chosen = key;
    return kidOf(key);
  }

  /** Stops publishing a key, and stops signing with it unless `signWith` chooses it. */
  remove(kid: string): void {
    const key = this.#find(kid);
    this.#published = this.#published.filter((other) => other !== key);
    if (this.#chosen === key) this.#chosen = undefined;
  }

  /** Signs with this Ed25519 key from now on, published or not. */
  signWith(kid: string): void {
    this.#chosen = this.#find(kid);
  }

  /** The key that signs what has this label: any published one unless one is chosen or all were removed. */
  signer(label: string): SigningKey {
    if (this.#settings.get().deliveries.scheme === 'RS256') return this.#rsaKey();
    const keys = this.#published.length > 0 ? this.#published : this.#made;
    return this.#chosen ?? this.#random.pick(`signer/${label}`, keys);
  }

  /** A key that was never published, of the type in use. */
  foreign(): SigningKey {
    const { scheme } = this.#settings.get().deliveries;
    if (scheme === 'RS256') return this.#rsaKey('foreign rsa');
    return ed25519Key(this.#random.bytes('foreign key', 32), 'sim-ed-1');
  }

  #make(): SigningKey {
    const label = this.#random.next('ed25519');
    const key = ed25519Key(this.#random.bytes(label, 32), `sim-ed-${this.#made.length + 1}`);
    this.#made.push(key);
    return key;
  }

  #find(kid: string): SigningKey {
    const key = this.#made.find((made) => made.kid === kid);
    if (key === undefined)
      throw new ApiError('NOT_FOUND', `No key ${kid}; there are ${this.#made.map(kidOf).join(', ')}`);
    return key;
  }

  /** Cached, because making one takes a third of a second. */
  #rsaKey(label = 'rsa'): SigningKey {
    const key = this.#rsaKeys.get(label) ?? rsaKey(rsaJwk(label, this.#random), 'sim-rsa-1');
    this.#rsaKeys.set(label, key);
    return key;
  }
}

function kidOf(key: SigningKey): string {
  return key.kid ?? '';
}
