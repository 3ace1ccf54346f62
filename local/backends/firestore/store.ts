import { invalid } from '../rpc.ts';
import type { StoredDocument } from './document.ts';
import { checkDatabaseName, collectionOf, parseName } from './names.ts';
import { type Query, runQuery } from './query.ts';

/** Documents by their paths; missing ones are `undefined`. */
type Documents = ReadonlyMap<string, StoredDocument | undefined>;

/** All databases of all projects, in memory. */
export class Store {
  readonly #databases = new Map<string, Database>();

  /** @param name `projects/P/databases/D`; a database is created when it is first named. */
  database(name: string): Database {
    checkDatabaseName(name);
    const database = this.#databases.get(name) ?? new Database(name);
    this.#databases.set(name, database);
    return database;
  }
}

/** The state of a database at one moment. */
export type View = Pick<Database, 'now' | 'get' | 'find'>;

export class Database {
  readonly name: string;
  /** Documents by path, by the path of their collection. */
  readonly #collections = new Map<string, Map<string, StoredDocument>>();
  readonly #listeners = new Set<(former: Documents) => void>();
  #lastMicros = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Returns a time in microseconds, later than all before. */
  now(): number {
    this.#lastMicros = Math.max(this.#lastMicros + 1, Date.now() * 1_000);
    return this.#lastMicros;
  }

  /** @throws RpcError INVALID_ARGUMENT for a name that is not of a document of this database. */
  pathOf(name: string): string {
    const { database, path } = parseName(name);
    if (path === '') throw invalid(`Document name "${name}" lacks "/" at index ${name.length}.`);
    if (database !== this.name) throw invalid(`Document name "${name}" is not in the database ${this.name}.`);
    return path;
  }

  get(path: string): StoredDocument | undefined {
    return this.#collections.get(collectionOf(path))?.get(path);
  }

  documents(collection: string): readonly StoredDocument[] {
    return [...(this.#collections.get(collection)?.values() ?? [])];
  }

  find(query: Query): readonly StoredDocument[] {
    return runQuery(this.documents(query.collection), query);
  }

  /** Applies all changes at once; then the listeners receive the former documents. */
  apply(changes: Documents): void {
    const former = new Map([...changes.keys()].map((path) => [path, this.get(path)]));
    for (const [path, document] of changes) {
      const collection = this.#collections.get(collectionOf(path)) ?? new Map<string, StoredDocument>();
      this.#collections.set(collectionOf(path), collection);
      if (document) collection.set(path, document);
      else collection.delete(path);
    }
    for (const listener of this.#listeners) listener(former);
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: (former: Documents) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
