import type { ProtoTimestamp } from './messages.ts';

/** Converts to microseconds since 1970, Firestore's precision. Exact until the year 2255. */
export function toMicros({ seconds, nanos }: ProtoTimestamp): number {
  return Number(seconds) * 1_000_000 + Math.floor(nanos / 1_000);
}

export function fromMicros(micros: number): ProtoTimestamp {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds, nanos: (micros - seconds * 1_000_000) * 1_000 };
}
