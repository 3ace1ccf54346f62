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
