import { Firestore } from '@google-cloud/firestore';
import { CHANNEL_OPTIONS } from '../runtime/grpcChannel.ts';

const SERVICE = 'google.firestore.v1.Firestore';

/**
 * The channel ends a call that hangs; the handler waits no longer than this for any of them. A snapshot listener is one
 * call without an end.
 */
const SERVICE_CONFIG = {
  loadBalancingConfig: [{ pick_first: {} }],
  methodConfig: [{ name: [{ service: SERVICE, method: 'Listen' }] }, { name: [{ service: SERVICE }], timeout: '4s' }],
};

/** Returns the client. It connects at its first call, and reads `FIRESTORE_EMULATOR_HOST` itself. */
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
