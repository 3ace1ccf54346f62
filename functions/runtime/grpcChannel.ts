import { grpc } from 'google-gax';

/**
 * Settings of every gRPC channel.
 *
 * After an outage grpc-js waits up to two minutes before it connects again, and it does not notice a connection that
 * drops every packet: either would keep a function down long after its backend has recovered. Pings are sent only while a
 * call is open, so in practice only while a call hangs.
 */
export const CHANNEL_OPTIONS = {
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
};

/**
 * Returns the options of a generated client.
 *
 * @param projectId left out, the client finds the project of its credentials.
 * @param emulator `host:port`: generated clients do not read the variables of the emulators.
 */
export function clientOptions(projectId: string | undefined, emulator: string | undefined) {
  const project = projectId === undefined ? {} : { projectId };
  if (emulator === undefined) return project;
  const { hostname, port } = new URL(`http://${emulator}`);
  return { ...project, servicePath: hostname, port: Number(port), sslCreds: grpc.credentials.createInsecure() };
}
