import { Firestore } from '@google-cloud/firestore';
import { CHANNEL_OPTIONS } from '../platform/channel.ts';

/** A call that hangs is given up by the channel itself; the handler waits no longer than this for any of them. */
const SERVICE_CONFIG = {
  loadBalancingConfig: [{ pick_first: {} }],
  methodConfig: [{ name: [{ service: 'google.firestore.v1.Firestore' }], timeout: '4s' }],
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
