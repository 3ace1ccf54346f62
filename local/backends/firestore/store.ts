import { invalid } from '../rpc.ts';
import type { Fields } from './messages.ts';
import { checkDatabaseName, parseName, splitPath } from './names.ts';

export interface StoredDocument {
  readonly name: string;
  readonly path: string;
  readonly fields: Fields;
  readonly createMicros: number;
  readonly updateMicros: number;
}

/** A document from a moment on; missing where it was deleted. */
interface Version {
  readonly micros: number;
  readonly document: StoredDocument | undefined;
}

/** Changed documents by their paths; deleted ones are `undefined`. */
type Changes = ReadonlyMap<string, StoredDocument | undefined>;

/** Replaced versions are kept for this long, which bounds transactions. */
export const HISTORY_MICROS = 60_000_000;

/** All databases of all projects, in memory. */
export class Store {
  readonly #databases = new Map<string, Database>();

  /** @param name `projects/P/databases/D`; a database comes into being when it is first named. */
  database(name: string): Database {
    checkDatabaseName(name);
    const database = this.#databases.get(name) ?? new Database(name);
    this.#databases.set(name, database);
    return database;
  }
}

export class Database {
  readonly name: string;
  /** Versions, the oldest first, by the id of the document, by the path of the collection. */
  readonly #collections = new Map<string, Map<string, Version[]>>();
  readonly #listeners = new Set<() => void>();
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

  get(path: string, atMicros = Infinity): StoredDocument | undefined {
    return versionAt(this.#versions(path), atMicros);
  }

  collectionPaths(): readonly string[] {
    return [...this.#collections.keys()];
  }

  documents(collection: string, atMicros = Infinity): readonly StoredDocument[] {
    const documents = this.#collections.get(collection)?.values() ?? [];
    return [...documents].flatMap((versions) => versionAt(versions, atMicros) ?? []);
  }

  /** Applies all changes at once. */
  apply(changes: Changes, micros: number): void {
    for (const [path, document] of changes) {
      const [collection, id] = splitPath(path);
      const recent = this.#versions(path).filter((_, index, all) => !isExpired(all[index + 1], micros));
      const documents = this.#collections.get(collection) ?? new Map<string, Version[]>();
      this.#collections.set(collection, documents.set(id, [...recent, { micros, document }]));
    }
    for (const listener of this.#listeners) listener();
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #versions(path: string): readonly Version[] {
    const [collection, id] = splitPath(path);
    return this.#collections.get(collection)?.get(id) ?? [];
  }
}

/** A version is not read any more when the next one is older than the history. */
function isExpired(next: Version | undefined, micros: number): boolean {
  return next !== undefined && next.micros <= micros - HISTORY_MICROS;
}

function versionAt(versions: readonly Version[], micros: number): StoredDocument | undefined {
  return versions.findLast((version) => version.micros <= micros)?.document;
}
