import { type LocalServer, serve } from '../grpc.ts';
import { loadServices } from '../protos.ts';
import { implement } from '../rpc.ts';
import { Indexes } from './indexes.ts';
import { firestoreMethods } from './service.ts';
import { Store } from './store.ts';

export { Store } from './store.ts';

/** Requests beyond Firestore's own limit are read, so that they are refused with INVALID_ARGUMENT, which no client retries. */
const MAX_REQUEST_BYTES = -1;

/**
 * Starts the embedded stand-in of Firestore on 127.0.0.1. docs/local.md lists its differences from the official emulator.
 *
 * @param port 0 takes a free one.
 * @param indexes the path of a firestore.indexes.json: queries that need another index are refused. Without it all run.
 * @param store the documents of an earlier server, which then restarts without losing any.
 */
export async function startFirestore({
  port = 0,
  indexes,
  store = new Store(),
}: { port?: number; indexes?: string; store?: Store } = {}): Promise<LocalServer> {
  const definitions = loadServices('@google-cloud/firestore/build/protos/v1.json', 'google.firestore.v1.Firestore');
  const methods = firestoreMethods(store, indexes === undefined ? undefined : Indexes.read(indexes));
  const services = definitions.map((definition) => implement(definition, methods));
  return await serve(services, { port, maxRequestBytes: MAX_REQUEST_BYTES });
}
