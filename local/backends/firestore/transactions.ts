import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { invalid, RpcError } from '../rpc.ts';
import type { ProtoTimestamp, ReadOptions, TransactionOptions } from './messages.ts';
import { type Database, HISTORY_MICROS } from './store.ts';
import { toMicros } from './time.ts';

/** Reads of one moment. A commit requires that they would still return the same: optimistic concurrency. */
export interface Transaction {
  readonly id: Buffer;
  readonly database: Database;
  readonly isReadOnly: boolean;
  readonly readMicros: number;
  /** One check for each read: returns true when the read would now return something else. */
  readonly isStale: (() => boolean)[];
}

/** The transactions that are neither committed nor rolled back. */
export class Transactions {
  readonly #open = new Map<string, Transaction>();

  begin(database: Database, options: TransactionOptions | null): Transaction {
    const transaction = reading(database, options?.readOnly?.readTime, options?.readOnly !== undefined);
    const oldest = transaction.readMicros - HISTORY_MICROS;
    for (const [key, { readMicros }] of this.#open) if (readMicros < oldest) this.#open.delete(key);
    this.#open.set(keyOf(transaction.id), transaction);
    return transaction;
  }

  /** Returns the transaction that a read belongs to or begins; otherwise one for this read alone. */
  ofRead(database: Database, { transaction, newTransaction, readTime }: ReadOptions): Transaction {
    if (newTransaction) return this.begin(database, newTransaction);
    return transaction ? this.#get(database, transaction) : reading(database, readTime, true);
  }

  /**
   * Ends a transaction before its writes are applied.
   *
   * @throws RpcError ABORTED where another commit has changed what the transaction read.
   */
  commit(database: Database, id: Buffer, writes: readonly unknown[]): void {
    const { isReadOnly, isStale } = this.end(database, id);
    if (isReadOnly && writes.length > 0) throw invalid('Cannot modify entities in a read-only transaction.');
    if (isReadOnly || !isStale.some((check) => check())) return;
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

function reading(database: Database, readTime: ProtoTimestamp | undefined, isReadOnly: boolean): Transaction {
  const now = database.now();
  const readMicros = readTime ? toMicros(readTime) : now;
  if (readMicros > now) throw invalid('The requested read_time is in the future.');
  if (readMicros < now - HISTORY_MICROS) {
    throw new RpcError(status.FAILED_PRECONDITION, "The requested 'read_time' is too old.");
  }
  return { id: randomBytes(12), database, isReadOnly, readMicros, isStale: [] };
}

function keyOf(id: Buffer): string {
  return id.toString('hex');
}
