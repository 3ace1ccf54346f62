import { type FirestoreBackend, OfficialFirestore, startEmbeddedFirestore } from './firestoreBackend.ts';
import { OfficialPubsub, type PubsubBackend, startEmbeddedPubsub } from './pubsubBackend.ts';

const START = {
  /** Google's emulators. */
  official: async () => await Promise.all([OfficialFirestore.start(), OfficialPubsub.start()]),
  /** The project's own stand-ins, in this process. */
  embedded: async () => await Promise.all([startEmbeddedFirestore(), startEmbeddedPubsub()]),
} as const satisfies Record<string, () => Promise<readonly [FirestoreBackend, PubsubBackend]>>;

export type BackendKind = keyof typeof START;
export const BACKEND_KINDS = Object.keys(START) as readonly BackendKind[];

/** The test's own backends, which it stops and restarts on the same ports. */
export interface Backends {
  readonly firestore: FirestoreBackend;
  readonly pubsub: PubsubBackend;
}

/** Starts backends and points this process's client libraries to them. */
export async function startBackends(kind: BackendKind): Promise<Backends> {
  const [firestore, pubsub] = await START[kind]();
  const env = { FIRESTORE_EMULATOR_HOST: firestore.host, PUBSUB_EMULATOR_HOST: pubsub.host };
  Object.assign(process.env, env, { METADATA_SERVER_DETECTION: 'none' });
  return { firestore, pubsub };
}
