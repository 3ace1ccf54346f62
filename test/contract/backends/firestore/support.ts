import { randomBytes } from 'node:crypto';
import { Firestore, type Query, v1 } from '@google-cloud/firestore';
import { grpc } from 'google-gax';
import { afterAll, beforeAll, describe, onTestFinished, vi } from 'vitest';
import { startFirestore } from '../../../../local/backends/firestore/index.ts';
import { startFirestore as startOfficial } from '../../../../local/backends/official.ts';
import { hasEmulators } from '../../../support/requirements.ts';

/** A running backend, for one suite. */
interface Backend {
  readonly isEmbedded: boolean;
  /** `127.0.0.1:port`, once the suite's tests run. */
  readonly host: string;
}

/** Runs a suite against the embedded stand-in and, where it is installed, against the official emulator. */
export function describeBackends(title: string, suite: (backend: Backend) => void): void {
  const official = { name: 'official', start: () => startOfficial(), isThere: hasEmulators };
  const embedded = { name: 'embedded', start: () => startFirestore(), isThere: true };
  for (const { name, start, isThere } of [official, embedded]) {
    describe.skipIf(!isThere)(`${title}, ${name}`, () => {
      let server: { readonly host: string; stop(): Promise<unknown> };
      beforeAll(async () => void (server = await start()));
      afterAll(async () => void (await server.stop()));
      suite({
        isEmbedded: name === 'embedded',
        get host() {
          return server.host;
        },
      });
    });
  }
}

/** Connects with the project's real client to a database of the test's own. */
export function connect(host: string, { projectId = newProjectId(), databaseId = '(default)' } = {}): Firestore {
  vi.stubEnv('FIRESTORE_EMULATOR_HOST', host);
  const firestore = new Firestore({ projectId, databaseId });
  vi.unstubAllEnvs();
  onTestFinished(() => firestore.terminate());
  return firestore;
}

/** Connects without the checks that the handwritten client makes before it sends. */
export function connectRaw(host: string): {
  client: InstanceType<typeof v1.FirestoreClient>;
  database: string;
  documents: string;
} {
  const { hostname, port } = new URL(`http://${host}`);
  const projectId = newProjectId();
  const client = new v1.FirestoreClient({
    servicePath: hostname,
    port: Number(port),
    sslCreds: grpc.credentials.createInsecure(),
    projectId,
  });
  onTestFinished(() => client.close());
  const database = `projects/${projectId}/databases/(default)`;
  return { client, database, documents: `${database}/documents` };
}

/** The ids of what a query finds, in its order. */
export async function idsOf(query: Query): Promise<readonly string[]> {
  return (await query.get()).docs.map(({ id }) => id);
}

/** Returns the name of the gRPC status that a call ends with. */
export async function statusOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    const { code = grpc.status.UNKNOWN } = error as { code?: grpc.status };
    return grpc.status[code] ?? String(code);
  }
}

export function newProjectId(): string {
  return `demo-${randomBytes(6).toString('hex')}`;
}
