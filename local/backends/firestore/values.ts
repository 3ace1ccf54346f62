import { invalid } from '../rpc.ts';
import type { Contents, Fields, Value } from './messages.ts';
import { nameSize } from './names.ts';

/** A value's place in Firestore's order. Lists are compared item by item, buffers byte by byte. */
export type Key = number | bigint | Buffer | Key[];

interface ValueType<Content> {
  /** Types are ordered by their rank; integers and doubles are ordered together. */
  readonly rank: number;
  readonly key: (content: Content) => Key;
  /** The size in bytes. */
  readonly size: (content: Content) => number;
}

const utf8 = (text: string): Buffer => Buffer.from(text);

/**
 * https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering and
 * https://firebase.google.com/docs/firestore/storage-size.
 */
const TYPES: { readonly [Type in keyof Contents]: ValueType<Contents[Type]> } = {
  nullValue: { rank: 0, key: () => [], size: () => 1 },
  booleanValue: { rank: 1, key: Number, size: () => 1 },
  // JavaScript compares bigint with number exactly. NaN, an empty list, is less than all numbers.
  integerValue: { rank: 2, key: (text) => [BigInt(text)], size: () => 8 },
  doubleValue: { rank: 2, key: (number) => (Number.isNaN(number) ? [] : [number]), size: () => 8 },
  timestampValue: { rank: 3, key: ({ seconds, nanos }) => [Number(seconds), nanos], size: () => 8 },
  stringValue: { rank: 4, key: utf8, size: (text) => Buffer.byteLength(text) + 1 },
  bytesValue: { rank: 5, key: (bytes) => bytes, size: ({ length }) => length },
  referenceValue: {
    rank: 6,
    key: (name) => name.split('/').map(utf8),
    size: (name) => nameSize(name.replace(/^.*?\/documents\//, '')),
  },
  geoPointValue: { rank: 7, key: ({ latitude, longitude }) => [latitude, longitude], size: () => 16 },
  arrayValue: {
    rank: 8,
    key: ({ values }) => values.map(keyOf),
    size: ({ values }) => values.reduce((sum, value) => sum + sizeOf(value), 0),
  },
  mapValue: {
    rank: 9,
    key: ({ fields }) => Object.entries(fields).map(entryKey).toSorted(compareKeys),
    size: ({ fields }) => fieldsSize(fields),
  },
};

function entryKey([name, value]: readonly [string, Value]): Key {
  return [utf8(name), keyOf(value)];
}

export function keyOf(value: Value): Key {
  const { rank, key } = typeOf(value);
  return [rank, key(contentOf(value))];
}

/** Returns a negative number, 0 or a positive number. */
export function compareKeys(a: Key, b: Key): number {
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return Buffer.compare(a, b);
  if (!Array.isArray(a) || !Array.isArray(b)) return a < b ? -1 : Number(a > b);
  for (const [index, item] of a.entries()) {
    const other = b[index];
    const order = other === undefined ? 1 : compareKeys(item, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

export const compareValues = (a: Value, b: Value): number => compareKeys(keyOf(a), keyOf(b));
/** Checks for equality as in queries and array transforms: the integer 1 equals the double 1. */
export const areEqual = (a: Value, b: Value): boolean => compareValues(a, b) === 0;
export const areComparable = (a: Value, b: Value): boolean => typeOf(a).rank === typeOf(b).rank;

export function sizeOf(value: Value): number {
  return typeOf(value).size(contentOf(value));
}

export function fieldsSize(fields: Fields): number {
  return Object.entries(fields).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + 1 + sizeOf(value), 0);
}

/** @throws RpcError INVALID_ARGUMENT for a value in which nothing is set. */
function typeOf(value: Value): ValueType<never> {
  if (!Object.hasOwn(TYPES, value.valueType)) throw invalid('A value has no type.');
  return TYPES[value.valueType];
}

/** Returns the content that the value's own entry in `TYPES` expects. */
function contentOf(value: Value): never {
  return (value as Partial<Contents>)[value.valueType] as never;
}
