import { grpc } from 'google-gax';

/** Options of a generated client of Pub/Sub. @param emulator `host:port`, which the client does not know of. */
export function clientOptions(projectId: string, emulator: string | undefined) {
  if (emulator === undefined) return { projectId };
  const { hostname, port } = new URL(`http://${emulator}`);
  return { projectId, servicePath: hostname, port: Number(port), sslCreds: grpc.credentials.createInsecure() };
}
