import { invalid } from '../rpc.ts';
import type { Fields, Value } from './messages.ts';

const SEGMENT = /(?:([a-zA-Z_][a-zA-Z_0-9]*)|`((?:[^`\\]|\\.)+)`)(\.|$)/y;

/** The pseudo field that holds a document's name. */
export const NAME = '__name__';

/** Splits a field path, whose segments may be quoted with backticks. */
export function parseFieldPath(path: string): readonly string[] {
  const segments: string[] = [];
  SEGMENT.lastIndex = 0;
  for (;;) {
    const match = SEGMENT.exec(path);
    if (match === null) {
      throw invalid(`Invalid property path "${path}". Segments that are not identifiers must be in backticks.`);
    }
    segments.push(match[1] ?? (match[2] ?? '').replaceAll(/\\(.)/g, '$1'));
    if (match[3] === '') return segments;
  }
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

/** Returns the fields at the given paths only. */
export function project(fields: Fields, paths: readonly string[]): Fields {
  let projected: Fields = {};
  for (const path of paths) {
    if (path === NAME) continue;
    const segments = parseFieldPath(path);
    const value = getField(fields, segments);
    if (value !== undefined) projected = withField(projected, segments, value);
  }
  return projected;
}
