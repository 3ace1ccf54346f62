export type JsonObject = { readonly [key: string]: unknown };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the objects in a list from outside and skips its other elements; empty for any other value. */
export function objectsIn(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** Returns the string at a key; `undefined` for any other value. */
export function stringAt(object: JsonObject, key: string): string | undefined {
  const value = object[key];
  return typeof value === 'string' ? value : undefined;
}

/** Returns a string or a number as text, an empty string for any other value. */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** Firestore allows 20 levels in a document; the field that holds the map is the first. */
const MAX_DEPTH = 19;

/**
 * Returns `true` where Firestore holds this value as a map, unchanged: no array inside an array, no reserved or empty field name,
 * no number that JavaScript has rounded, not too deep, and no larger than `maxBytes` as Firestore counts (a number is
 * 8 bytes there, and one digit in JSON).
 */
export function fitsFirestore(value: JsonObject, maxBytes: number): boolean {
  let bytesLeft = maxBytes;

  function fits(item: unknown, depth: number, insideArray: boolean): boolean {
    bytesLeft -= 32;
    if (bytesLeft < 0) return false;
    if (typeof item === 'string') return textFits(item);
    if (typeof item === 'number')
      return Number.isFinite(item) && !(Number.isInteger(item) && !Number.isSafeInteger(item));
    if (Array.isArray(item))
      return !insideArray && depth < MAX_DEPTH && item.every((each) => fits(each, depth + 1, true));
    if (!isJsonObject(item)) return true;
    return (
      depth < MAX_DEPTH && Object.entries(item).every(([name, each]) => nameFits(name) && fits(each, depth + 1, false))
    );
  }

  function textFits(text: string): boolean {
    bytesLeft -= Buffer.byteLength(text);
    return text.isWellFormed();
  }

  function nameFits(name: string): boolean {
    return name !== '' && !/^__.*__$/s.test(name) && Buffer.byteLength(name) <= 1_500 && textFits(name);
  }

  return fits(value, 0, false) && bytesLeft >= 0;
}

const EXACT = JSON as unknown as ExactJson;

/**
 * Parses JSON so that `JSON.stringify` writes every number with the digits that it had: those that JavaScript would
 * write otherwise become `JSON.rawJSON` values.
 *
 * @throws {SyntaxError}
 * @throws {RangeError} where the value is some thousand levels deep.
 */
export function parseExact(text: string): unknown {
  return EXACT.parse(text, (_name, value, context) =>
    typeof value === 'number' && context.source !== undefined && String(value) !== context.source
      ? EXACT.rawJSON(context.source)
      : value,
  );
}

/** Node 24's JSON, which TypeScript's library does not describe yet. */
interface ExactJson {
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
}
