import type { Fields, ProtoTimestamp, Value } from './messages.ts';

/** The order of types: https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering. */
const RANKS: Readonly<Record<Value['valueType'], number>> = {
  nullValue: 0,
  booleanValue: 1,
  integerValue: 2,
  doubleValue: 2,
  timestampValue: 3,
  stringValue: 4,
  bytesValue: 5,
  referenceValue: 6,
  geoPointValue: 7,
  arrayValue: 8,
  mapValue: 9,
};

export const isNull = (value: Value): boolean => value.valueType === 'nullValue';
export const isNaN = (value: Value): boolean => Number.isNaN(numberOf(value));
export const areComparable = (a: Value, b: Value): boolean => RANKS[a.valueType] === RANKS[b.valueType];
/** Equality of queries and array transforms: the integer 1 equals the double 1. */
export const areEqual = (a: Value, b: Value): boolean => compareValues(a, b) === 0;

/** Compares as Firestore orders: negative, 0 or positive. */
export function compareValues(a: Value, b: Value): number {
  const ranks = RANKS[a.valueType] - RANKS[b.valueType];
  if (ranks !== 0) return ranks;
  if (a.valueType === 'booleanValue' && b.valueType === a.valueType) {
    return Number(a.booleanValue) - Number(b.booleanValue);
  }
  if (a.valueType === 'timestampValue' && b.valueType === a.valueType) {
    return compareTimestamps(a.timestampValue, b.timestampValue);
  }
  if (a.valueType === 'stringValue' && b.valueType === a.valueType) return compareStrings(a.stringValue, b.stringValue);
  if (a.valueType === 'bytesValue' && b.valueType === a.valueType) return Buffer.compare(a.bytesValue, b.bytesValue);
  if (a.valueType === 'referenceValue' && b.valueType === a.valueType) {
    return comparePaths(a.referenceValue, b.referenceValue);
  }
  if (a.valueType === 'geoPointValue' && b.valueType === a.valueType) {
    const { latitude = 0, longitude = 0 } = a.geoPointValue;
    return latitude - (b.geoPointValue.latitude ?? 0) || longitude - (b.geoPointValue.longitude ?? 0);
  }
  if (a.valueType === 'arrayValue' && b.valueType === a.valueType) {
    return compareLists(a.arrayValue.values, b.arrayValue.values, compareValues);
  }
  if (a.valueType === 'mapValue' && b.valueType === a.valueType) {
    return compareLists(entriesOf(a.mapValue.fields), entriesOf(b.mapValue.fields), compareEntries);
  }
  return compareNumbers(numberOf(a), numberOf(b));
}

/** Compares names of documents segment by segment. */
function comparePaths(a: string, b: string): number {
  return a === b ? 0 : compareLists(a.split('/'), b.split('/'), compareStrings);
}

/** Compares by UTF-8 bytes, which differs from JavaScript's order beyond the basic plane. */
function compareStrings(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function compareTimestamps(a: ProtoTimestamp, b: ProtoTimestamp): number {
  return Number(a.seconds ?? 0) - Number(b.seconds ?? 0) || (a.nanos ?? 0) - (b.nanos ?? 0);
}

/** JavaScript compares bigint with number exactly, so that large integers and doubles order without rounding. */
function numberOf(value: Value): number | bigint {
  if (value.valueType === 'integerValue') return BigInt(value.integerValue);
  return value.valueType === 'doubleValue' ? value.doubleValue : 0;
}

function compareNumbers(a: number | bigint, b: number | bigint): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return a < b ? -1 : Number(a > b);
}

function compareLists<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): number {
  for (const [index, item] of a.entries()) {
    if (index >= b.length) return 1;
    const order = compare(item, b[index] as T);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

type Entry = readonly [key: string, value: Value];

function entriesOf(fields: Fields): readonly Entry[] {
  return Object.entries(fields).toSorted(([a], [b]) => compareStrings(a, b));
}

function compareEntries([keyA, valueA]: Entry, [keyB, valueB]: Entry): number {
  return compareStrings(keyA, keyB) || compareValues(valueA, valueB);
}
