import type { Fields } from './messages.ts';
import { splitPath } from './names.ts';

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

/** A document's versions, the oldest first. */
type History = Version[];

/** Changed documents by their paths; deleted ones are `undefined`. */
export type Changes = ReadonlyMap<string, StoredDocument | undefined>;

/** Replaced versions are readable for this long, which bounds transactions and read times. */
export const HISTORY_MICROS = 60_000_000;

/** All databases of all projects, in memory. */
export class Store {
  readonly #databases = new Map<string, Database>();

  /** @param name `projects/P/databases/D`; a database comes into being when it is first named. */
  database(name: string): Database {
    const known = this.#databases.get(name);
    if (known) return known;
    const database = new Database(name);
    this.#databases.set(name, database);
    return database;
  }
}

export class Database {
  readonly name: string;
  /** Histories by the id of the document, by the path of the collection. */
  readonly #collections = new Map<string, Map<string, History>>();
  readonly #listeners = new Set<(changes: Changes) => void>();
  #lastMicros = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Returns a time in microseconds, later than all before. */
  now(): number {
    this.#lastMicros = Math.max(this.#lastMicros + 1, Date.now() * 1_000);
    return this.#lastMicros;
  }

  get(path: string, atMicros: number): StoredDocument | undefined {
    return versionAt(this.#history(path), atMicros);
  }

  isChangedSince(path: string, micros: number): boolean {
    return (this.#history(path)?.at(-1)?.micros ?? 0) > micros;
  }

  collectionPaths(): readonly string[] {
    return [...this.#collections.keys()];
  }

  documents(collection: string, atMicros: number): readonly StoredDocument[] {
    const histories = this.#collections.get(collection)?.values() ?? [];
    return [...histories].flatMap((history) => versionAt(history, atMicros) ?? []);
  }

  /** Applies all changes at once. */
  apply(changes: Changes, micros: number): void {
    for (const [path, document] of changes) this.#append(path, { micros, document });
    for (const listener of this.#listeners) listener(changes);
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: (changes: Changes) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #history(path: string): History | undefined {
    const [collection, id] = splitPath(path);
    return this.#collections.get(collection)?.get(id);
  }

  #append(path: string, version: Version): void {
    const [collection, id] = splitPath(path);
    const histories = this.#collections.get(collection) ?? new Map<string, History>();
    const history = histories.get(id) ?? [];
    this.#collections.set(collection, histories.set(id, history));
    history.push(version);
    while ((history[1]?.micros ?? Infinity) <= version.micros - HISTORY_MICROS) history.shift();
  }
}

function versionAt(history: History | undefined, micros: number): StoredDocument | undefined {
  return history?.findLast((version) => version.micros <= micros)?.document;
}
