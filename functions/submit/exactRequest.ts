import { isJsonObject, parseExact } from '../model/json.ts';
import { exceedsDepth } from '../model/jsonNesting.ts';

/** Google's parser accepts 100 levels; the request's wrappers and `Struct` values take some of them. */
const MAX_DEPTH = 100;

/** A request in two forms of one value. */
export interface ParsedRequest {
  /** With JavaScript's numbers, to be validated. */
  readonly plain: unknown;
  /** With the digits that the caller sent, to be passed to Gemini. */
  readonly exact: unknown;
}

/**
 * Parses a request.
 *
 * @throws {RangeError} where it is nested deeper than {@link MAX_DEPTH}.
 * @throws {SyntaxError} where it is not JSON.
 */
export function parseRequest(body: Buffer): ParsedRequest {
  const text = body.toString('utf8');
  if (exceedsDepth(text, MAX_DEPTH)) throw new RangeError(`must not be nested deeper than ${MAX_DEPTH} levels`);
  return { plain: JSON.parse(text), exact: parseExact(text) };
}

/** Writes a request in one way for one meaning: the same for any order of fields, and for any spelling of a number. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    const source = rawNumberOf(part);
    if (source !== undefined) return holdsExactly(source) ? Number(source) : `number ${decimalOf(source)}`;
    if (!isJsonObject(part)) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Returns `true` where JavaScript's numbers hold the values of all numbers in a request. */
export function holdsAllNumbers(value: unknown): boolean {
  const source = rawNumberOf(value);
  if (source !== undefined) return holdsExactly(source);
  return typeof value !== 'object' || value === null || Object.values(value).every(holdsAllNumbers);
}

/** Returns the source text of a `JSON.rawJSON` value. */
function rawNumberOf(value: unknown): string | undefined {
  return RAW.isRawJSON(value) ? value.rawJSON : undefined;
}

/** Node 24's JSON, which TypeScript's library does not describe yet. */
const RAW = JSON as unknown as { isRawJSON(value: unknown): value is { readonly rawJSON: string } };

/** Returns `true` where JavaScript's number has the value that the digits say. */
function holdsExactly(source: string): boolean {
  const number = Number(source);
  return Number.isFinite(number) && decimalOf(String(number)) === decimalOf(source);
}

/** Writes a JSON number as its significant digits and a power of ten. */
function decimalOf(source: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${sign}${significant}e${power}`;
}
