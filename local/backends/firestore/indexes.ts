import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { RpcError } from '../rpc.ts';
import { NAME } from './fieldPath.ts';
import type { Conjunction } from './filters.ts';
import type { Order, Query } from './query.ts';

interface IndexedField {
  readonly fieldPath: string;
  readonly order?: Order['direction'];
  readonly arrayConfig?: 'CONTAINS';
}

type Scope = 'COLLECTION' | 'COLLECTION_GROUP';

interface Index {
  readonly collectionGroup: string;
  readonly queryScope: Scope;
  readonly fields: readonly IndexedField[];
}

/** The content of firestore.indexes.json. */
export interface IndexFile {
  readonly indexes: readonly Index[];
  readonly fieldOverrides: readonly {
    readonly collectionGroup: string;
    readonly fieldPath: string;
    readonly indexes: readonly (Omit<IndexedField, 'fieldPath'> & { readonly queryScope: Scope })[];
  }[];
}

/** The indexes of each field that has no override. */
const AUTOMATIC: IndexFile['fieldOverrides'][number]['indexes'] = [
  { order: 'ASCENDING', queryScope: 'COLLECTION' },
  { order: 'DESCENDING', queryScope: 'COLLECTION' },
  { arrayConfig: 'CONTAINS', queryScope: 'COLLECTION' },
];

/** An index whose fields are those of the order, to be preceded by the fields compared for equality. */
interface Need extends Index {
  readonly equal: readonly IndexedField[];
}

/** The indexes of a database, which decide the queries that Firestore runs. */
export class Indexes {
  readonly #file: IndexFile;

  constructor(file: IndexFile) {
    this.#file = file;
  }

  static read(path: string): Indexes {
    return new Indexes(JSON.parse(readFileSync(path, 'utf8')) as IndexFile);
  }

  /** @throws RpcError FAILED_PRECONDITION, with the index to add, where a query needs one that is missing. */
  require(query: Query): void {
    for (const conjunction of query.alternatives) {
      const { equal, ...index } = neededIndex(query, conjunction);
      const fields = [...equal, ...index.fields];
      // Documents are found by their names without an index.
      if (query.collectionId === '' || fields.length === 0 || this.#serves({ equal, ...index })) continue;
      const missing = JSON.stringify({ ...index, fields });
      const message = `The query requires an index. Add it to firestore.indexes.json: ${missing}`;
      throw new RpcError(status.FAILED_PRECONDITION, message);
    }
  }

  /**
   * Decides as Firestore merges indexes (https://firebase.google.com/docs/firestore/query-data/index-overview): each index
   * has some of the fields compared for equality, in any order, and then exactly the fields of the order.
   */
  #serves({ collectionGroup, queryScope, fields, equal }: Need): boolean {
    const composite = this.#file.indexes.filter(
      (index) => index.collectionGroup === collectionGroup && index.queryScope === queryScope,
    );
    const single = [...equal, ...fields].filter((field) => this.#hasSingle(collectionGroup, queryScope, field));
    const usable = [...composite.map((index) => index.fields), ...single.map((field) => [field])].filter((indexed) => {
      const prefix = indexed.slice(0, indexed.length - fields.length);
      const suffix = indexed.slice(prefix.length);
      return (
        suffix.length === fields.length &&
        prefix.every((field) => equal.some((wanted) => isServedBy(field, wanted))) &&
        suffix.every((field, at) => fields[at]?.fieldPath === field.fieldPath && fields[at].order === field.order)
      );
    });
    return usable.length > 0 && equal.every((wanted) => usable.flat().some((field) => isServedBy(field, wanted)));
  }

  /** Checks for a field's own index, by its override, or that of the nearest map around it. */
  #hasSingle(collectionGroup: string, queryScope: Scope, { fieldPath, order, arrayConfig }: IndexedField): boolean {
    const [override] = this.#file.fieldOverrides
      .filter((one) => one.collectionGroup === collectionGroup && `${fieldPath}.`.startsWith(`${one.fieldPath}.`))
      .toSorted((a, b) => b.fieldPath.length - a.fieldPath.length);
    return (override?.indexes ?? AUTOMATIC).some(
      (index) => index.queryScope === queryScope && index.order === order && index.arrayConfig === arrayConfig,
    );
  }
}

function neededIndex({ collectionId, isGroup, orders }: Query, conjunction: Conjunction): Need {
  const conditions = conjunction.filter(({ field, kind }) => field !== NAME && kind !== 'inequality');
  const isCompared = (name: string) => conditions.some(({ field, kind }) => field === name && kind === 'equality');
  return {
    collectionGroup: collectionId,
    queryScope: isGroup ? 'COLLECTION_GROUP' : 'COLLECTION',
    equal: conditions.map(({ field: fieldPath, kind }) =>
      kind === 'contains' ? { fieldPath, arrayConfig: 'CONTAINS' } : { fieldPath, order: 'ASCENDING' },
    ),
    fields: orders
      .filter(({ field }) => field !== NAME && !isCompared(field))
      .map(({ field, direction }) => ({ fieldPath: field, order: direction })),
  };
}

/** A field compared for equality is served in either direction. */
function isServedBy(indexed: IndexedField, wanted: IndexedField): boolean {
  return indexed.fieldPath === wanted.fieldPath && indexed.arrayConfig === wanted.arrayConfig;
}
