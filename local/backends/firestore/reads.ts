import { unimplemented } from '../rpc.ts';
import { project } from './fieldPath.ts';
import type { Indexes } from './indexes.ts';
import type { FieldMask, ReadOptions, StructuredQuery } from './messages.ts';
import { compileQuery, type Query, runQuery } from './query.ts';
import type { Database, StoredDocument } from './store.ts';
import { fromMicros } from './time.ts';
import type { Transaction, Transactions } from './transactions.ts';

export interface BatchGetRequest extends ReadOptions {
  readonly documents: readonly string[];
  readonly mask: FieldMask | null;
}

export interface QueryRequest extends ReadOptions {
  readonly structuredQuery?: StructuredQuery;
}

export interface AggregationRequest extends ReadOptions {
  readonly structuredAggregationQuery?: QueryRequest & {
    readonly aggregations: readonly {
      readonly alias: string;
      readonly operator: string;
      readonly count?: { readonly upTo: { readonly value: string } | null };
    }[];
  };
}

export function toMessage({ name, fields, createMicros, updateMicros }: StoredDocument, mask?: readonly string[]) {
  const times = { createTime: fromMicros(createMicros), updateTime: fromMicros(updateMicros) };
  return { name, fields: mask ? project(fields, mask) : fields, ...times };
}

/** Answers the requests that read documents. */
export class Reads {
  readonly #transactions: Transactions;
  readonly #indexes: Indexes | undefined;

  constructor(transactions: Transactions, indexes: Indexes | undefined) {
    this.#transactions = transactions;
    this.#indexes = indexes;
  }

  /** @throws RpcError FAILED_PRECONDITION for a query without its index. */
  compile(parent: string, structuredQuery: StructuredQuery | undefined): Query {
    const query = compileQuery(parent, structuredQuery);
    this.#indexes?.require(query);
    return query;
  }

  batchGet(database: Database, { documents, mask, ...options }: BatchGetRequest): Iterable<object> {
    const paths = documents.map((name) => database.pathOf(name));
    return this.#read(database, options, ({ readMicros, isStale }) =>
      paths.map((path, index) => {
        isStale.push(() => database.isChangedSince(path, readMicros));
        const document = database.get(path, readMicros);
        return document ? { found: toMessage(document, mask?.fieldPaths) } : { missing: documents[index] };
      }),
    );
  }

  query(database: Database, parent: string, { structuredQuery, ...options }: QueryRequest): Iterable<object> {
    const query = this.compile(parent, structuredQuery);
    const mask = structuredQuery?.select?.fields.map(({ fieldPath }) => fieldPath);
    return this.#read(database, options, (transaction) => {
      const documents = find(query, transaction);
      return [...documents.map((document) => ({ document: toMessage(document, mask) })), { done: true }];
    });
  }

  aggregate(database: Database, parent: string, request: AggregationRequest): Iterable<object> {
    const { structuredQuery, aggregations = [] } = request.structuredAggregationQuery ?? {};
    const unknown = aggregations.find(({ count }) => !count);
    if (unknown) throw unimplemented(`the aggregation ${unknown.operator}`);
    const query = this.compile(parent, structuredQuery);
    return this.#read(database, request, (transaction) => {
      const { length } = find(query, transaction);
      const counts = aggregations.map(({ alias, count }, index) => {
        const integerValue = String(Math.min(length, Number(count?.upTo?.value ?? Infinity)));
        return [alias || `field_${index + 1}`, { integerValue }] as const;
      });
      return [{ result: { aggregateFields: Object.fromEntries(counts) } }];
    });
  }

  /** Begins the transaction where the read asks for it, and adds the read time to all responses. */
  *#read(
    database: Database,
    options: ReadOptions,
    read: (transaction: Transaction) => readonly object[],
  ): Generator<object> {
    const transaction = this.#transactions.ofRead(database, options);
    if (options.newTransaction) yield { transaction: transaction.id };
    const readTime = fromMicros(transaction.readMicros);
    for (const response of read(transaction)) yield { ...response, readTime };
  }
}

function find(query: Query, { database, readMicros, isStale }: Transaction): readonly StoredDocument[] {
  const documents = runQuery(database, query, readMicros);
  isStale.push(() => {
    const now = runQuery(database, query, database.now());
    return now.length !== documents.length || now.some((document, index) => document !== documents[index]);
  });
  return documents;
}
