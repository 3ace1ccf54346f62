import { project } from './fieldPath.ts';
import type { Indexes } from './indexes.ts';
import type { DocumentMessage, FieldMask, ReadOptions, StructuredQuery } from './messages.ts';
import { joinPath, parseDocumentName, parseName } from './names.ts';
import { compileQuery, type Query, runQuery } from './query.ts';
import { unimplemented } from './status.ts';
import type { Database, StoredDocument } from './store.ts';
import { fromMicros } from './time.ts';
import type { Snapshot, Transactions } from './transactions.ts';

export function toMessage(document: StoredDocument, mask?: readonly string[]): DocumentMessage {
  const { name, fields, createMicros, updateMicros } = document;
  return {
    name,
    fields: mask ? project(fields, mask) : fields,
    createTime: fromMicros(createMicros),
    updateTime: fromMicros(updateMicros),
  };
}

/** Answers the requests that read documents. */
export class Reads {
  readonly #transactions: Transactions;
  readonly #indexes: Indexes | undefined;

  constructor(transactions: Transactions, indexes: Indexes | undefined) {
    this.#transactions = transactions;
    this.#indexes = indexes;
  }

  /** @throws StatusError FAILED_PRECONDITION for a query without its index. */
  readonly checkIndex = (query: Query): void => this.#indexes?.require(query);

  *batchGet(
    database: Database,
    { documents, mask, ...options }: ReadOptions & { documents: readonly string[]; mask?: FieldMask },
  ): Generator<object> {
    const snapshot = this.#transactions.snapshot(database, options);
    const { readMicros } = snapshot;
    const paths = documents.map((name) => parseDocumentName(name).path);
    if (snapshot.begun) yield { transaction: snapshot.begun };
    for (const [index, path] of paths.entries()) {
      snapshot.watch(() => database.isChangedSince(path, readMicros));
      const document = database.get(path, readMicros);
      const result = document ? { found: toMessage(document, mask?.fieldPaths) } : { missing: documents[index] };
      yield { ...result, readTime: fromMicros(readMicros) };
    }
  }

  *query(
    database: Database,
    parent: string,
    request: ReadOptions & { structuredQuery: StructuredQuery },
  ): Generator<object> {
    const { snapshot, documents } = this.#run(database, parent, request.structuredQuery, request);
    if (snapshot.begun) yield { transaction: snapshot.begun };
    const readTime = fromMicros(snapshot.readMicros);
    const mask = request.structuredQuery.select?.fields.map(({ fieldPath }) => fieldPath);
    for (const document of documents) yield { document: toMessage(document, mask), readTime };
    yield { readTime, done: true };
  }

  *aggregate(database: Database, parent: string, request: AggregationRequest): Generator<object> {
    const { structuredQuery, aggregations } = request.structuredAggregationQuery;
    const unknown = aggregations.find(({ count }) => !count);
    if (unknown) throw unimplemented(`the aggregation ${unknown.operator}`);
    const { snapshot, documents } = this.#run(database, parent, structuredQuery, request);
    const counts = aggregations.map(({ alias, count }, index) => {
      const counted = Math.min(documents.length, Number(count?.upTo?.value ?? Infinity));
      return [alias ?? `field_${index + 1}`, { integerValue: String(counted) }];
    });
    if (snapshot.begun) yield { transaction: snapshot.begun };
    yield { result: { aggregateFields: Object.fromEntries(counts) }, readTime: fromMicros(snapshot.readMicros) };
  }

  #run(
    database: Database,
    parent: string,
    structuredQuery: StructuredQuery,
    options: ReadOptions,
  ): { snapshot: Snapshot; documents: readonly StoredDocument[] } {
    const query = compileQuery(parent, structuredQuery);
    this.checkIndex(query);
    const snapshot = this.#transactions.snapshot(database, options);
    const documents = runQuery(database, query, snapshot.readMicros);
    snapshot.watch(() => {
      const now = runQuery(database, query, database.now());
      return now.length !== documents.length || now.some((document, index) => document !== documents[index]);
    });
    return { snapshot, documents };
  }
}

interface AggregationRequest extends ReadOptions {
  readonly structuredAggregationQuery: {
    readonly structuredQuery: StructuredQuery;
    readonly aggregations: readonly {
      readonly alias?: string;
      readonly operator: string;
      readonly count?: { readonly upTo?: { readonly value?: string } };
    }[];
  };
}

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
