import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { ReadOptions, TransactionOptions } from './messages.ts';
import { invalid, StatusError } from './status.ts';
import { type Database, HISTORY_MICROS } from './store.ts';
import { toMicros } from './time.ts';

/** Reads of one moment. A commit requires that what they returned is still the same: optimistic concurrency. */
interface Transaction {
  readonly database: Database;
  readonly isReadOnly: boolean;
  readonly readMicros: number;
  /** One for each read: whether a read now would return something else. */
  readonly isStale: (() => boolean)[];
}

/** The moment of a read. */
export interface Snapshot {
  readonly readMicros: number;
  /** The id of the transaction that the read has begun. */
  readonly begun?: Buffer;
  /** Has the commit of the read's transaction refused when the check returns true. */
  watch(isStale: () => boolean): void;
}

/** The transactions that are neither committed nor rolled back. */
export class Transactions {
  readonly #open = new Map<string, Transaction>();

  begin(database: Database, { readOnly }: TransactionOptions = {}): Buffer {
    const readMicros = readOnly?.readTime ? pastMicros(database, toMicros(readOnly.readTime)) : database.now();
    for (const [key, { readMicros: began }] of this.#open) {
      if (began < Date.now() * 1_000 - HISTORY_MICROS) this.#open.delete(key);
    }
    const id = randomBytes(12);
    this.#open.set(keyOf(id), { database, isReadOnly: readOnly !== undefined, readMicros, isStale: [] });
    return id;
  }

  /** Determines the moment that a read is of. */
  snapshot(database: Database, { transaction, newTransaction, readTime }: ReadOptions): Snapshot {
    if (readTime) return { readMicros: pastMicros(database, toMicros(readTime)), watch: () => {} };
    const begun = newTransaction && this.begin(database, newTransaction);
    const id = begun ?? (transaction?.length ? transaction : undefined);
    if (id === undefined) return { readMicros: database.now(), watch: () => {} };
    const { readMicros, isStale } = this.#get(database, id);
    return { readMicros, ...(begun && { begun }), watch: (check) => isStale.push(check) };
  }

  /**
   * Ends a transaction before its writes are applied.
   *
   * @throws StatusError ABORTED where another commit has changed what the transaction read.
   */
  finish(database: Database, id: Buffer, { writes }: { readonly writes: boolean }): void {
    const { isReadOnly, isStale } = this.#get(database, id);
    this.#open.delete(keyOf(id));
    if (isReadOnly) {
      if (writes) throw invalid('Cannot modify entities in a read-only transaction.');
      return;
    }
    if (isStale.some((check) => check())) {
      throw new StatusError(
        status.ABORTED,
        'Aborted due to cross-transaction contention. This occurs when multiple transactions attempt to access the same data, requiring Firestore to abort at least one in order to enforce serializability.',
      );
    }
  }

  rollback(database: Database, id: Buffer): void {
    this.#get(database, id);
    this.#open.delete(keyOf(id));
  }

  #get(database: Database, id: Buffer): Transaction {
    const transaction = this.#open.get(keyOf(id));
    if (transaction?.database !== database)
      throw invalid('The referenced transaction has expired or is no longer valid.');
    return transaction;
  }
}

function keyOf(id: Buffer): string {
  return id.toString('hex');
}

function pastMicros(database: Database, micros: number): number {
  const now = database.now();
  if (micros > now) throw invalid('The requested read_time is in the future.');
  if (micros < now - HISTORY_MICROS) {
    throw new StatusError(status.FAILED_PRECONDITION, "The requested 'read_time' is too old.");
  }
  return micros;
}
