import { invalid } from './status.ts';

const MAX_ID_BYTES = 1_500;

/** A document, or the root of a database, whose path is empty. */
interface ResourceName {
  /** `projects/P/databases/D`. */
  readonly database: string;
  /** The path below `documents`: `jobs/x`. */
  readonly path: string;
}

/** @throws StatusError INVALID_ARGUMENT for a name that is not a document's. */
export function parseDocumentName(name: string): ResourceName {
  const parsed = parseName(name);
  if (parsed.path === '') throw invalid(`Document name "${name}" lacks "/" at index ${name.length}.`);
  return parsed;
}

/** Parses a document's name or a database's root, which queries and lists start from. */
export function parseName(name: string): ResourceName {
  const [, database, path = ''] = /^(projects\/[^/]+\/databases\/[^/]+)\/documents(?:\/(.*))?$/s.exec(name) ?? [];
  if (database === undefined) throw invalid(`Document name "${name}" lacks "projects" at index 0.`);
  if (path === '') return { database, path };
  const ids = path.split('/');
  if (ids.length % 2 === 1) throw invalid(`Document name "${name}" lacks "/" at index ${name.length}.`);
  if (ids.at(-1) === '') throw invalid(`Document name "${name}" has invalid trailing "/".`);
  for (const [index, id] of ids.entries()) checkId(id, index % 2 === 0 ? 'Collection' : 'Resource', name);
  return { database, path };
}

function checkId(id: string, kind: 'Collection' | 'Resource', name: string): void {
  if (id === '') throw invalid(`Document name "${name}" contains an empty id.`);
  if (id === '.' || id === '..') throw invalid(`Document name "${name}" contains a resource id "${id}".`);
  const isReserved = /^__.*__$/s.test(id) && !/^__id-?\d+__$/.test(id);
  if (isReserved) throw invalid(`${kind} id "${id}" is invalid because it is reserved.`);
  if (Buffer.byteLength(id) > MAX_ID_BYTES) {
    throw invalid(`The key path element name is longer than ${MAX_ID_BYTES} bytes.`);
  }
}

/** Splits a document's path into its collection's path and its id. */
export function splitPath(path: string): readonly [collection: string, id: string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, slash), path.slice(slash + 1)];
}

export function joinPath(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('/');
}
