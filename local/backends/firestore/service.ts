import {
  type ServerDuplexStream,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import type { Indexes } from './indexes.ts';
import { type ListenResponse, ListenTarget } from './listen.ts';
import { listCollectionIds, listDocuments } from './lists.ts';
import type { FieldMask, ReadOptions, StructuredQuery, Target, TransactionOptions, Write } from './messages.ts';
import { parseName } from './names.ts';
import { Reads } from './reads.ts';
import { invalid, StatusError, statusOf } from './status.ts';
import type { Database, Store } from './store.ts';
import { Transactions } from './transactions.ts';
import { commitWrites } from './writes.ts';

/** The client gives a stream up that is silent for two minutes. */
const HEARTBEAT_MILLIS = 30_000;

interface DatabaseRequest {
  readonly database: string;
}

interface ParentRequest {
  readonly parent: string;
}

/** Returns the served methods of google.firestore.v1.Firestore over a store. */
export function firestoreMethods(store: Store, indexes: Indexes | undefined) {
  const transactions = new Transactions();
  const reads = new Reads(transactions, indexes);
  const inDatabase = ({ database }: DatabaseRequest) => store.database(database);
  const below = <T>({ parent }: ParentRequest, run: (database: Database, path: string) => T): T => {
    const { database, path } = parseName(parent);
    return run(store.database(database), path);
  };

  return {
    batchGetDocuments: stream((request: DatabaseRequest & ReadOptions & { documents: string[]; mask?: FieldMask }) =>
      reads.batchGet(inDatabase(request), request),
    ),
    runQuery: stream((request: ParentRequest & ReadOptions & { structuredQuery: StructuredQuery }) =>
      below(request, (database, path) => reads.query(database, path, request)),
    ),
    runAggregationQuery: stream((request: ParentRequest & Parameters<Reads['aggregate']>[2]) =>
      below(request, (database, path) => reads.aggregate(database, path, request)),
    ),
    listDocuments: unary((request: Parameters<typeof listDocuments>[1]) =>
      below(request, (database) => listDocuments(database, request)),
    ),
    listCollectionIds: unary((request: Parameters<typeof listCollectionIds>[1]) =>
      below(request, (database) => listCollectionIds(database, request)),
    ),
    beginTransaction: unary((request: DatabaseRequest & { options?: TransactionOptions }) => ({
      transaction: transactions.begin(inDatabase(request), request.options),
    })),
    rollback: unary((request: DatabaseRequest & { transaction: Buffer }) => {
      transactions.rollback(inDatabase(request), request.transaction);
      return {};
    }),
    commit: unary((request: DatabaseRequest & { writes: Write[]; transaction?: Buffer }) => {
      const database = inDatabase(request);
      const { writes, transaction } = request;
      if (transaction?.length) transactions.finish(database, transaction, { writes: writes.length > 0 });
      return commitWrites(database, writes);
    }),
    batchWrite: unary((request: DatabaseRequest & { writes: Write[] }) =>
      batchWrite(inDatabase(request), request.writes),
    ),
    listen: (call: ServerDuplexStream<ListenRequest, ListenResponse>) => listen(store, reads, call),
  };
}

function unary<Request>(answer: (request: Request) => object) {
  return (call: ServerUnaryCall<Request, object>, reply: sendUnaryData<object>): void => {
    try {
      requireTime(call.getDeadline());
      reply(null, answer(call.request));
    } catch (error) {
      reply(statusOf(error));
    }
  };
}

/** Refuses a request whose time is up: grpc-js would execute it, and its client would not learn that. */
function requireTime(deadline: Date | number): void {
  if (Number(deadline) <= Date.now()) throw new StatusError(status.DEADLINE_EXCEEDED, 'The deadline has passed.');
}

function stream<Request>(answer: (request: Request) => Iterable<object>) {
  return (call: ServerWritableStream<Request, object>): void => {
    try {
      for (const message of answer(call.request)) call.write(message);
      call.end();
    } catch (error) {
      call.emit('error', statusOf(error));
    }
  };
}

/** Applies each write for itself: those that are refused do not stop the others. */
function batchWrite(database: Database, writes: readonly Write[]): object {
  const names = writes.map((write) => write.update?.name ?? write.delete);
  if (new Set(names).size < names.length) {
    throw invalid('the same document cannot be written more than once in a single request');
  }
  const answers = writes.map((write) => {
    try {
      return { result: commitWrites(database, [write]).writeResults[0], status: {} };
    } catch (error) {
      const { code, message } = statusOf(error);
      return { result: {}, status: { code, message } };
    }
  });
  return { writeResults: answers.map(({ result }) => result), status: answers.map((answer) => answer.status) };
}

interface ListenRequest {
  readonly database: string;
  readonly addTarget?: Target;
  readonly removeTarget?: number;
}

function listen(store: Store, reads: Reads, call: ServerDuplexStream<ListenRequest, ListenResponse>): void {
  const endings = new Map<number, () => void>();
  const remove = (targetId: number) => endings.get(targetId)?.();
  const end = () => [...endings.keys()].forEach(remove);
  const add = (database: Database, target: Target): void => {
    const added = new ListenTarget(database, target, reads.checkIndex, (response) => call.write(response));
    added.start({ isResumed: Boolean(target.resumeToken?.length ?? target.readTime) });
    const unsubscribe = database.subscribe((changes) => added.update(changes));
    const heartbeat = setInterval(() => added.sendConsistent(database.now()), HEARTBEAT_MILLIS).unref();
    endings.set(target.targetId, () => {
      unsubscribe();
      clearInterval(heartbeat);
      endings.delete(target.targetId);
    });
  };
  call.on('data', ({ database, addTarget, removeTarget }: ListenRequest) => {
    if (removeTarget !== undefined) remove(removeTarget);
    if (!addTarget) return;
    remove(addTarget.targetId);
    try {
      add(store.database(database), addTarget);
    } catch (error) {
      const { code, message } = statusOf(error);
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
