import type { google } from '@google-cloud/pubsub-api/build/protos/protos.js';

/** @returns undefined where the duration is not set. */
export function durationMillis(duration: google.protobuf.IDuration | null | undefined): number | undefined {
  return duration ? Number(duration.seconds ?? 0) * 1_000 + (duration.nanos ?? 0) / 1e6 : undefined;
}

/** The time now, to the millisecond. */
export function timestamp(millis = Date.now()): google.protobuf.ITimestamp {
  return { seconds: Math.floor(millis / 1_000), nanos: (millis % 1_000) * 1e6 };
}

/** A timestamp in RFC 3339. */
export function isoTime(time: google.protobuf.ITimestamp | null | undefined): string {
  return new Date(Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6).toISOString();
}
