import { invalid } from '../rpc.ts';
import type { Contents, Fields, Value } from './messages.ts';
import { nameSize } from './names.ts';

/** How values of a type are ordered, and their size in bytes. */
interface ValueType<Content> {
  /** Types are ordered by their rank; integers and doubles are ordered together. */
  readonly rank: number;
  readonly compare: (a: Content, b: Content) => number;
  readonly size: (content: Content) => number;
}

/**
 * https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering and
 * https://firebase.google.com/docs/firestore/storage-size.
 */
const TYPES: { readonly [Type in keyof Contents]: ValueType<Contents[Type]> } = {
  nullValue: { rank: 0, compare: () => 0, size: () => 1 },
  booleanValue: { rank: 1, compare: (a, b) => Number(a) - Number(b), size: () => 1 },
  integerValue: { rank: 2, compare: compareNumbers, size: () => 8 },
  doubleValue: { rank: 2, compare: compareNumbers, size: () => 8 },
  timestampValue: {
    rank: 3,
    compare: (a, b) => Number(a.seconds) - Number(b.seconds) || a.nanos - b.nanos,
    size: () => 8,
  },
  stringValue: { rank: 4, compare: compareStrings, size: (text) => Buffer.byteLength(text) + 1 },
  bytesValue: { rank: 5, compare: (a, b) => Buffer.compare(a, b), size: ({ length }) => length },
  referenceValue: {
    rank: 6,
    compare: (a, b) => compareLists(a.split('/'), b.split('/'), compareStrings),
    size: (name) => nameSize(name.replace(/^.*?\/documents\//, '')),
  },
  geoPointValue: {
    rank: 7,
    compare: (a, b) => a.latitude - b.latitude || a.longitude - b.longitude,
    size: () => 16,
  },
  arrayValue: {
    rank: 8,
    compare: (a, b) => compareLists(a.values, b.values, compareValues),
    size: ({ values }) => values.reduce((sum, value) => sum + sizeOf(value), 0),
  },
  mapValue: {
    rank: 9,
    compare: (a, b) => compareLists(entriesOf(a), entriesOf(b), compareEntries),
    size: ({ fields }) => fieldsSize(fields),
  },
};

export const isNull = (value: Value): boolean => value.valueType === 'nullValue';
export const isNaN = (value: Value): boolean => value.valueType === 'doubleValue' && Number.isNaN(value.doubleValue);
export const areComparable = (a: Value, b: Value): boolean => typeOf(a).rank === typeOf(b).rank;
/** Equality of queries and array transforms: the integer 1 equals the double 1. */
export const areEqual = (a: Value, b: Value): boolean => compareValues(a, b) === 0;

/** Compares as Firestore orders: negative, 0 or positive. */
export function compareValues(a: Value, b: Value): number {
  const [typeOfA, typeOfB] = [typeOf(a), typeOf(b)];
  return typeOfA.rank - typeOfB.rank || typeOfA.compare(contentOf(a), contentOf(b));
}

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

/** The content that the value's own entry in `TYPES` expects. */
function contentOf(value: Value): never {
  return (value as Partial<Contents>)[value.valueType] as never;
}

/** Compares by UTF-8 bytes, which differs from JavaScript's order beyond the basic plane. */
function compareStrings(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** JavaScript compares bigint with number exactly, so that large integers and doubles order without rounding. */
function compareNumbers(a: string | number, b: string | number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  const [left, right] = [a, b].map((number) => (typeof number === 'string' ? BigInt(number) : number));
  return left === right || left === undefined || right === undefined ? 0 : left < right ? -1 : Number(left > right);
}

function compareLists<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): number {
  for (const [index, item] of a.slice(0, b.length).entries()) {
    const order = compare(item, b[index] as T);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

type Entry = readonly [key: string, value: Value];

function entriesOf({ fields }: Contents['mapValue']): readonly Entry[] {
  return Object.entries(fields).toSorted(([a], [b]) => compareStrings(a, b));
}

function compareEntries([keyA, valueA]: Entry, [keyB, valueB]: Entry): number {
  return compareStrings(keyA, keyB) || compareValues(valueA, valueB);
}
