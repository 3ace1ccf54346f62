import { checkPrimeSync } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import type { Random } from '../random.ts';

const EXPONENT = 65_537n;
const PRIME_BYTES = 128;

/** A private RSA key of 2,048 bits that follows from the seed and the label, which node:crypto cannot make. */
export function rsaJwk(label: string, random: Random): JsonWebKey {
  const [p, q] = [prime(random.bytes(`${label}/p`, PRIME_BYTES)), prime(random.bytes(`${label}/q`, PRIME_BYTES))];
  const d = inverse(EXPONENT, (p - 1n) * (q - 1n));
  const numbers = { n: p * q, e: EXPONENT, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const fields = Object.entries(numbers).map(([name, value]) => [name, base64url(value)]);
  return { kty: 'RSA', ...(Object.fromEntries(fields) as object) };
}

/** Returns the first fitting prime from `start` on. Two leading ones make the product of two full-length. */
function prime(start: Buffer): bigint {
  start.writeUInt8(start.readUInt8(0) | 0xc0, 0);
  let candidate = BigInt(`0x${start.toString('hex')}`) | 1n;
  while (candidate % EXPONENT === 1n || !checkPrimeSync(candidate)) candidate += 2n;
  return candidate;
}

/** Returns the modular inverse, by the extended Euclidean algorithm. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [rest, nextRest, factor, nextFactor] = [modulus, value % modulus, 0n, 1n];
  while (nextRest !== 0n) {
    const quotient = rest / nextRest;
    [rest, nextRest] = [nextRest, rest - quotient * nextRest];
    [factor, nextFactor] = [nextFactor, factor - quotient * nextFactor];
  }
  return ((factor % modulus) + modulus) % modulus;
}

function base64url(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}
