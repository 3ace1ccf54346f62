import { invalid } from '../rpc.ts';
import { type Fields, fromMicros, type Value } from './messages.ts';

/** A version of a document. Each write creates another one. */
export interface StoredDocument {
  readonly name: string;
  /** The part of the name below `documents`: `jobs/x`. */
  readonly path: string;
  readonly fields: Fields;
  readonly createMicros: number;
  readonly updateMicros: number;
}

/** The pseudo field that holds a document's name. */
export const NAME = '__name__';

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

/** Returns a function that reads a document's value at a field path; a reference for `__name__`. */
export function readerOf(field: string): (document: StoredDocument) => Value | undefined {
  if (field === NAME) return ({ name }) => ({ valueType: 'referenceValue', referenceValue: name });
  const path = parseFieldPath(field);
  return ({ fields }) => getField(fields, path);
}

/** Formats a document for a client, with the fields at the paths of a mask only. */
export function toMessage({ name, fields, createMicros, updateMicros }: StoredDocument, mask?: readonly string[]) {
  const times = { createTime: fromMicros(createMicros), updateTime: fromMicros(updateMicros) };
  return { name, fields: mask ? project(fields, mask) : fields, ...times };
}

function project(fields: Fields, mask: readonly string[]): Fields {
  const paths = mask.filter((path) => path !== NAME).map(parseFieldPath);
  return paths.reduce<Fields>((projected, path) => withField(projected, path, getField(fields, path)), {});
}
