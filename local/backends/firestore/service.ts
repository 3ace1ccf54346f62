import { invalid, type Method } from '../rpc.ts';
import type { Indexes } from './indexes.ts';
import { listen, type ListenCall } from './listen.ts';
import { listCollectionIds, listDocuments, type ListDocumentsRequest } from './lists.ts';
import type { StructuredQuery, TransactionOptions, Write } from './messages.ts';
import { parseName } from './names.ts';
import { compileQuery } from './query.ts';
import * as reads from './reads.ts';
import type { Database, Store } from './store.ts';
import { Transactions } from './transactions.ts';
import { batchWrite, commitWrites } from './writes.ts';

type Answer<Request> = (database: Database, request: Request, path: string) => unknown;

/** Returns the served methods of google.firestore.v1.Firestore over a store. */
export function firestoreMethods(store: Store, indexes: Indexes | undefined): Readonly<Record<string, Method>> {
  const transactions = new Transactions();
  /** @throws RpcError FAILED_PRECONDITION for a query without its index. */
  const compile = (path: string, structuredQuery: StructuredQuery | undefined) => {
    const query = compileQuery(path, structuredQuery);
    indexes?.require(query);
    return query;
  };

  const ofDatabase = <Request>(answer: Answer<Request>) => {
    return (request: Request & { readonly database: string }) => answer(store.database(request.database), request, '');
  };
  const ofParent = <Request>(answer: Answer<Request>) => {
    return (request: Request & { readonly parent: string }) => {
      const { database, path } = parseName(request.parent);
      return answer(store.database(database), request, path);
    };
  };

  return {
    batchGetDocuments: ofDatabase<reads.BatchGetRequest>((database, request) =>
      transactions.read(database, request, (transaction) => reads.getDocuments(transaction, request)),
    ),
    runQuery: ofParent<reads.QueryRequest>((database, request, path) => {
      const query = compile(path, request.structuredQuery);
      return transactions.read(database, request, (transaction) => reads.queryDocuments(transaction, query));
    }),
    runAggregationQuery: ofParent<reads.AggregationRequest>((database, request, path) => {
      const { structuredQuery, aggregations = [] } = request.structuredAggregationQuery ?? {};
      if (aggregations.length === 0) throw invalid('The request has no aggregations.');
      const query = compile(path, structuredQuery);
      return transactions.read(database, request, (transaction) =>
        reads.countDocuments(transaction, query, aggregations),
      );
    }),
    listDocuments: ofParent<ListDocumentsRequest>(listDocuments),
    listCollectionIds: ofParent(listCollectionIds),
    beginTransaction: ofDatabase<{ options: TransactionOptions | null }>((database, { options }) => ({
      transaction: transactions.begin(database, options).id,
    })),
    rollback: ofDatabase<{ transaction: Buffer }>((database, { transaction }) => {
      transactions.end(database, transaction);
      return {};
    }),
    commit: ofDatabase<{ writes: Write[]; transaction: Buffer }>((database, { writes, transaction }) => {
      if (transaction.length > 0) transactions.commit(database, transaction, writes);
      return commitWrites(database, writes);
    }),
    batchWrite: ofDatabase<{ writes: Write[] }>((database, { writes }) => batchWrite(database, writes)),
    listen: (call: ListenCall) => listen(store, compile, call),
  };
}
