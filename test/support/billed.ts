import { DocumentReference, Firestore, Query, WriteBatch } from '@google-cloud/firestore';
import { GrpcService } from '../../functions/runtime/grpcService.ts';
import { decodeRequest } from './messages.ts';

/** Documents as Firestore bills them, bytes as Pub/Sub does, and the methods that were called. */
interface Billed {
  reads: number;
  writes: number;
  publishedBytes: number;
  readonly methods: string[];
}

/** A call of `publish` or `commit`. */
interface Call {
  readonly method: string;
  readonly request: Buffer | { readonly writes: readonly unknown[] };
}

type Method = (...args: unknown[]) => unknown;

/** Pub/Sub bills a message, with its attributes, as at least so many bytes. */
const LEAST_MESSAGE_BYTES = 1_000;

/** An aggregation is one read for each so many index entries. */
const ENTRIES_OF_A_READ = 1_000;

/** Returns what this process asks Firestore and Pub/Sub for during the work. */
export async function billedDuring(work: () => Promise<void>): Promise<Billed> {
  const billed: Billed = { reads: 0, writes: 0, publishedBytes: 0, methods: [] };
  const restorers = [
    onResult(DocumentReference.prototype, 'get', () => (billed.reads += 1)),
    onResult(Firestore.prototype, 'getAll', (documents) => (billed.reads += (documents as unknown[]).length)),
    onResult(Query.prototype, 'get', (found) => (billed.reads += Math.max(1, (found as { size: number }).size))),
    replace(
      Query.prototype,
      'count',
      (original) =>
        function (this: unknown) {
          const aggregation = original.call(this) as object;
          onResult(aggregation, 'get', (found) => (billed.reads += readsOf(found)));
          return aggregation;
        },
    ),
    onResult(WriteBatch.prototype, 'commit', (written) => (billed.writes += (written as unknown[]).length)),
    // All that the client sends, by two methods that are not public.
    onCall(Firestore.prototype, 'request', (method) => billed.methods.push(method as string)),
    onCall(Firestore.prototype, 'requestStream', (method) => billed.methods.push(method as string)),
    onCall(GrpcService.prototype, 'call', (call) => add(call as Call, billed)),
  ];
  try {
    await work();
  } finally {
    for (const restore of restorers) restore();
  }
  return billed;
}

function readsOf(found: unknown): number {
  const { count } = (found as { data(): { count: number } }).data();
  return Math.max(1, Math.ceil(count / ENTRIES_OF_A_READ));
}

function add({ method, request }: Call, billed: Billed): void {
  billed.methods.push(method);
  if (Buffer.isBuffer(request)) billed.publishedBytes += bytesOf(request);
  else billed.writes += request.writes.length;
}

function bytesOf(request: Buffer): number {
  return decodeRequest(request).messages.reduce((sum, { data, attributes }) => {
    const texts = Object.entries(attributes).flat().join('');
    return sum + Math.max(LEAST_MESSAGE_BYTES, data.length + Buffer.byteLength(texts));
  }, 0);
}

function onCall(prototype: object, name: string, note: (argument: unknown) => void): () => void {
  return replace(
    prototype,
    name,
    (original) =>
      function (this: unknown, ...args) {
        note(args[0]);
        return original.apply(this, args);
      },
  );
}

function onResult(prototype: object, name: string, note: (result: unknown) => void): () => void {
  return replace(
    prototype,
    name,
    (original) =>
      async function (this: unknown, ...args) {
        const result = await original.apply(this, args);
        note(result);
        return result;
      },
  );
}

/** @returns a function that restores the method. */
function replace(prototype: object, name: string, replacement: (original: Method) => Method): () => void {
  const methods = prototype as Record<string, Method>;
  const original = methods[name];
  if (original === undefined) throw new TypeError(`The client has no method ${name}.`);
  methods[name] = replacement(original);
  return () => (methods[name] = original);
}
