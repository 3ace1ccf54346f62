import { z } from 'zod';

/** Accepts both spellings of a field, as Google's JSON parser does. Unknown names keep their spelling and are refused. */
export function eitherSpelling<T extends z.ZodRawShape>(shape: T) {
  const known = (key: string) => (camelCase(key) in shape ? camelCase(key) : key);
  return z.preprocess((value) => withKeys(value, known), z.strictObject(shape));
}

function withKeys(value: unknown, rename: (key: string) => string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]): [string, unknown] => [rename(key), field]));
}

function camelCase(key: string): string {
  return key.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The fields of an object under their camelCase names; anything else is an empty object. */
export function camelKeys(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (withKeys(value, camelCase) as Record<string, unknown>) : {};
}
