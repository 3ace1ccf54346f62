import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { RpcError } from '../rpc.ts';
import { NAME } from './document.ts';
import type { Order, Query } from './query.ts';

interface IndexedField {
  readonly fieldPath: string;
  readonly order?: Order['direction'];
  readonly arrayConfig?: 'CONTAINS';
}

interface Scope {
  readonly queryScope: 'COLLECTION' | 'COLLECTION_GROUP';
}

/** The content of firestore.indexes.json. */
export interface IndexFile {
  readonly indexes: readonly (Scope & { readonly collectionGroup: string; readonly fields: readonly IndexedField[] })[];
  readonly fieldOverrides: readonly {
    readonly collectionGroup: string;
    readonly fieldPath: string;
    readonly indexes: readonly (Scope & Omit<IndexedField, 'fieldPath'>)[];
  }[];
}

/** @throws RpcError FAILED_PRECONDITION, with the index to add, where a query needs one that the file lacks. */
export function checkIndexes(file: IndexFile, { collection, orders, alternatives }: Query): void {
  const collectionGroup = collection.slice(collection.lastIndexOf('/') + 1);
  for (const conjunction of alternatives) {
    const compared = conjunction.filter(({ field, kind }) => field !== NAME && kind !== 'inequality');
    const equal = compared.map(({ field: fieldPath, kind }): IndexedField =>
      kind === 'contains' ? { fieldPath, arrayConfig: 'CONTAINS' } : { fieldPath, order: 'ASCENDING' },
    );
    const ordered = orders
      .filter(({ field }) => field !== NAME && !compared.some((one) => one.field === field && one.kind === 'equality'))
      .map(({ field, direction }): IndexedField => ({ fieldPath: field, order: direction }));
    const fields = [...equal, ...ordered];
    // Documents are found by their names without an index.
    if (fields.length === 0 || isServed(file, collectionGroup, equal, ordered)) continue;
    const missing = JSON.stringify({ collectionGroup, queryScope: 'COLLECTION', fields });
    const message = `The query requires an index. Add it to firestore.indexes.json: ${missing}`;
    throw new RpcError(status.FAILED_PRECONDITION, message);
  }
}

/** A field compared for equality is served in either direction. */
const comparisonOf = ({ fieldPath, arrayConfig }: IndexedField): string => `${fieldPath} ${arrayConfig ?? 'equality'}`;
const orderOf = ({ fieldPath, order }: IndexedField): string => `${fieldPath} ${order}`;

/**
 * Decides as Firestore merges indexes (https://firebase.google.com/docs/firestore/query-data/index-overview): each index
 * has some of the fields compared for equality, in any order, and then exactly the fields of the order.
 */
function isServed(
  file: IndexFile,
  collectionGroup: string,
  equal: readonly IndexedField[],
  ordered: readonly IndexedField[],
): boolean {
  const composite = file.indexes
    .filter((index) => index.collectionGroup === collectionGroup && index.queryScope === 'COLLECTION')
    .map(({ fields }) => fields);
  const single = [...equal, ...ordered].filter((field) => hasOwnIndex(file, collectionGroup, field));
  const comparisons = equal.map(comparisonOf);
  const usable = [...composite, ...single.map((field) => [field])].filter((fields) => {
    const prefix = fields.slice(0, fields.length - ordered.length);
    const suffix = fields.slice(prefix.length);
    return (
      isDeepStrictEqual(suffix.map(orderOf), ordered.map(orderOf)) &&
      prefix.every((field) => comparisons.includes(comparisonOf(field)))
    );
  });
  const served = new Set(usable.flat().map(comparisonOf));
  return usable.length > 0 && comparisons.every((comparison) => served.has(comparison));
}

/** Checks for a field's own index: by its override, or that of the nearest map around it; otherwise it has all. */
function hasOwnIndex(
  file: IndexFile,
  collectionGroup: string,
  { fieldPath, order, arrayConfig }: IndexedField,
): boolean {
  const [override] = file.fieldOverrides
    .filter((one) => one.collectionGroup === collectionGroup && `${fieldPath}.`.startsWith(`${one.fieldPath}.`))
    .toSorted((a, b) => b.fieldPath.length - a.fieldPath.length);
  const isSame = (index: Scope & Omit<IndexedField, 'fieldPath'>) =>
    index.queryScope === 'COLLECTION' && index.order === order && index.arrayConfig === arrayConfig;
  return override?.indexes.some(isSame) ?? true;
}
