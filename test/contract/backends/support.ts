import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe } from 'vitest';
import * as firestore from '../../../local/backends/firestore/index.ts';
import * as official from '../../../local/backends/official.ts';
import * as pubsub from '../../../local/backends/pubsub/index.ts';
import { hasEmulators } from '../../support/requirements.ts';

/** A running backend, for one suite. */
export interface Backend {
  readonly isEmbedded: boolean;
  /** `127.0.0.1:port`, once the suite's tests run. */
  readonly host: string;
}

const STARTS = {
  Firestore: { official: () => official.startFirestore(), embedded: () => firestore.startFirestore() },
  'Pub/Sub': { official: () => official.startPubsub(), embedded: () => pubsub.startPubsub() },
};

/**
 * Runs a suite against the embedded stand-in and, where it is installed, against the official emulator. A test whose
 * result depends on the backend names both results; docs/local.md lists the differences.
 */
export function describeBackends(
  service: keyof typeof STARTS,
  subject: string,
  suite: (backend: Backend) => void,
): void {
  for (const kind of ['official', 'embedded'] as const) {
    describe.skipIf(kind === 'official' && !hasEmulators)(`${service} ${subject}, ${kind}`, () => {
      let server: { readonly host: string; stop(): Promise<unknown> };
      beforeAll(async () => void (server = await STARTS[service][kind]()));
      afterAll(async () => void (await server.stop()));
      suite({
        isEmbedded: kind === 'embedded',
        get host() {
          return server.host;
        },
      });
    });
  }
}

/** Returns the name of the gRPC status that a call ends with. */
export async function statusOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    const { code = status.UNKNOWN } = error as { code?: status };
    return status[code] ?? String(code);
  }
}

export function newProjectId(): string {
  return `demo-${randomBytes(6).toString('hex')}`;
}
