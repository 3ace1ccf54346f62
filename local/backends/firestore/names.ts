import { invalid } from '../rpc.ts';

const MAX_ID_BYTES = 1_500;
const DATABASE = /^projects\/[^/]+\/databases\/[^/]+$/;

/** @throws RpcError INVALID_ARGUMENT */
export function checkDatabaseName(name: string): void {
  if (!DATABASE.test(name)) throw invalid(`Database name "${name}" is not projects/PROJECT/databases/DATABASE.`);
}

/**
 * Splits the name of a document, or of a database's root, into the database and the path, which is empty for the root.
 *
 * @throws RpcError INVALID_ARGUMENT
 */
export function parseName(name: string): { readonly database: string; readonly path: string } {
  const [database = '', path = ''] = name.split(/\/documents(?:\/|$)(.*)/s);
  if (!DATABASE.test(database) || !name.startsWith(`${database}/documents`)) {
    throw invalid(`Document name "${name}" lacks "projects" at index 0.`);
  }
  if (path === '') return { database, path };
  const ids = path.split('/');
  if (ids.length % 2 === 1) throw invalid(`Document name "${name}" lacks "/" at index ${name.length}.`);
  for (const [index, id] of ids.entries()) checkId(id, index % 2 === 0 ? 'Collection' : 'Resource');
  return { database, path };
}

function checkId(id: string, kind: 'Collection' | 'Resource'): void {
  const isReserved = /^__.*__$/s.test(id) && !/^__id-?\d+__$/.test(id);
  if (isReserved) throw invalid(`${kind} id "${id}" is invalid because it is reserved.`);
  if (['', '.', '..'].includes(id)) throw invalid(`The name contains a resource id "${id}".`);
  if (Buffer.byteLength(id) > MAX_ID_BYTES) {
    throw invalid(`The key path element name is longer than ${MAX_ID_BYTES} bytes.`);
  }
}

/** Returns the path of the collection that a document is in. */
export function collectionOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** Returns the bytes that a document's name takes: https://firebase.google.com/docs/firestore/storage-size. */
export function nameSize(path: string): number {
  return path.split('/').reduce((sum, id) => sum + Buffer.byteLength(id) + 1, 16);
}
