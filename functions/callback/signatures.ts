/**
 * The entries of a `webhook-signature` header by their shape (docs/gemini-wire.md 5.4). Spaces separate entries; a comma
 * separates a version from its signature, so a header that a proxy joined with commas is not a list.
 */
interface Signatures {
  /** Base64 of 32 bytes each. */
  readonly v1: readonly string[];
  /** 64 bytes each. */
  readonly v1a: readonly Buffer[];
  /** Compact JWTs. */
  readonly jwt: readonly string[];
}

const V1 = /^v1,([A-Za-z0-9+/]{43}=)$/;
/** The last character holds two bits of the signature; fixing the unused ones allows one spelling only. */
const V1A = /^v1a,([A-Za-z0-9+/]{85}[AQgw]==)$/;
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Bounds the public-key checks that one unauthenticated request causes: a rotation needs two, a header holds 170. */
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
