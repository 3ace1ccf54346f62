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

/** Returns the options with which a generated client calls an emulator. @param host `host:port`, without a scheme. */
export function emulatorOptions(host: string) {
  const { hostname, port } = new URL(`http://${host}`);
  return { servicePath: hostname, port: Number(port), sslCreds: grpc.credentials.createInsecure() };
}
