import { invalid, unimplemented } from '../rpc.ts';
import type { Fields, Value, Write } from './messages.ts';
import { nameSize } from './names.ts';
import { fieldsSize, sizeOf } from './values.ts';

/** Limits of the service: https://firebase.google.com/docs/firestore/quotas#limits. */
const MAX_REQUEST_BYTES = 10_485_760;
const MAX_DOCUMENT_BYTES = 1_048_576;
const MAX_VALUE_BYTES = 1_048_487;
const MAX_FIELD_NAME_BYTES = 1_500;
const MAX_DEPTH = 20;
const MIN_SECONDS = Date.parse('0001-01-01T00:00:00Z') / 1_000;
const MAX_SECONDS = Date.parse('9999-12-31T23:59:59Z') / 1_000;

/** The maps and arrays around a value, and its top-level field. */
interface Place {
  readonly field: string;
  readonly depth: number;
  readonly isInArray: boolean;
}

/**
 * Checks fields that a client writes and cuts their timestamps to microseconds.
 *
 * @throws RpcError INVALID_ARGUMENT
 */
export function normalizeFields(fields: Fields, place?: Place): Fields {
  const entries = Object.entries(fields).map(([name, value]) => {
    checkFieldName(name);
    return [name, normalize(value, place ?? { field: name, depth: 0, isInArray: false })] as const;
  });
  return Object.fromEntries(entries);
}

function checkFieldName(name: string): void {
  if (name === '') throw invalid('The property.name is the empty string.');
  if (name === '__type__') throw unimplemented('vector values');
  if (/^__.*__$/s.test(name)) throw invalid(`field name '${name}' is reserved.`);
  if (Buffer.byteLength(name) > MAX_FIELD_NAME_BYTES) {
    throw invalid(`The property.name is longer than ${MAX_FIELD_NAME_BYTES} bytes.`);
  }
}

function normalize(value: Value, place: Place): Value {
  const inside = (isInArray: boolean): Place => {
    if (place.depth >= MAX_DEPTH) throw invalid(`Property ${place.field} contains an invalid nested entity.`);
    return { ...place, depth: place.depth + 1, isInArray };
  };
  if (value.valueType === 'timestampValue') {
    const [seconds, { nanos }] = [Number(value.timestampValue.seconds), value.timestampValue];
    const isInRange = seconds >= MIN_SECONDS && seconds <= MAX_SECONDS && nanos >= 0 && nanos < 1e9;
    if (!isInRange) throw invalid(`The timestamp of property "${place.field}" is not within the years 1 and 9999.`);
    return { ...value, timestampValue: { seconds, nanos: nanos - (nanos % 1_000) } };
  }
  if (value.valueType === 'arrayValue') {
    if (place.isInArray) throw invalid('Cannot convert an array value in an array value.');
    return { ...value, arrayValue: { values: value.arrayValue.values.map((item) => normalize(item, inside(true))) } };
  }
  if (value.valueType === 'mapValue') {
    return { ...value, mapValue: { fields: normalizeFields(value.mapValue.fields, inside(false)) } };
  }
  if (sizeOf(value) - Number(value.valueType === 'stringValue') > MAX_VALUE_BYTES) {
    throw invalid(`The value of property "${place.field}" is longer than ${MAX_VALUE_BYTES} bytes.`);
  }
  return value;
}

/** @throws RpcError INVALID_ARGUMENT for a document over 1 MiB. */
export function checkDocumentSize(path: string, fields: Fields): void {
  const bytes = nameSize(path) + fieldsSize(fields) + 32;
  if (bytes > MAX_DOCUMENT_BYTES) {
    throw invalid(
      `The size of document "${path}" is ${bytes} bytes: maximum entity size is ${MAX_DOCUMENT_BYTES} bytes`,
    );
  }
}

/** @throws RpcError INVALID_ARGUMENT for writes whose documents are over 10 MiB together. */
export function checkRequestSize(writes: readonly Write[]): void {
  const bytes = writes.reduce((sum, { update }) => sum + (update ? fieldsSize(update.fields) : 0), 0);
  if (bytes > MAX_REQUEST_BYTES) throw invalid(`Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`);
}
