import type { ServerDuplexStream } from '@grpc/grpc-js';
import { invalid, toRpcError } from '../rpc.ts';
import { type StoredDocument, toMessage } from './document.ts';
import { fromMicros, type StructuredQuery } from './messages.ts';
import { parseName } from './names.ts';
import type { Query } from './query.ts';
import type { Database, Store } from './store.ts';

interface Target {
  readonly targetId: number;
  readonly query?: { readonly parent: string; readonly structuredQuery?: StructuredQuery };
  readonly documents?: { readonly documents: readonly string[] };
  readonly resumeType?: string;
}

interface ListenRequest {
  readonly database: string;
  readonly addTarget?: Target;
  readonly removeTarget?: number;
}

export type ListenCall = ServerDuplexStream<ListenRequest, object>;

type Compile = (path: string, structuredQuery: StructuredQuery | undefined) => Query;

/** Serves a Listen stream: adds and removes targets until the client ends it. */
export function listen(store: Store, compile: Compile, call: ListenCall): void {
  const targets = new Map<number, () => void>();
  const remove = (targetId: number) => {
    targets.get(targetId)?.();
    targets.delete(targetId);
  };
  const end = () => [...targets.keys()].forEach(remove);
  call.on('data', ({ database, addTarget, removeTarget }: ListenRequest) => {
    remove(removeTarget ?? addTarget?.targetId ?? 0);
    if (!addTarget) return;
    try {
      targets.set(addTarget.targetId, watch(store.database(database), compile, addTarget, call));
    } catch (error) {
      const { code, message } = toRpcError(error);
      const targetIds = [addTarget.targetId];
      call.write({ targetChange: { targetChangeType: 'REMOVE', targetIds, cause: { code, message } } });
    }
  });
  call.on('cancelled', end).on('error', end);
  call.on('end', () => {
    end();
    call.end();
  });
}

/**
 * Sends a target's documents, and after each commit the differences. A client that resumes begins anew, as clients do
 * after two minutes of silence.
 *
 * @returns a function that ends it.
 */
function watch(database: Database, compile: Compile, target: Target, call: ListenCall): () => void {
  const { targetId, resumeType, documents: named } = target;
  const find = finderOf(database, compile, target);
  let sent = new Map<string, StoredDocument>();

  /** A `NO_CHANGE` marks that all changes until now were sent: the client raises a snapshot. */
  const sendChange = (targetChangeType: string, targetIds: readonly number[]) => {
    const micros = database.now();
    const resumeToken = Buffer.from(String(micros));
    call.write({ targetChange: { targetChangeType, targetIds, readTime: fromMicros(micros), resumeToken } });
  };
  const sendRemoval = (name: string) => {
    const readTime = fromMicros(database.now());
    call.write({ documentDelete: { document: name, removedTargetIds: [targetId], readTime } });
  };
  const sendDifferences = (): boolean => {
    const found = new Map(find().map((document) => [document.name, document]));
    const removed = [...sent.keys()].filter((name) => !found.has(name));
    const changed = [...found.values()].filter((document) => sent.get(document.name) !== document);
    sent = found;
    removed.forEach(sendRemoval);
    for (const document of changed) {
      call.write({ documentChange: { document: toMessage(document), targetIds: [targetId] } });
    }
    return removed.length + changed.length > 0;
  };

  sendChange('ADD', [targetId]);
  if (resumeType) sendChange('RESET', [targetId]);
  sendDifferences();
  named?.documents.filter((name) => !sent.has(name)).forEach(sendRemoval);
  sendChange('CURRENT', [targetId]);
  sendChange('NO_CHANGE', []);
  return database.subscribe(() => {
    if (sendDifferences()) sendChange('NO_CHANGE', []);
  });
}

function finderOf(database: Database, compile: Compile, { query, documents }: Target): () => readonly StoredDocument[] {
  if (query) {
    const compiled = compile(parseName(query.parent).path, query.structuredQuery);
    return () => database.find(compiled);
  }
  if (!documents) throw invalid('A Listen target needs a query or documents.');
  const paths = documents.documents.map((name) => database.pathOf(name));
  return () => paths.flatMap((path) => database.get(path) ?? []);
}
