import { join } from 'node:path';
import * as embeddedFirestore from './firestore/index.ts';
import { allOrNone } from '../process.ts';
import * as official from './official.ts';
import * as embeddedPubsub from './pubsub/index.ts';

const INDEX_FILE = join(import.meta.dirname, '../../firestore.indexes.json');

/** Firestore and Pub/Sub on this machine. */
interface Backends {
  readonly kind: 'official' | 'embedded' | 'given';
  /** One line for people: which backends run, and why these. */
  readonly summary: string;
  /** The client libraries' own variables. */
  readonly env: { readonly FIRESTORE_EMULATOR_HOST: string; readonly PUBSUB_EMULATOR_HOST: string };
  stop(): Promise<void>;
}

/**
 * Starts Google's emulators where Java and the Google Cloud SDK have them, and the embedded stand-ins otherwise.
 *
 * `LOCAL_BACKENDS=official|embedded` decides instead. Backends that the environment names by `FIRESTORE_EMULATOR_HOST` and
 * `PUBSUB_EMULATOR_HOST` are used as they are.
 *
 * @throws {Error} that says what to install, where the official ones are asked for and missing.
 */
export async function startBackends(variables: NodeJS.ProcessEnv = process.env): Promise<Backends> {
  const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST, LOCAL_BACKENDS } = variables;
  if (FIRESTORE_EMULATOR_HOST && PUBSUB_EMULATOR_HOST) {
    const summary = 'Backends: those that FIRESTORE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST name.';
    return { kind: 'given', summary, env: { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST }, stop: async () => {} };
  }
  if (LOCAL_BACKENDS === 'embedded') return await startEmbedded('LOCAL_BACKENDS=embedded');
  if (LOCAL_BACKENDS === 'official') return await startOfficial('LOCAL_BACKENDS=official');
  if (LOCAL_BACKENDS) throw new Error(`LOCAL_BACKENDS must be official or embedded, not ${LOCAL_BACKENDS}.`);
  const missing = official.missingPart();
  return missing === undefined
    ? await startOfficial('Java and the Google Cloud SDK are installed')
    : await startEmbedded(`${missing} was not found`);
}

async function startOfficial(reason: string): Promise<Backends> {
  const summary = `Backends: Google's official emulators (${reason}).`;
  return await started('official', summary, official.startFirestore(), official.startPubsub());
}

async function startEmbedded(reason: string): Promise<Backends> {
  const summary = `Backends: the project's embedded Firestore and Pub/Sub (${reason}).`;
  const firestore = embeddedFirestore.startFirestore({ indexes: INDEX_FILE });
  return await started('embedded', summary, firestore, embeddedPubsub.startPubsub());
}

interface Server {
  readonly host: string;
  stop(): Promise<unknown>;
}

async function started(
  kind: Backends['kind'],
  summary: string,
  ...starting: readonly [firestore: Promise<Server>, pubsub: Promise<Server>]
): Promise<Backends> {
  const servers = await allOrNone(starting, async (server) => await server.stop());
  const [firestore = '', pubsub = ''] = servers.map(({ host }) => host);
  const stop = async () => void (await Promise.all(servers.map(async (server) => await server.stop())));
  return { kind, summary, env: { FIRESTORE_EMULATOR_HOST: firestore, PUBSUB_EMULATOR_HOST: pubsub }, stop };
}
