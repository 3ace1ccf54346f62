import type { Fields, ProtoTimestamp, Target } from './messages.ts';
import { parseDocumentName, parseName, splitPath } from './names.ts';
import { compileQuery, isInScope, type Query, runQuery } from './query.ts';
import { unimplemented } from './status.ts';
import type { Changes, Database, StoredDocument } from './store.ts';
import { fromMicros } from './time.ts';
import { toMessage } from './reads.ts';

export type ListenResponse =
  | { readonly targetChange: object }
  | {
      readonly documentChange: {
        readonly document: { readonly name: string; readonly fields: Fields };
        readonly targetIds: readonly number[];
      };
    }
  | { readonly documentDelete: Removal }
  | { readonly documentRemove: Removal };

interface Removal {
  readonly document: string;
  readonly removedTargetIds: readonly number[];
  readonly readTime: ProtoTimestamp;
}

/** One target of a Listen stream: documents, or what a query finds. */
export class ListenTarget {
  readonly #id: number;
  readonly #database: Database;
  readonly #send: (response: ListenResponse) => void;
  readonly #source: { find(atMicros: number): readonly StoredDocument[]; isAffectedBy(path: string): boolean };
  /** Names of documents that are named and missing, which the client is told once. */
  readonly #named: readonly string[];
  #sent = new Map<string, StoredDocument>();

  constructor(
    database: Database,
    { targetId, query, documents }: Target,
    checkQuery: (query: Query) => void,
    send: (response: ListenResponse) => void,
  ) {
    this.#id = targetId;
    this.#database = database;
    this.#send = send;
    this.#named = documents?.documents ?? [];
    if (query) {
      const compiled = compileQuery(parseName(query.parent).path, query.structuredQuery);
      checkQuery(compiled);
      this.#source = {
        find: (atMicros) => runQuery(database, compiled, atMicros),
        isAffectedBy: (path) => isInScope(compiled, splitPath(path)[0]),
      };
    } else if (documents) {
      const paths = this.#named.map((name) => parseDocumentName(name).path);
      this.#source = {
        find: (atMicros) => paths.flatMap((path) => database.get(path, atMicros) ?? []),
        isAffectedBy: (path) => paths.includes(path),
      };
    } else throw unimplemented('this kind of Listen target');
  }

  /** Sends all documents. A client that resumes begins anew, because removed documents are not kept. */
  start({ isResumed }: { readonly isResumed: boolean }): void {
    const readMicros = this.#database.now();
    this.#sendTargetChange('ADD', readMicros);
    if (isResumed) this.#sendTargetChange('RESET', readMicros);
    this.#sendChanges(readMicros);
    for (const name of this.#named) if (!this.#sent.has(name)) this.#sendRemoval(name, readMicros);
    this.#sendTargetChange('CURRENT', readMicros);
    this.sendConsistent(readMicros);
  }

  /** Sends the differences that a commit has made. */
  update(changes: Changes): void {
    if (![...changes.keys()].some((path) => this.#source.isAffectedBy(path))) return;
    const readMicros = this.#database.now();
    if (this.#sendChanges(readMicros)) this.sendConsistent(readMicros);
  }

  /** Marks that all changes until a time were sent: the client raises a snapshot. */
  sendConsistent(readMicros: number): void {
    this.#send({ targetChange: { ...times(readMicros), targetIds: [] } });
  }

  #sendChanges(readMicros: number): boolean {
    const found = new Map(this.#source.find(readMicros).map((document) => [document.name, document]));
    const changed = [...found.values()].filter((document) => this.#sent.get(document.name) !== document);
    const removed = [...this.#sent.keys()].filter((name) => !found.has(name));
    this.#sent = found;
    for (const name of removed) this.#sendRemoval(name, readMicros);
    for (const document of changed) {
      this.#send({ documentChange: { document: toMessage(document), targetIds: [this.#id] } });
    }
    return removed.length + changed.length > 0;
  }

  #sendRemoval(name: string, readMicros: number): void {
    const removal = { document: name, removedTargetIds: [this.#id], readTime: fromMicros(readMicros) };
    const exists = this.#database.get(parseDocumentName(name).path, readMicros) !== undefined;
    this.#send(exists ? { documentRemove: removal } : { documentDelete: removal });
  }

  #sendTargetChange(targetChangeType: string, readMicros: number): void {
    this.#send({ targetChange: { targetChangeType, targetIds: [this.#id], ...times(readMicros) } });
  }
}

function times(readMicros: number): object {
  return { readTime: fromMicros(readMicros), resumeToken: Buffer.from(String(readMicros)) };
}
