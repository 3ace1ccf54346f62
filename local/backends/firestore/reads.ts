import { project } from './fieldPath.ts';
import type { Indexes } from './indexes.ts';
import type { DocumentMessage, FieldMask, ReadOptions, StructuredQuery } from './messages.ts';
import { parseDocumentName } from './names.ts';
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
