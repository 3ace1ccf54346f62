import library, { Firestore } from '@google-cloud/firestore';
import { CHANNEL_OPTIONS } from '../runtime/grpcChannel.ts';
import { GrpcService } from '../runtime/grpcService.ts';

const SERVICE = 'google.firestore.v1.Firestore';

/**
 * The channel ends a call that hangs; the handler waits no longer than this for any of them. A snapshot listener is one
 * call without an end.
 */
const SERVICE_CONFIG = {
  loadBalancingConfig: [{ pick_first: {} }],
  methodConfig: [{ name: [{ service: SERVICE, method: 'Listen' }] }, { name: [{ service: SERVICE }], timeout: '4s' }],
};

const CHANNEL = { 'grpc.service_config': JSON.stringify(SERVICE_CONFIG) };

/** Lets the emulator's caller pass the security rules, as the credentials of a service account do. */
const EMULATOR_OWNER = { authorization: 'Bearer owner' };

interface DatabaseOptions {
  readonly projectId: string | undefined;
  readonly database: string;
}

/**
 * The client of a database. It connects at its first call, and reads `FIRESTORE_EMULATOR_HOST` itself.
 *
 * It has one more connection, `service`, over which `commits.ts` writes.
 */
export class Database extends Firestore {
  readonly service: GrpcService;

  constructor({ projectId, database }: DatabaseOptions) {
    super({
      ...CHANNEL_OPTIONS,
      ...CHANNEL,
      ...(projectId === undefined ? {} : { projectId }),
      databaseId: database,
      ignoreUndefinedProperties: true,
    });
    const emulator = process.env['FIRESTORE_EMULATOR_HOST'] || undefined;
    this.service = new GrpcService(library.v1.FirestoreClient, {
      projectId,
      emulator,
      ...(emulator === undefined ? {} : { headers: EMULATOR_OWNER }),
      channel: CHANNEL,
    });
  }

  override async terminate(): Promise<void> {
    await Promise.all([super.terminate(), this.service.close()]);
  }
}
