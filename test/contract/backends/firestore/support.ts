import { Firestore, type Query, v1 } from '@google-cloud/firestore';
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import { grpc } from 'google-gax';
import { onTestFinished, vi } from 'vitest';
import { loadServices } from '../../../../local/backends/protos.ts';
import { newProjectId, statusOf } from '../support.ts';

/** Connects with the project's real client to a database of the test's own. */
export function connect(host: string, { projectId = newProjectId(), databaseId = '(default)' } = {}): Firestore {
  vi.stubEnv('FIRESTORE_EMULATOR_HOST', host);
  const firestore = new Firestore({ projectId, databaseId });
  vi.unstubAllEnvs();
  onTestFinished(() => firestore.terminate());
  return firestore;
}

/** Connects without the checks that the handwritten client makes before it sends. */
export function connectRaw(host: string) {
  const { hostname, port } = new URL(`http://${host}`);
  const projectId = newProjectId();
  const sslCreds = grpc.credentials.createInsecure();
  const client = new v1.FirestoreClient({ servicePath: hostname, port: Number(port), sslCreds, projectId });
  onTestFinished(() => client.close());
  const database = `projects/${projectId}/databases/(default)`;
  const documents = `${database}/documents`;
  /** Returns the status of a commit of one write, without the client's retries. */
  const write = async (one: object) => await statusOf(client.commit({ database, writes: [one] }, { retry: null }));
  return { client, database, documents, write };
}

export type Raw = ReturnType<typeof connectRaw>;

/** The ids of what a query finds, in its order. */
export async function idsOf(query: Query): Promise<readonly string[]> {
  return (await query.get()).docs.map(({ id }) => id);
}

const [SERVICE = {}] = loadServices('@google-cloud/firestore/build/protos/v1.json', 'google.firestore.v1.Firestore');
const Client = makeGenericClientConstructor(SERVICE, 'Firestore');

/** Makes a call whose response is a stream. The client library would repeat a refused query for 7 s. */
export async function callStream(host: string, method: string, request: object): Promise<readonly unknown[]> {
  const client = new Client(host, credentials.createInsecure());
  onTestFinished(() => client.close());
  const { path = '', requestSerialize, responseDeserialize } = SERVICE[method] ?? {};
  if (!requestSerialize || !responseDeserialize) throw new Error(`There is no method ${method}.`);
  return await client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request).toArray();
}
