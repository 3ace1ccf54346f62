import { DocumentReference, Firestore, Query, WriteBatch } from '@google-cloud/firestore';
import { PublisherClient } from '@google-cloud/pubsub-api/build/src/v1/publisher_client.js';

/** Documents as Firestore bills them, and bytes as Pub/Sub does. */
export interface Counts {
  reads: number;
  writes: number;
  publishedBytes: number;
}

type Method = (...args: unknown[]) => unknown;

/** Pub/Sub bills a message, with its attributes, as at least so many bytes. */
const LEAST_MESSAGE_BYTES = 1_000;

/** An aggregation is one read for each so many index entries. */
const ENTRIES_OF_A_READ = 1_000;

/** Counts, during the work, what this process asks Firestore and Pub/Sub for. */
export async function counted(work: () => Promise<void>): Promise<Counts> {
  const counts: Counts = { reads: 0, writes: 0, publishedBytes: 0 };
  const restorers = [
    onResult(DocumentReference.prototype, 'get', () => (counts.reads += 1)),
    onResult(Firestore.prototype, 'getAll', (documents) => (counts.reads += (documents as unknown[]).length)),
    onResult(Query.prototype, 'get', (found) => (counts.reads += Math.max(1, (found as { size: number }).size))),
    replace(
      Query.prototype,
      'count',
      (original) =>
        function (this: unknown) {
          const aggregation = original.call(this) as object;
          onResult(aggregation, 'get', (found) => (counts.reads += readsOf(found)));
          return aggregation;
        },
    ),
    onResult(WriteBatch.prototype, 'commit', (written) => (counts.writes += (written as unknown[]).length)),
    onCall(PublisherClient.prototype, 'publish', (request) => (counts.publishedBytes += bytesOf(request))),
  ];
  try {
    await work();
  } finally {
    for (const restore of restorers) restore();
  }
  return counts;
}

function readsOf(found: unknown): number {
  const { count } = (found as { data(): { count: number } }).data();
  return Math.max(1, Math.ceil(count / ENTRIES_OF_A_READ));
}

function bytesOf(request: unknown): number {
  const { messages } = request as { messages: readonly { data: Buffer; attributes: Record<string, string> }[] };
  return messages.reduce((sum, { data, attributes }) => {
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
