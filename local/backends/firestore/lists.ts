import { pageOf, type PageRequest } from '../page.ts';
import type { FieldMask } from './messages.ts';
import { joinPath } from './names.ts';
import { toMessage } from './reads.ts';
import type { Database } from './store.ts';

export interface ListDocumentsRequest extends PageRequest {
  readonly collectionId: string;
  readonly mask: FieldMask | null;
  readonly showMissing: boolean;
}

/** Lists a collection's documents. With `showMissing`, also those that exist only as parents of others. */
export function listDocuments(database: Database, request: ListDocumentsRequest, parent: string): object {
  const collection = joinPath(parent, request.collectionId);
  const documents = database.documents(collection).map((document) => toMessage(document, request.mask?.fieldPaths));
  const names = new Set(documents.map(({ name }) => name));
  const parents = request.showMissing ? namesBelow(database, collection) : [];
  const { items, nextPageToken } = pageOf([...documents, ...parents.filter(({ name }) => !names.has(name))], request);
  return { documents: items, nextPageToken };
}

export function listCollectionIds(database: Database, request: PageRequest, parent: string): object {
  const { items, nextPageToken } = pageOf(namesBelow(database, parent), request);
  return { collectionIds: items.map(({ name }) => name.slice(name.lastIndexOf('/') + 1)), nextPageToken };
}

/** The names one level below a path, of collections that have documents and what is above them. */
function namesBelow(database: Database, path: string): readonly { readonly name: string }[] {
  const depth = path === '' ? 1 : path.split('/').length + 1;
  const inUse = database.collectionPaths().filter((collection) => database.documents(collection).length > 0);
  const below = inUse.filter((collection) => path === '' || collection.startsWith(`${path}/`));
  const paths = new Set(below.map((collection) => collection.split('/', depth).join('/')));
  return [...paths].map((each) => ({ name: `${database.name}/documents/${each}` }));
}
