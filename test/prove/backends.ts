import { OfficialFirestore } from './firestoreBackend.ts';
import { EmbeddedPubsub, OfficialPubsub, type PubsubBackend } from './pubsubBackend.ts';

/** `official`: Google's emulators. `embedded`: the project's own Pub/Sub beside Google's Firestore emulator. */
export const BACKENDS = ['official', 'embedded'] as const;
export type BackendKind = (typeof BACKENDS)[number];

/** The test's own backends, which it stops and restarts on the same ports. */
export class Backends {
  readonly firestore: OfficialFirestore;
  readonly pubsub: PubsubBackend;

  private constructor(firestore: OfficialFirestore, pubsub: PubsubBackend) {
    this.firestore = firestore;
    this.pubsub = pubsub;
  }

  /** Starts them and points this process's client libraries to them. */
  static async start(kind: BackendKind): Promise<Backends> {
    const Pubsub = { official: OfficialPubsub, embedded: EmbeddedPubsub }[kind];
    const [firestore, pubsub] = await Promise.all([OfficialFirestore.start(), Pubsub.start()]);
    const env = { FIRESTORE_EMULATOR_HOST: firestore.host, PUBSUB_EMULATOR_HOST: pubsub.host };
    Object.assign(process.env, env, { METADATA_SERVER_DETECTION: 'none' });
    return new Backends(firestore, pubsub);
  }

  async stop(): Promise<void> {
    await Promise.all([this.firestore.stop(), this.pubsub.stop()]);
  }
}
