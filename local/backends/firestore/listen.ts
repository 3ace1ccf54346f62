import type { ServerDuplexStream } from '@grpc/grpc-js';
import { invalid, toRpcError } from '../rpc.ts';
import type { StructuredQuery, Target } from './messages.ts';
import { parseName } from './names.ts';
import { type Query, runQuery } from './query.ts';
import { toMessage } from './reads.ts';
import type { Database, Store, StoredDocument } from './store.ts';
import { fromMicros } from './time.ts';

/** The client ends a stream that is silent for two minutes. */
const HEARTBEAT_MILLIS = 30_000;

interface ListenRequest {
  readonly database: string;
  readonly addTarget?: Target;
  readonly removeTarget?: number;
}

type Compile = (path: string, structuredQuery: StructuredQuery | undefined) => Query;

export type ListenCall = ServerDuplexStream<ListenRequest, object>;

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
 * Sends a target's documents, and after each commit the differences. A client that resumes begins anew.
 *
 * @returns a function that ends it.
 */
function watch(database: Database, compile: Compile, target: Target, call: ListenCall): () => void {
  const { targetId, resumeType, documents: named } = target;
  const find = finderOf(database, compile, target);
  let sent = new Map<string, StoredDocument>();

  const sendChange = (targetChangeType: string, targetIds: readonly number[], micros: number) => {
    const resumeToken = Buffer.from(String(micros));
    call.write({ targetChange: { targetChangeType, targetIds, readTime: fromMicros(micros), resumeToken } });
  };
  /** Marks that all changes until a time were sent: the client raises a snapshot. */
  const sendConsistent = (micros = database.now()) => sendChange('NO_CHANGE', [], micros);
  const sendRemoval = (name: string, micros: number) => {
    const removal = { document: name, removedTargetIds: [targetId], readTime: fromMicros(micros) };
    const exists = database.get(database.pathOf(name), micros) !== undefined;
    call.write(exists ? { documentRemove: removal } : { documentDelete: removal });
  };
  const sendDifferences = (micros: number): boolean => {
    const found = new Map(find(micros).map((document) => [document.name, document]));
    const removed = [...sent.keys()].filter((name) => !found.has(name));
    const changed = [...found.values()].filter((document) => sent.get(document.name) !== document);
    sent = found;
    for (const name of removed) sendRemoval(name, micros);
    for (const document of changed) {
      call.write({ documentChange: { document: toMessage(document), targetIds: [targetId] } });
    }
    return removed.length + changed.length > 0;
  };

  const micros = database.now();
  sendChange('ADD', [targetId], micros);
  if (resumeType) sendChange('RESET', [targetId], micros);
  sendDifferences(micros);
  for (const name of named?.documents ?? []) if (!sent.has(name)) sendRemoval(name, micros);
  sendChange('CURRENT', [targetId], micros);
  sendConsistent(micros);
  const unsubscribe = database.subscribe(() => {
    const now = database.now();
    if (sendDifferences(now)) sendConsistent(now);
  });
  const heartbeat = setInterval(sendConsistent, HEARTBEAT_MILLIS).unref();
  return () => {
    unsubscribe();
    clearInterval(heartbeat);
  };
}

function finderOf(
  database: Database,
  compile: Compile,
  { query, documents }: Target,
): (atMicros: number) => readonly StoredDocument[] {
  if (query) {
    const compiled = compile(parseName(query.parent).path, query.structuredQuery);
    return (atMicros) => runQuery(database, compiled, atMicros);
  }
  if (!documents) throw invalid('A Listen target needs a query or documents.');
  const paths = documents.documents.map((name) => database.pathOf(name));
  return (atMicros) => paths.flatMap((path) => database.get(path, atMicros) ?? []);
}
