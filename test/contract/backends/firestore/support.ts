import { randomBytes } from 'node:crypto';
import { Firestore } from '@google-cloud/firestore';
import { grpc } from 'google-gax';
import { afterAll, beforeAll, describe } from 'vitest';
import * as embedded from '../../../../local/backends/firestore/index.ts';
import * as official from '../../../../local/backends/official.ts';
import { hasEmulators } from '../../../support/requirements.ts';

export type BackendName = 'official' | 'embedded';

/** Clients of one backend, each with a project of its own. */
export interface Backend {
  readonly name: BackendName;
  readonly open: () => Firestore;
}

/** Runs a suite against the official emulator, where it is installed, and against the embedded stand-in. */
export function describeBackends(title: string, suite: (backend: Backend) => void): void {
  const all = [
    { name: 'official', start: () => official.startFirestore(), isThere: hasEmulators },
    { name: 'embedded', start: () => embedded.startFirestore(), isThere: true },
  ] as const;
  describe.each(all)(`${title}: $name`, ({ name, start, isThere }) => {
    let server: { readonly host: string; stop(): Promise<unknown> };
    const opened: Firestore[] = [];
    beforeAll(async () => {
      if (isThere) server = await start();
    });
    afterAll(async () => {
      await Promise.all(opened.map(async (firestore) => await firestore.terminate()));
      await server?.stop();
    });
    const open = () => {
      const firestore = connect(server.host);
      opened.push(firestore);
      return firestore;
    };
    describe.skipIf(!isThere)('is installed', () => {
      suite({ name, open });
    });
  });
}

/** A client of a project of its own. */
export function connect(host: string, projectId = `demo-${randomBytes(6).toString('hex')}`): Firestore {
  const { hostname, port } = new URL(`http://${host}`);
  return new Firestore({
    projectId,
    host: hostname,
    port: Number(port),
    ssl: false,
    sslCreds: grpc.credentials.createInsecure(),
  });
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
