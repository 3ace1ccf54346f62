import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { invalid, RpcError, unimplemented } from '../rpc.ts';
import type { StoredDocument } from './document.ts';
import { fromMicros, type ProtoTimestamp } from './messages.ts';
import { collectionOf } from './names.ts';
import { type Query, runQuery } from './query.ts';
import type { Database, View } from './store.ts';

const MAX_AGE_MILLIS = 60_000;

export interface TransactionOptions {
  readonly readOnly?: { readonly readTime?: ProtoTimestamp };
}

/** The consistency of a read: at most one of the three. */
export interface ReadOptions {
  readonly transaction?: Buffer;
  readonly newTransaction?: TransactionOptions;
  readonly readTime?: ProtoTimestamp;
}

/** A database as it was at the begin. A commit requires that all reads still return the same: optimistic concurrency. */
class Transaction implements View {
  readonly id = randomBytes(12);
  readonly database: Database;
  readonly #micros: number;
  /** The documents changed since the begin, as they were. */
  readonly #former = new Map<string, StoredDocument | undefined>();
  /** One for each read: returns true when it would now return something else. */
  readonly #staleChecks: (() => boolean)[] = [];
  readonly stopRecording: () => void;

  constructor(database: Database) {
    this.database = database;
    this.#micros = database.now();
    this.stopRecording = database.subscribe((former) => {
      for (const [path, document] of former) if (!this.#former.has(path)) this.#former.set(path, document);
    });
  }

  now(): number {
    return this.#micros;
  }

  get(path: string): StoredDocument | undefined {
    this.#staleChecks.push(() => this.#former.has(path));
    return this.#former.has(path) ? this.#former.get(path) : this.database.get(path);
  }

  find(query: Query): readonly StoredDocument[] {
    const unchanged = this.database.documents(query.collection).filter(({ path }) => !this.#former.has(path));
    const former = [...this.#former.values()].flatMap((document) => document ?? []);
    const inCollection = former.filter(({ path }) => collectionOf(path) === query.collection);
    const found = runQuery([...unchanged, ...inCollection], query);
    this.#staleChecks.push(() => {
      const now = this.database.find(query);
      return now.length !== found.length || now.some((document, index) => document !== found[index]);
    });
    return found;
  }

  isStale(): boolean {
    return this.#staleChecks.some((isStale) => isStale());
  }
}

/** The transactions of a server that are neither committed nor rolled back, by their ids. */
export class Transactions {
  readonly #open = new Map<string, Transaction>();

  begin(database: Database, options: TransactionOptions | null): Transaction {
    if (options?.readOnly?.readTime) throw unimplemented('reads at a past time');
    const transaction = new Transaction(database);
    this.#open.set(transaction.id.toString('hex'), transaction);
    setTimeout(() => this.#remove(transaction), MAX_AGE_MILLIS).unref();
    return transaction;
  }

  /** Reads in the transaction that the request belongs to or begins, otherwise the present state. */
  *read(database: Database, options: ReadOptions, read: (view: View) => readonly object[]): Generator<object> {
    if (options.readTime) throw unimplemented('reads at a past time');
    const begun = options.newTransaction && this.begin(database, options.newTransaction);
    if (begun) yield { transaction: begun.id };
    const view = begun ?? (options.transaction ? this.#get(database, options.transaction) : database);
    const readTime = fromMicros(view.now());
    for (const response of read(view)) yield { ...response, readTime };
  }

  /**
   * Ends a transaction before its writes are applied.
   *
   * @throws RpcError ABORTED where another commit has changed what the transaction read.
   */
  commit(database: Database, id: Buffer, writes: readonly unknown[]): void {
    const transaction = this.end(database, id);
    if (writes.length === 0 || !transaction.isStale()) return;
    throw new RpcError(status.ABORTED, 'Another commit has changed what the transaction has read. Run it again.');
  }

  /** Ends a transaction without writes. */
  end(database: Database, id: Buffer): Transaction {
    const transaction = this.#get(database, id);
    this.#remove(transaction);
    return transaction;
  }

  #get(database: Database, id: Buffer): Transaction {
    const transaction = this.#open.get(id.toString('hex'));
    if (transaction?.database === database) return transaction;
    throw invalid('The referenced transaction has expired or is no longer valid.');
  }

  #remove(transaction: Transaction): void {
    transaction.stopRecording();
    this.#open.delete(transaction.id.toString('hex'));
  }
}
