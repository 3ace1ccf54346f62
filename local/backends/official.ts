import { execFileSync } from 'node:child_process';
import { globSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { eventually, freePort, startTied } from '../process.ts';

/** An emulator runs for minutes only: these save compilation, memory and time to start. */
const JAVA_OPTIONS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Duser.language=en'];

const FIRESTORE_MAIN = 'com.google.cloud.datastore.emulator.firestore.CloudFirestore';

const READY_MILLIS = 30_000;

const HOW_TO_INSTALL = `Google's emulators need
  - Java 21 (17 for Google Cloud SDK 528 and older):  https://adoptium.net
  - the Google Cloud SDK:                             https://cloud.google.com/sdk/docs/install
  - its two emulators:    gcloud components install cloud-firestore-emulator pubsub-emulator beta
    (Debian, Ubuntu:      apt-get install google-cloud-cli-firestore-emulator google-cloud-cli-pubsub-emulator)
The embedded backends need none of these: LOCAL_BACKENDS=embedded.`;

const FIRESTORE_JAR = 'cloud-firestore-emulator/cloud-firestore-emulator.jar';
const PUBSUB_JAR = 'pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar';

/** Names the part of the official emulators that this machine lacks; `undefined` where they can be started. */
export function missingPart(): string | undefined {
  if (!hasJava()) return 'Java';
  if (findJar(FIRESTORE_JAR) === undefined) return "the Google Cloud SDK's Firestore emulator";
  return findJar(PUBSUB_JAR) === undefined ? "the Google Cloud SDK's Pub/Sub emulator" : undefined;
}

/** A running emulator, in a separate process. */
export interface Emulator {
  readonly host: string;
  readonly port: number;
  stop(): Promise<unknown>;
}

/** @param seed the metadata file of an export to import. */
export async function startFirestore(port?: number, seed?: string): Promise<Emulator> {
  const jar = requireJar(FIRESTORE_JAR);
  return await startJava(['-cp', jar, FIRESTORE_MAIN, 'start', ...(seed ? [`--seed_from_export=${seed}`] : [])], port);
}

/** Starts without topics and subscriptions. */
export async function startPubsub(port?: number): Promise<Emulator> {
  return await startJava(['-jar', requireJar(PUBSUB_JAR)], port);
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

function hasJava(): boolean {
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function requireJar(pattern: string): string {
  const missing = missingPart();
  const jar = findJar(pattern);
  if (missing === undefined && jar !== undefined) return jar;
  throw new Error(`${missing} was not found. ${HOW_TO_INSTALL}`);
}

function findJar(pattern: string): string | undefined {
  return sdkRoots().flatMap((root) => globSync(join(root, 'platform', pattern)))[0];
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
