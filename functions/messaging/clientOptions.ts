import { grpc } from 'google-gax';

export interface PubsubConnection {
  /** Found by the library where none is configured. */
  readonly projectId: string | undefined;
  /** `host:port` of an emulator: the generated clients do not read `PUBSUB_EMULATOR_HOST`. */
  readonly pubsubEmulator: string | undefined;
}

/** Returns the options of a generated client of Pub/Sub. */
export function clientOptions({ projectId, pubsubEmulator }: PubsubConnection) {
  const project = projectId === undefined ? {} : { projectId };
  if (pubsubEmulator === undefined) return project;
  const { hostname, port } = new URL(`http://${pubsubEmulator}`);
  return { ...project, servicePath: hostname, port: Number(port), sslCreds: grpc.credentials.createInsecure() };
}
