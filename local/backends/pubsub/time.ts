export interface Duration {
  readonly seconds: string | number;
  readonly nanos: number;
}

/** The time since 1970. */
export type Timestamp = Duration;

export function toMillis({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1_000 + nanos / 1e6;
}

export function fromMillis(millis: number): Timestamp {
  return { seconds: Math.floor(millis / 1_000), nanos: (millis % 1_000) * 1e6 };
}

/** Formats a timestamp as RFC 3339. */
export function isoTime(time: Timestamp | null): string {
  return new Date(time ? toMillis(time) : 0).toISOString();
}
