/**
 * Settings of every gRPC channel.
 *
 * After an outage grpc-js waits up to two minutes before it connects again, and a connection that swallows everything
 * is noticed by nobody: both would keep a function useless long after its backend is well. Pings are sent only while a
 * call is open, which here means only while one hangs.
 */
export const CHANNEL_OPTIONS = {
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
};
