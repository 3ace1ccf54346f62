import { readFileSync } from 'node:fs';
import { pageOf, type PageRequest } from '../page.ts';
import { loadServices } from '../protos.ts';
import { invalid, type LocalServer, type Methods, serve, unimplemented } from '../rpc.ts';
import { toMessage } from './document.ts';
import { checkIndexes, type IndexFile } from './indexes.ts';
import { listen, type ListenCall } from './listen.ts';
import type { FieldMask, StructuredQuery, Write } from './messages.ts';
import { parseName } from './names.ts';
import { compileQuery, joinPath } from './query.ts';
import { Store } from './store.ts';
import { type ReadOptions, type TransactionOptions, Transactions } from './transactions.ts';
import { batchWrite, commitWrites } from './writes.ts';

export { Store } from './store.ts';

/**
 * Starts the embedded stand-in of Firestore on 127.0.0.1. docs/local.md lists its differences from the official emulator.
 *
 * @param port 0 takes a free one.
 * @param indexes the path of a firestore.indexes.json: queries that need another index are refused. Without it all run.
 * @param store the documents of a stopped server, which then restarts without losing any.
 */
export async function startFirestore({
  port = 0,
  indexes,
  store = new Store(),
}: { port?: number; indexes?: string; store?: Store } = {}): Promise<LocalServer> {
  const services = loadServices('@google-cloud/firestore/build/protos/v1.json', 'google.firestore.v1.Firestore');
  const indexFile = indexes === undefined ? undefined : (JSON.parse(readFileSync(indexes, 'utf8')) as IndexFile);
  return await serve(services, methodsOf(store, indexFile), port);
}

type InDatabase<Request> = Request & { readonly database: string };
/** A parent is a document, or the root of a database. */
type InParent<Request> = Request & { readonly parent: string };

type BatchGetRequest = ReadOptions & { readonly documents: readonly string[]; readonly mask: FieldMask | null };
type QueryRequest = ReadOptions & { readonly structuredQuery?: StructuredQuery };
type AggregationRequest = ReadOptions & {
  readonly structuredAggregationQuery?: QueryRequest & { readonly aggregations: readonly Aggregation[] };
};
type ListDocumentsRequest = PageRequest & { readonly collectionId: string; readonly mask: FieldMask | null };

interface Aggregation {
  readonly alias: string;
  readonly operator: string;
  readonly count?: { readonly upTo: { readonly value: string } | null };
}

/** The served methods of google.firestore.v1.Firestore. */
function methodsOf(store: Store, indexFile: IndexFile | undefined): Methods {
  const transactions = new Transactions();
  const compile = (path: string, structuredQuery: StructuredQuery | undefined) => {
    const query = compileQuery(path, structuredQuery);
    if (indexFile) checkIndexes(indexFile, query);
    return query;
  };
  const locate = (parent: string) => {
    const { database, path } = parseName(parent);
    return { database: store.database(database), path };
  };

  return {
    batchGetDocuments: (request: InDatabase<BatchGetRequest>) => {
      const database = store.database(request.database);
      const paths = request.documents.map((name) => [name, database.pathOf(name)] as const);
      return transactions.read(database, request, (view) =>
        paths.map(([name, path]) => {
          const document = view.get(path);
          return document ? { found: toMessage(document, request.mask?.fieldPaths) } : { missing: name };
        }),
      );
    },
    runQuery: (request: InParent<QueryRequest>) => {
      const { database, path } = locate(request.parent);
      const query = compile(path, request.structuredQuery);
      return transactions.read(database, request, (view) => {
        const documents = view.find(query).map((document) => ({ document: toMessage(document, query.mask) }));
        return [...documents, { done: true }];
      });
    },
    runAggregationQuery: (request: InParent<AggregationRequest>) => {
      const { database, path } = locate(request.parent);
      const { structuredQuery, aggregations = [] } = request.structuredAggregationQuery ?? {};
      if (aggregations.length === 0) throw invalid('The request has no aggregations.');
      const query = compile(path, structuredQuery);
      return transactions.read(database, request, (view) => {
        const { length } = view.find(query);
        const counts = aggregations.map(({ alias, operator, count }, index) => {
          if (!count) throw unimplemented(`the aggregation ${operator}`);
          const integerValue = String(Math.min(length, Number(count.upTo?.value ?? Infinity)));
          return [alias || `field_${index + 1}`, { integerValue }] as const;
        });
        return [{ result: { aggregateFields: Object.fromEntries(counts) } }];
      });
    },
    listDocuments: (request: InParent<ListDocumentsRequest>) => {
      const { database, path } = locate(request.parent);
      const [documents, nextPageToken] = pageOf(database.documents(joinPath(path, request.collectionId)), request);
      return { documents: documents.map((each) => toMessage(each, request.mask?.fieldPaths)), nextPageToken };
    },
    beginTransaction: ({ database, options }: InDatabase<{ options: TransactionOptions | null }>) => ({
      transaction: transactions.begin(store.database(database), options).id,
    }),
    rollback: ({ database, transaction }: InDatabase<{ transaction: Buffer }>) => {
      transactions.end(store.database(database), transaction);
      return {};
    },
    commit: ({ database: name, writes, transaction }: InDatabase<{ writes: Write[]; transaction: Buffer }>) => {
      const database = store.database(name);
      if (transaction.length > 0) transactions.commit(database, transaction, writes);
      return commitWrites(database, writes);
    },
    batchWrite: ({ database, writes }: InDatabase<{ writes: Write[] }>) => batchWrite(store.database(database), writes),
    listen: (call: ListenCall) => listen(store, compile, call),
  };
}
