import { invalid } from '../rpc.ts';
import type { Fields, Value } from './messages.ts';

const SEGMENT = /([a-zA-Z_]\w*)|`((?:[^`\\]|\\.)+)`/gs;
const PATH = new RegExp(`^(?:${SEGMENT.source})(?:\\.(?:${SEGMENT.source}))*$`, 's');

/** Splits a field path, whose segments may be quoted with backticks. */
export function parseFieldPath(path: string): readonly string[] {
  if (!PATH.test(path)) {
    throw invalid(`Invalid property path "${path}". Segments that are not identifiers must be in backticks.`);
  }
  return [...path.matchAll(SEGMENT)].map(([, plain, quoted = '']) => plain ?? quoted.replaceAll(/\\(.)/gs, '$1'));
}

export function getField(fields: Fields, [first = '', ...rest]: readonly string[]): Value | undefined {
  const value = Object.hasOwn(fields, first) ? fields[first] : undefined;
  if (rest.length === 0 || value === undefined) return value;
  return value.valueType === 'mapValue' ? getField(value.mapValue.fields, rest) : undefined;
}

/** Returns a copy with one field set, or removed where the value is `undefined`. Replaces what is not a map on the way. */
export function withField(fields: Fields, [first = '', ...rest]: readonly string[], value: Value | undefined): Fields {
  if (rest.length > 0) {
    const parent = getField(fields, [first]);
    const isMap = parent?.valueType === 'mapValue';
    if (!isMap && value === undefined) return fields;
    const inner = withField(isMap ? parent.mapValue.fields : {}, rest, value);
    return { ...fields, [first]: { valueType: 'mapValue', mapValue: { fields: inner } } };
  }
  if (value !== undefined) return { ...fields, [first]: value };
  const { [first]: _removed, ...others } = fields;
  return others;
}
