import { execFileSync } from 'node:child_process';
import { globSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { eventually, freePort, startTied } from '../process.ts';

/** Where the emulators listen, as `host:port`, in the client libraries' own variables. */
export interface Emulators {
  readonly env: { readonly FIRESTORE_EMULATOR_HOST: string; readonly PUBSUB_EMULATOR_HOST: string };
  stop(): Promise<void>;
}

/** For an emulator that lives for minutes: less compiling, less memory, a quicker start. */
const JAVA_OPTIONS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Duser.language=en'];

const FIRESTORE_MAIN = 'com.google.cloud.datastore.emulator.firestore.CloudFirestore';

const READY_MILLIS = 30_000;

const HOW_TO_INSTALL = `
The demo and the tests run on Google's own Firestore and Pub/Sub emulators. They need
  - Java 21 (17 does for Google Cloud SDK 528 and older):  https://adoptium.net
  - the Google Cloud SDK:                                   https://cloud.google.com/sdk/docs/install
  - its two emulators:    gcloud components install cloud-firestore-emulator pubsub-emulator beta
    (on Debian, Ubuntu:   apt-get install google-cloud-cli-firestore-emulator google-cloud-cli-pubsub-emulator)
or emulators that run already: set FIRESTORE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST to their host:port.`;

/** Starts the official emulators, or uses those that the environment names. */
export async function startEmulators(): Promise<Emulators> {
  const { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST } = process.env;
  if (FIRESTORE_EMULATOR_HOST && PUBSUB_EMULATOR_HOST) {
    return { env: { FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST }, stop: async () => {} };
  }
  requireJava();
  const [firestore, pubsub] = await Promise.all([startFirestore(), startPubsub()]);
  return {
    env: { FIRESTORE_EMULATOR_HOST: firestore.host, PUBSUB_EMULATOR_HOST: pubsub.host },
    stop: async () => {
      await Promise.all([firestore.stop(), pubsub.stop()]);
    },
  };
}

/** One emulator, ready, in a process of its own. */
export interface Emulator {
  readonly host: string;
  readonly port: number;
  stop(): Promise<unknown>;
}

/** @param seed the metadata file of an export that it begins with. */
export async function startFirestore(port?: number, seed?: string): Promise<Emulator> {
  const jar = findJar('cloud-firestore-emulator/cloud-firestore-emulator.jar');
  return await startJava(['-cp', jar, FIRESTORE_MAIN, 'start', ...(seed ? [`--seed_from_export=${seed}`] : [])], port);
}

/** It begins with nothing: no topic, no subscription. */
export async function startPubsub(port?: number): Promise<Emulator> {
  return await startJava(['-jar', findJar('pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar')], port);
}

async function startJava(args: readonly string[], given?: number): Promise<Emulator> {
  const port = given ?? (await freePort());
  const host = `127.0.0.1:${port}`;
  const emulator = await startTied('java', [...JAVA_OPTIONS, ...args, '--host=127.0.0.1', `--port=${port}`]);
  let output = '';
  emulator.stdout.on('data', (chunk) => (output = `${output}${chunk}`.slice(-2_000)));
  emulator.stderr.on('data', (chunk) => (output = `${output}${chunk}`.slice(-2_000)));
  const ready = eventually(
    `${host} answers`,
    READY_MILLIS,
    async () => (await fetch(`http://${host}/`)).ok || undefined,
  );
  const ended = emulator.exited.then((code) => {
    throw new Error(`An emulator ended with exit code ${code}:\n${output}\n${HOW_TO_INSTALL}`);
  });
  try {
    await Promise.race([ready, ended]);
  } catch (error) {
    await emulator.end('SIGKILL');
    throw error;
  }
  ended.catch(() => {});
  return { host, port, stop: () => emulator.end() };
}

function requireJava(): void {
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' });
  } catch (cause) {
    throw new Error(`Java was not found.\n${HOW_TO_INSTALL}`, { cause });
  }
}

function findJar(pattern: string): string {
  for (const root of sdkRoots()) {
    const [jar] = globSync(join(root, 'platform', pattern));
    if (jar !== undefined) return jar;
  }
  throw new Error(`${pattern} was not found in a Google Cloud SDK.\n${HOW_TO_INSTALL}`);
}

function sdkRoots(): readonly string[] {
  const usual = [
    '/usr/lib/google-cloud-sdk',
    '/opt/homebrew/share/google-cloud-sdk',
    join(homedir(), 'google-cloud-sdk'),
  ];
  try {
    const gcloud = execFileSync('sh', ['-c', 'command -v gcloud'], { encoding: 'utf8' }).trim();
    return [dirname(dirname(realpathSync(gcloud))), ...usual];
  } catch {
    return usual;
  }
}
