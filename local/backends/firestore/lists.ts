import type { FieldMask } from './messages.ts';
import { joinPath } from './names.ts';
import { toMessage } from './reads.ts';
import type { Database } from './store.ts';

interface Page {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ListDocumentsRequest extends Page {
  readonly collectionId: string;
  readonly mask: FieldMask | null;
  readonly showMissing: boolean;
}

/** Lists a collection's documents. With `showMissing`, also those that exist only as parents of others. */
export function listDocuments(database: Database, parent: string, request: ListDocumentsRequest): object {
  const collection = joinPath(parent, request.collectionId);
  const documents = database.documents(collection, Infinity);
  const missing = request.showMissing ? idsBelow(database, collection) : [];
  const listed = new Map<string, object>([
    ...missing.map((id) => `${database.name}/documents/${collection}/${id}`).map((name) => [name, { name }] as const),
    ...documents.map((document) => [document.name, toMessage(document, request.mask?.fieldPaths)] as const),
  ]);
  const { items, nextPageToken } = pageOf([...listed.keys()], request);
  return { documents: items.map((name) => listed.get(name)), nextPageToken };
}

export function listCollectionIds(database: Database, parent: string, request: Page): object {
  const { items, nextPageToken } = pageOf(idsBelow(database, parent), request);
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
function pageOf(names: readonly string[], { pageSize, pageToken }: Page) {
  const rest = names.filter((name) => name > pageToken).toSorted();
  const items = pageSize > 0 ? rest.slice(0, pageSize) : rest;
  return { items, nextPageToken: items.length < rest.length ? (items.at(-1) ?? '') : '' };
}
