import { z } from 'zod';

/** Google's JSON parser takes both spellings of a field; unknown names stay as they were written, to be refused. */
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
