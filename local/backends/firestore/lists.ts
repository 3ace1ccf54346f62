import type { FieldMask } from './messages.ts';
import { joinPath, parseName } from './names.ts';
import { toMessage } from './reads.ts';
import type { Database } from './store.ts';

interface Page {
  readonly pageSize?: number;
  readonly pageToken?: string;
}

/** Lists a collection's documents. With `showMissing`, also those that exist only as parents of others. */
export function listDocuments(
  database: Database,
  request: Page & { parent: string; collectionId: string; mask?: FieldMask; showMissing?: boolean },
): object {
  const collection = joinPath(parseName(request.parent).path, request.collectionId);
  const documents = database.documents(collection, Infinity);
  const listed = new Map(documents.map((document) => [document.name, toMessage(document, request.mask?.fieldPaths)]));
  for (const id of request.showMissing ? idsBelow(database, collection) : []) {
    const name = `${database.name}/documents/${collection}/${id}`;
    if (!listed.has(name)) listed.set(name, { name, fields: {} });
  }
  const { items, nextPageToken } = pageOf([...listed.keys()], request);
  return { documents: items.map((name) => listed.get(name)), nextPageToken };
}

export function listCollectionIds(database: Database, request: Page & { parent: string }): object {
  const { items, nextPageToken } = pageOf(idsBelow(database, parseName(request.parent).path), request);
  return { collectionIds: items, nextPageToken };
}

/** The ids that follow a path in the paths of collections that have documents. */
function idsBelow(database: Database, path: string): readonly string[] {
  const prefix = path === '' ? '' : `${path}/`;
  const below = database.collectionPaths().filter((collection) => collection.startsWith(prefix));
  const inUse = below.filter((collection) => database.documents(collection, Infinity).length > 0);
  return [...new Set(inUse.map((collection) => collection.slice(prefix.length).split('/')[0] ?? ''))];
}

/** A page's token is the last name of the page before. */
function pageOf(
  names: readonly string[],
  { pageSize = 0, pageToken = '' }: Page,
): { items: readonly string[]; nextPageToken: string } {
  const rest = names.filter((name) => name > pageToken).toSorted();
  const items = pageSize > 0 ? rest.slice(0, pageSize) : rest;
  return { items, nextPageToken: items.length < rest.length ? (items.at(-1) ?? '') : '' };
}
