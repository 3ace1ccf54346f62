import { type DocumentData, FieldValue, Timestamp } from '@google-cloud/firestore';

/** A time as the service has it; 64-bit integers are text. */
export interface EncodedTime {
  readonly seconds: string | number;
  readonly nanos: number;
}

/** The fields of a write as the service has them (https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#write). */
interface EncodedFields {
  readonly fields: EncodedMap;
  /** The names of the fields that are set or deleted. */
  readonly fieldPaths: readonly string[];
  readonly updateTransforms: readonly object[];
}

type EncodedMap = Record<string, object>;

/** The instructions to the server that records are written with. */
const [DELETE, NOW, ONE_MORE] = [FieldValue.delete(), FieldValue.serverTimestamp(), FieldValue.increment(1)];

/**
 * Encodes the fields of a write, as Firestore's client does for these values; `deliveries/deliveryRecord.ts` and
 * `jobEvents.ts` say which fields there are. `undefined` leaves a field out.
 *
 * @throws {TypeError} for an instruction that no record is written with.
 */
export function encodeFields(values: DocumentData): EncodedFields {
  const updateTransforms: object[] = [];
  const deleted = Object.keys(values).filter((name) => isDelete(values[name]));
  const others = Object.entries(values).filter(([name]) => !deleted.includes(name));
  const fields = encodeMap(others, '', updateTransforms);
  return { fields, fieldPaths: [...deleted, ...Object.keys(fields)], updateTransforms };
}

function isDelete(value: unknown): boolean {
  return value instanceof FieldValue && value.isEqual(DELETE);
}

function encodeMap(entries: readonly (readonly [string, unknown])[], prefix: string, transforms: object[]): EncodedMap {
  const fields: EncodedMap = {};
  for (const [name, value] of entries) {
    const path = `${prefix}${name}`;
    if (value instanceof FieldValue) transforms.push({ fieldPath: path, ...encodeTransform(value, path) });
    else if (value !== undefined) fields[name] = encodeValue(value, path, transforms);
  }
  return fields;
}

function encodeTransform(value: FieldValue, path: string): object {
  if (value.isEqual(NOW)) return { setToServerValue: 'REQUEST_TIME' };
  if (value.isEqual(ONE_MORE)) return { increment: { integerValue: 1 } };
  throw new TypeError(`The field ${path} has an instruction that is not encoded.`);
}

function encodeValue(value: unknown, path: string, transforms: object[]): object {
  if (value === null) return { nullValue: 'NULL_VALUE' };
  if (typeof value === 'object') return encodeObject(value, path, transforms);
  if (typeof value === 'number') return encodeNumber(value);
  return typeof value === 'boolean' ? { booleanValue: value } : { stringValue: value };
}

function encodeNumber(value: number): object {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? { integerValue: value } : { doubleValue: value };
}

function encodeObject(value: object, path: string, transforms: object[]): object {
  if (value instanceof Date) return { timestampValue: encodeTime(Timestamp.fromDate(value)) };
  if (value instanceof Timestamp) return { timestampValue: encodeTime(value) };
  if (value instanceof Uint8Array) return { bytesValue: value };
  if (value instanceof FieldValue) throw new TypeError(`The list ${path} has an instruction to the server.`);
  if (Array.isArray(value)) return { arrayValue: { values: value.map((each) => encodeValue(each, path, transforms)) } };
  return { mapValue: { fields: encodeMap(Object.entries(value), `${path}.`, transforms) } };
}

export function encodeTime({ seconds, nanoseconds }: Timestamp): EncodedTime {
  return { seconds, nanos: nanoseconds };
}

export function timeOf({ seconds, nanos }: EncodedTime): Timestamp {
  return new Timestamp(Number(seconds), nanos);
}
