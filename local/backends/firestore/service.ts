import type { Method } from '../rpc.ts';
import type { Indexes } from './indexes.ts';
import { listen, type ListenCall } from './listen.ts';
import { listCollectionIds, listDocuments, type ListDocumentsRequest } from './lists.ts';
import type { TransactionOptions, Write } from './messages.ts';
import { parseName } from './names.ts';
import { type AggregationRequest, type BatchGetRequest, type QueryRequest, Reads } from './reads.ts';
import type { Database, Store } from './store.ts';
import { Transactions } from './transactions.ts';
import { batchWrite, commitWrites } from './writes.ts';

/** Returns the served methods of google.firestore.v1.Firestore over a store. */
export function firestoreMethods(store: Store, indexes: Indexes | undefined): Readonly<Record<string, Method>> {
  const transactions = new Transactions();
  const reads = new Reads(transactions, indexes);

  /** A method of a database. */
  const inDatabase =
    <Request>(answer: (database: Database, request: Request) => unknown) =>
    (request: Request & { readonly database: string }) =>
      answer(store.database(request.database), request);

  /** A method of what is below a document or a database's root. */
  const below =
    <Request>(answer: (database: Database, path: string, request: Request) => unknown) =>
    (request: Request & { readonly parent: string }) => {
      const { database, path } = parseName(request.parent);
      return answer(store.database(database), path, request);
    };

  return {
    batchGetDocuments: inDatabase<BatchGetRequest>((database, request) => reads.batchGet(database, request)),
    runQuery: below<QueryRequest>((database, path, request) => reads.query(database, path, request)),
    runAggregationQuery: below<AggregationRequest>((database, path, request) =>
      reads.aggregate(database, path, request),
    ),
    listDocuments: below<ListDocumentsRequest>(listDocuments),
    listCollectionIds: below(listCollectionIds),
    beginTransaction: inDatabase<{ options: TransactionOptions | null }>((database, { options }) => ({
      transaction: transactions.begin(database, options).id,
    })),
    rollback: inDatabase<{ transaction: Buffer }>((database, { transaction }) => {
      transactions.end(database, transaction);
      return {};
    }),
    commit: inDatabase<{ writes: Write[]; transaction: Buffer }>((database, { writes, transaction }) => {
      if (transaction.length > 0) transactions.commit(database, transaction, writes);
      return commitWrites(database, writes);
    }),
    batchWrite: inDatabase<{ writes: Write[] }>((database, { writes }) => batchWrite(database, writes)),
    listen: (call: ListenCall) => listen(store, reads, call),
  };
}
