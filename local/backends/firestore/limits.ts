import { invalid, unimplemented } from '../rpc.ts';
import { type Fields, fromMicros, toMicros, type Value, type Write } from './messages.ts';
import { nameSize } from './names.ts';
import { fieldsSize, sizeOf } from './values.ts';

/** Limits of the service: https://firebase.google.com/docs/firestore/quotas#limits. */
const MAX_REQUEST_BYTES = 10_485_760;
const MAX_DOCUMENT_BYTES = 1_048_576;
const MAX_VALUE_BYTES = 1_048_487;
const MAX_FIELD_NAME_BYTES = 1_500;
const MAX_DEPTH = 20;

/**
 * Checks fields that a client writes and truncates their timestamps to microseconds.
 *
 * @param depth the number of maps and arrays around the fields.
 * @throws RpcError INVALID_ARGUMENT
 */
export function normalizeFields(fields: Fields, property?: string, depth = 0): Fields {
  const entries = Object.entries(fields).map(([name, value]) => {
    checkFieldName(name);
    return [name, normalize(value, property ?? name, depth)] as const;
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

/** @param property the top-level field that has the value. */
function normalize(value: Value, property: string, depth: number): Value {
  const { valueType } = value;
  const isNesting = valueType === 'arrayValue' || valueType === 'mapValue';
  if (isNesting && depth >= MAX_DEPTH) throw invalid(`Property ${property} contains an invalid nested entity.`);
  if (valueType === 'mapValue') {
    return { valueType, mapValue: { fields: normalizeFields(value.mapValue.fields, property, depth + 1) } };
  }
  if (valueType === 'arrayValue') {
    const { values } = value.arrayValue;
    if (values.some((item) => item.valueType === valueType)) {
      throw invalid('Cannot convert an array value in an array value.');
    }
    return { valueType, arrayValue: { values: values.map((item) => normalize(item, property, depth + 1)) } };
  }
  if (valueType === 'timestampValue') {
    return { valueType, timestampValue: fromMicros(toMicros(value.timestampValue)) };
  }
  if (sizeOf(value) - Number(valueType === 'stringValue') > MAX_VALUE_BYTES) {
    throw invalid(`The value of property "${property}" is longer than ${MAX_VALUE_BYTES} bytes.`);
  }
  return value;
}

/** @throws RpcError INVALID_ARGUMENT for a document over 1 MiB. */
export function checkDocumentSize(path: string, fields: Fields): void {
  const bytes = nameSize(path) + fieldsSize(fields) + 32;
  if (bytes <= MAX_DOCUMENT_BYTES) return;
  throw invalid(`The size of document "${path}" is ${bytes} bytes: maximum entity size is ${MAX_DOCUMENT_BYTES} bytes`);
}

/** @throws RpcError INVALID_ARGUMENT for writes whose documents are over 10 MiB together. */
export function checkRequestSize(writes: readonly Write[]): void {
  const bytes = writes.reduce((sum, { update }) => sum + (update ? fieldsSize(update.fields) : 0), 0);
  if (bytes > MAX_REQUEST_BYTES) throw invalid(`Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`);
}
