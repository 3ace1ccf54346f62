import { getField, parseFieldPath, withField } from './fieldPath.ts';
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
