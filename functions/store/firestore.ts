import { Firestore } from '@google-cloud/firestore';
import { CHANNEL_OPTIONS } from '../runtime/grpcChannel.ts';

const SERVICE = 'google.firestore.v1.Firestore';

/**
 * A call that hangs is given up by the channel itself; the handler waits no longer than this for any of them. A snapshot
 * listener is one call that goes on for as long as it listens.
 */
const SERVICE_CONFIG = {
  loadBalancingConfig: [{ pick_first: {} }],
  methodConfig: [{ name: [{ service: SERVICE, method: 'Listen' }] }, { name: [{ service: SERVICE }], timeout: '4s' }],
};

/** The client, which connects when it is first used. `FIRESTORE_EMULATOR_HOST` is its own to read. */
export function connectFirestore({
  projectId,
  database,
}: {
  projectId: string | undefined;
  database: string;
}): Firestore {
  return new Firestore({
    ...CHANNEL_OPTIONS,
    'grpc.service_config': JSON.stringify(SERVICE_CONFIG),
    ...(projectId === undefined ? {} : { projectId }),
    databaseId: database,
    ignoreUndefinedProperties: true,
  });
}
