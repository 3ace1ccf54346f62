import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { RpcError } from '../rpc.ts';
import { NAME } from './fieldPath.ts';
import type { Conjunction } from './filters.ts';
import { splitPath } from './names.ts';
import type { Order, Query } from './query.ts';

interface IndexedField {
  readonly fieldPath: string;
  readonly order?: Order['direction'];
  readonly arrayConfig?: 'CONTAINS';
}

type Scope = { readonly queryScope: 'COLLECTION' | 'COLLECTION_GROUP' };

/** The content of firestore.indexes.json. */
export interface IndexFile {
  readonly indexes: readonly (Scope & { readonly collectionGroup: string; readonly fields: readonly IndexedField[] })[];
  readonly fieldOverrides: readonly {
    readonly collectionGroup: string;
    readonly fieldPath: string;
    readonly indexes: readonly (Scope & Omit<IndexedField, 'fieldPath'>)[];
  }[];
}

/** The indexes of each field that has no override. */
const AUTOMATIC: IndexFile['fieldOverrides'][number]['indexes'] = [
  { order: 'ASCENDING', queryScope: 'COLLECTION' },
  { order: 'DESCENDING', queryScope: 'COLLECTION' },
  { arrayConfig: 'CONTAINS', queryScope: 'COLLECTION' },
];

/** The indexes of collections, which decide the queries that Firestore runs. */
export class Indexes {
  readonly #file: IndexFile;

  constructor(file: IndexFile) {
    this.#file = file;
  }

  static read(path: string): Indexes {
    return new Indexes(JSON.parse(readFileSync(path, 'utf8')) as IndexFile);
  }

  /** @throws RpcError FAILED_PRECONDITION, with the index to add, where a query needs one that is missing. */
  require({ collection, orders, alternatives }: Query): void {
    const [, collectionGroup] = splitPath(collection);
    for (const conjunction of alternatives) {
      const equal = equalFields(conjunction);
      const ordered = orders
        .filter(({ field }) => field !== NAME && !isCompared(field, conjunction))
        .map(toIndexedField);
      const fields = [...equal, ...ordered];
      // Documents are found by their names without an index.
      if (fields.length === 0 || this.#serves(collectionGroup, equal, ordered)) continue;
      const missing = JSON.stringify({ collectionGroup, queryScope: 'COLLECTION', fields });
      const message = `The query requires an index. Add it to firestore.indexes.json: ${missing}`;
      throw new RpcError(status.FAILED_PRECONDITION, message);
    }
  }

  /**
   * Decides as Firestore merges indexes (https://firebase.google.com/docs/firestore/query-data/index-overview): each index
   * has some of the fields compared for equality, in any order, and then exactly the fields of the order.
   */
  #serves(collectionGroup: string, equal: readonly IndexedField[], ordered: readonly IndexedField[]): boolean {
    const composite = this.#file.indexes.filter(
      (index) => index.collectionGroup === collectionGroup && index.queryScope === 'COLLECTION',
    );
    const single = [...equal, ...ordered].filter((field) => this.#hasSingle(collectionGroup, field));
    const usable = [...composite.map(({ fields }) => fields), ...single.map((field) => [field])].filter((fields) => {
      const prefix = fields.slice(0, fields.length - ordered.length);
      const suffix = fields.slice(prefix.length);
      return prefix.every((field) => isServing(field, equal)) && isDeepStrictEqual(suffix, ordered);
    });
    return usable.length > 0 && equal.every((field) => isServing(field, usable.flat()));
  }

  /** Checks for a field's own index, by its override, or that of the nearest map around it. */
  #hasSingle(collectionGroup: string, { fieldPath, order, arrayConfig }: IndexedField): boolean {
    const [override] = this.#file.fieldOverrides
      .filter((one) => one.collectionGroup === collectionGroup && `${fieldPath}.`.startsWith(`${one.fieldPath}.`))
      .toSorted((a, b) => b.fieldPath.length - a.fieldPath.length);
    return (override?.indexes ?? AUTOMATIC).some(
      (index) => index.queryScope === 'COLLECTION' && index.order === order && index.arrayConfig === arrayConfig,
    );
  }
}

function equalFields(conjunction: Conjunction): readonly IndexedField[] {
  return conjunction
    .filter(({ field, kind }) => field !== NAME && kind !== 'inequality')
    .map(({ field: fieldPath, kind }) =>
      kind === 'contains' ? { fieldPath, arrayConfig: 'CONTAINS' } : { fieldPath, order: 'ASCENDING' },
    );
}

function isCompared(name: string, conjunction: Conjunction): boolean {
  return conjunction.some(({ field, kind }) => field === name && kind === 'equality');
}

function toIndexedField({ field, direction }: Order): IndexedField {
  return { fieldPath: field, order: direction };
}

/** A field compared for equality is served in either direction. */
function isServing({ fieldPath, arrayConfig }: IndexedField, fields: readonly IndexedField[]): boolean {
  return fields.some((field) => field.fieldPath === fieldPath && field.arrayConfig === arrayConfig);
}
