import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { NAME } from './fieldPath.ts';
import type { Conjunction } from './filters.ts';
import type { Order, Query } from './query.ts';
import { StatusError } from './status.ts';

type Scope = 'COLLECTION' | 'COLLECTION_GROUP';

interface IndexedField {
  readonly fieldPath: string;
  readonly order?: Order['direction'];
  readonly arrayConfig?: 'CONTAINS';
}

interface Index {
  readonly collectionGroup: string;
  readonly queryScope: Scope;
  readonly fields: readonly IndexedField[];
}

interface FieldOverride {
  readonly collectionGroup: string;
  readonly fieldPath: string;
  readonly indexes: readonly (Omit<IndexedField, 'fieldPath'> & { readonly queryScope: Scope })[];
}

/** The content of firestore.indexes.json. */
export interface IndexFile {
  readonly indexes: readonly Index[];
  readonly fieldOverrides: readonly FieldOverride[];
}

const AUTOMATIC: FieldOverride['indexes'] = [
  { order: 'ASCENDING', queryScope: 'COLLECTION' },
  { order: 'DESCENDING', queryScope: 'COLLECTION' },
  { arrayConfig: 'CONTAINS', queryScope: 'COLLECTION' },
];

/** The indexes of a database, which decide the queries that Firestore runs. */
export class Indexes {
  readonly #file: IndexFile;

  constructor(file: IndexFile) {
    this.#file = file;
  }

  static read(path: string): Indexes {
    return new Indexes(JSON.parse(readFileSync(path, 'utf8')) as IndexFile);
  }

  /** @throws StatusError FAILED_PRECONDITION, with the index to add, where a query needs one that is missing. */
  require(query: Query): void {
    for (const conjunction of query.alternatives) {
      const need = neededIndex(query, conjunction);
      if (need && !this.#serves(need)) {
        const index = { ...need.index, fields: [...need.equal, ...need.index.fields] };
        throw new StatusError(
          status.FAILED_PRECONDITION,
          `The query requires an index. Add it to firestore.indexes.json: ${JSON.stringify(index)}`,
        );
      }
    }
  }

  /**
   * Decides as Firestore merges indexes (https://firebase.google.com/docs/firestore/query-data/index-overview): each index
   * has some of the fields compared for equality, in any order, and then exactly the fields of the order.
   */
  #serves({ index: { collectionGroup, queryScope, fields }, equal }: Need): boolean {
    const ofQuery = this.#file.indexes.filter(
      (index) => index.collectionGroup === collectionGroup && index.queryScope === queryScope,
    );
    const single = [...equal, ...fields].filter((field) => this.#hasSingle(collectionGroup, queryScope, field));
    const usable = [...ofQuery.map((index) => index.fields), ...single.map((field) => [field])].filter((indexed) => {
      const prefix = indexed.slice(0, indexed.length - fields.length);
      const suffix = indexed.slice(prefix.length).filter(({ fieldPath }) => fieldPath !== NAME);
      return prefix.every((field) => equal.some(isServedBy(field))) && isSameList(suffix, fields);
    });
    const isCovered = (wanted: IndexedField) =>
      usable.some((indexed) => indexed.some((field) => isServedBy(field)(wanted)));
    return usable.length > 0 && equal.every(isCovered);
  }

  #hasSingle(collectionGroup: string, queryScope: Scope, { fieldPath, order, arrayConfig }: IndexedField): boolean {
    const indexes = this.#overrideOf(collectionGroup, fieldPath)?.indexes ?? AUTOMATIC;
    return indexes.some(
      (index) => index.queryScope === queryScope && index.order === order && index.arrayConfig === arrayConfig,
    );
  }

  /** The override of the field itself, or of the nearest map around it. */
  #overrideOf(collectionGroup: string, fieldPath: string): FieldOverride | undefined {
    return this.#file.fieldOverrides
      .filter((override) => override.collectionGroup === collectionGroup)
      .filter((override) => fieldPath === override.fieldPath || fieldPath.startsWith(`${override.fieldPath}.`))
      .toSorted((a, b) => b.fieldPath.length - a.fieldPath.length)[0];
  }
}

/** The index whose fields are those of the order, to be preceded by the fields compared for equality. */
interface Need {
  readonly index: Index;
  readonly equal: readonly IndexedField[];
}

/** Documents are found by their names without an index. */
function neededIndex({ collectionId, isGroup, orders }: Query, conjunction: Conjunction): Need | undefined {
  if (collectionId === undefined) return undefined;
  const conditions = conjunction.filter(({ field, kind }) => field !== NAME && kind !== 'inequality');
  const equal = conditions.map(({ field, kind }): IndexedField =>
    kind === 'contains' ? { fieldPath: field, arrayConfig: 'CONTAINS' } : { fieldPath: field, order: 'ASCENDING' },
  );
  const fields = orders
    .filter(({ field }) => field !== NAME && !conditions.some((one) => one.field === field && one.kind === 'equality'))
    .map(({ field, direction }): IndexedField => ({ fieldPath: field, order: direction }));
  if (equal.length + fields.length === 0) return undefined;
  const queryScope = isGroup ? 'COLLECTION_GROUP' : 'COLLECTION';
  return { index: { collectionGroup: collectionId, queryScope, fields }, equal };
}

/** A field compared for equality is served in either direction. */
function isServedBy(indexed: IndexedField): (wanted: IndexedField) => boolean {
  return (wanted) => indexed.fieldPath === wanted.fieldPath && indexed.arrayConfig === wanted.arrayConfig;
}

function isSameList(a: readonly IndexedField[], b: readonly IndexedField[]): boolean {
  return (
    a.length === b.length && a.every((field, at) => isServedBy(field)(b[at] ?? field) && field.order === b[at]?.order)
  );
}
