/**
 * The entries of a `webhook-signature` header, told apart by their shape (G 5.4). Spaces separate entries, a comma
 * stands between version and signature, so a header that a proxy has joined with commas is not a list.
 */
export interface Signatures {
  /** Base64 of 32 bytes each. */
  readonly v1: readonly string[];
  /** 64 bytes each. */
  readonly v1a: readonly Buffer[];
  /** Compact JWTs. */
  readonly jwt: readonly string[];
}

const V1 = /^v1,([A-Za-z0-9+/]{43}=)$/;
/** The last letter has two bits of the signature and no others: one signature is written in one way. */
const V1A = /^v1a,([A-Za-z0-9+/]{85}[AQgw]==)$/;
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Public-key checks cost a stranger nothing to ask for; a rotation needs two entries, and a header holds about 170. */
const MAX_PUBLIC_KEY_ENTRIES = 32;

export function parseSignatures(header: string): Signatures {
  const entries = [...new Set(header.split(' '))];
  const matches = (shape: RegExp) => entries.flatMap((entry) => shape.exec(entry)?.[1] ?? []);
  return {
    v1: matches(V1),
    v1a: matches(V1A)
      .slice(0, MAX_PUBLIC_KEY_ENTRIES)
      .map((base64) => Buffer.from(base64, 'base64')),
    jwt: entries.filter((entry) => JWT.test(entry)).slice(0, MAX_PUBLIC_KEY_ENTRIES),
  };
}
