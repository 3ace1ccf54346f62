import type { Fields, Value, Write } from './messages.ts';
import { invalid, unimplemented } from './status.ts';

/** Limits of the service: https://firebase.google.com/docs/firestore/quotas#limits. */
const MAX_REQUEST_BYTES = 10_485_760;
const MAX_DOCUMENT_BYTES = 1_048_576;
const MAX_VALUE_BYTES = 1_048_487;
const MAX_FIELD_NAME_BYTES = 1_500;
const MAX_DEPTH = 20;

/** Where a value stands: its top-level field, the maps and arrays around it, and whether the innermost is an array. */
interface Place {
  readonly field: string;
  readonly depth: number;
  readonly inArray: boolean;
}

/**
 * Checks fields that a client writes and cuts their timestamps to microseconds.
 *
 * @throws StatusError INVALID_ARGUMENT
 */
export function normalizeFields(fields: Fields, place?: Place): Fields {
  const entries = Object.entries(fields).map(([name, value]) => {
    checkFieldName(name);
    return [name, normalize(value, place ?? { field: name, depth: 0, inArray: false })] as const;
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
  if (value.valueType === 'timestampValue') {
    const { seconds = 0, nanos = 0 } = value.timestampValue;
    return { ...value, timestampValue: { seconds, nanos: nanos - (nanos % 1_000) } };
  }
  if (value.valueType === 'arrayValue') {
    if (place.inArray) throw invalid('Cannot convert an array value in an array value.');
    const inside = deeper(place, true);
    return { ...value, arrayValue: { values: value.arrayValue.values.map((item) => normalize(item, inside)) } };
  }
  if (value.valueType === 'mapValue') {
    return { ...value, mapValue: { fields: normalizeFields(value.mapValue.fields, deeper(place, false)) } };
  }
  if (contentSize(value) > MAX_VALUE_BYTES) {
    throw invalid(`The value of property "${place.field}" is longer than ${MAX_VALUE_BYTES} bytes.`);
  }
  return value;
}

function deeper({ field, depth }: Place, inArray: boolean): Place {
  if (depth >= MAX_DEPTH) throw invalid(`Property ${field} contains an invalid nested entity.`);
  return { field, depth: depth + 1, inArray };
}

/** @throws StatusError INVALID_ARGUMENT for a document over 1 MiB. */
export function checkDocumentSize(path: string, fields: Fields): void {
  const bytes = nameSize(path) + mapSize(fields) + 32;
  if (bytes > MAX_DOCUMENT_BYTES) {
    throw invalid(
      `The size of document "${path}" is ${bytes} bytes: maximum entity size is ${MAX_DOCUMENT_BYTES} bytes`,
    );
  }
}

/** @throws StatusError INVALID_ARGUMENT for writes whose documents are over 10 MiB together. */
export function checkRequestSize(writes: readonly Write[]): void {
  const bytes = writes.reduce((sum, { update }) => sum + (update ? mapSize(update.fields) : 0), 0);
  if (bytes > MAX_REQUEST_BYTES) throw invalid(`Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`);
}

/** https://firebase.google.com/docs/firestore/storage-size. */
function sizeOf(value: Value): number {
  switch (value.valueType) {
    case 'nullValue':
    case 'booleanValue':
      return 1;
    case 'integerValue':
    case 'doubleValue':
    case 'timestampValue':
      return 8;
    case 'geoPointValue':
      return 16;
    case 'stringValue':
      return Buffer.byteLength(value.stringValue) + 1;
    case 'bytesValue':
      return value.bytesValue.length;
    case 'referenceValue':
      return nameSize(value.referenceValue.replace(/^.*?\/documents\//, ''));
    case 'arrayValue':
      return value.arrayValue.values.reduce((sum, item) => sum + sizeOf(item), 0);
    case 'mapValue':
      return mapSize(value.mapValue.fields);
  }
}

function contentSize(value: Value): number {
  return value.valueType === 'stringValue' ? Buffer.byteLength(value.stringValue) : sizeOf(value);
}

function nameSize(path: string): number {
  return path.split('/').reduce((sum, id) => sum + Buffer.byteLength(id) + 1, 16);
}

function mapSize(fields: Fields): number {
  return Object.entries(fields).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + 1 + sizeOf(value), 0);
}
