import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { invalid, RpcError, unimplemented } from '../rpc.ts';
import type { ReadOptions, TransactionOptions } from './messages.ts';
import { type Query, runQuery } from './query.ts';
import { type Database, HISTORY_MICROS, type StoredDocument } from './store.ts';
import { fromMicros } from './time.ts';

/** Reads of one moment. A commit requires that they would still return the same: optimistic concurrency. */
export class Transaction {
  readonly id = randomBytes(12);
  readonly database: Database;
  readonly isReadOnly: boolean;
  readonly readMicros: number;
  /** One for each read: returns true when it would now return something else. */
  readonly #checks: (() => boolean)[] = [];

  constructor(database: Database, isReadOnly: boolean) {
    this.database = database;
    this.isReadOnly = isReadOnly;
    this.readMicros = database.now();
  }

  get(path: string): StoredDocument | undefined {
    const document = this.database.get(path, this.readMicros);
    this.#checks.push(() => this.database.get(path) !== document);
    return document;
  }

  find(query: Query): readonly StoredDocument[] {
    const documents = runQuery(this.database, query, this.readMicros);
    this.#checks.push(() => {
      const now = runQuery(this.database, query);
      return now.length !== documents.length || now.some((document, index) => document !== documents[index]);
    });
    return documents;
  }

  isStale(): boolean {
    return this.#checks.some((check) => check());
  }
}

/** The transactions that are neither committed nor rolled back. */
export class Transactions {
  readonly #open = new Map<string, Transaction>();

  begin(database: Database, options: TransactionOptions | null): Transaction {
    if (options?.readOnly?.readTime) throw unimplemented('reads at a past time');
    const transaction = new Transaction(database, options?.readOnly !== undefined);
    const oldest = transaction.readMicros - HISTORY_MICROS;
    for (const [key, { readMicros }] of this.#open) if (readMicros < oldest) this.#open.delete(key);
    this.#open.set(keyOf(transaction.id), transaction);
    return transaction;
  }

  /** Reads in the transaction that the request belongs to or begins, otherwise at the present time. */
  *read(
    database: Database,
    { transaction: id, newTransaction, readTime }: ReadOptions,
    read: (transaction: Transaction) => readonly object[],
  ): Generator<object> {
    if (readTime) throw unimplemented('reads at a past time');
    const begun = newTransaction && this.begin(database, newTransaction);
    const transaction = begun ?? (id ? this.#get(database, id) : new Transaction(database, true));
    const readTimeNow = fromMicros(transaction.readMicros);
    if (begun) yield { transaction: begun.id };
    for (const response of read(transaction)) yield { ...response, readTime: readTimeNow };
  }

  /**
   * Ends a transaction before its writes are applied.
   *
   * @throws RpcError ABORTED where another commit has changed what the transaction read.
   */
  commit(database: Database, id: Buffer, writes: readonly unknown[]): void {
    const transaction = this.end(database, id);
    if (transaction.isReadOnly && writes.length > 0) {
      throw invalid('Cannot modify entities in a read-only transaction.');
    }
    if (transaction.isReadOnly || !transaction.isStale()) return;
    throw new RpcError(status.ABORTED, 'Another commit has changed what the transaction has read. Run it again.');
  }

  /** Ends a transaction without writes. */
  end(database: Database, id: Buffer): Transaction {
    const transaction = this.#get(database, id);
    this.#open.delete(keyOf(id));
    return transaction;
  }

  #get(database: Database, id: Buffer): Transaction {
    const transaction = this.#open.get(keyOf(id));
    if (transaction?.database === database) return transaction;
    throw invalid('The referenced transaction has expired or is no longer valid.');
  }
}

function keyOf(id: Buffer): string {
  return id.toString('hex');
}
