/** The served part of google.pubsub.v1, as `loadServices` decodes it. */

/** A duration, or the time since 1970. */
interface Time {
  readonly seconds: string | number;
  readonly nanos: number;
}

export function toMillis({ seconds, nanos }: Time): number {
  return Number(seconds) * 1_000 + nanos / 1e6;
}

/** Formats as RFC 3339. */
export function toIsoTime(time: Time): string {
  return new Date(toMillis(time)).toISOString();
}

export function fromMillis(millis: number): Time {
  return { seconds: Math.floor(millis / 1_000), nanos: (millis % 1_000) * 1e6 };
}

export interface Message {
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageId: string;
  readonly publishTime: Time;
  readonly orderingKey: string;
}

export interface TopicConfig {
  readonly name: string;
  readonly [field: string]: unknown;
}

export interface SubscriptionConfig {
  readonly name: string;
  readonly topic: string;
  readonly filter: string;
  readonly ackDeadlineSeconds: number;
  readonly enableMessageOrdering: boolean;
  readonly pushConfig: { readonly pushEndpoint: string; readonly noWrapper?: object } | null;
  readonly deadLetterPolicy: { readonly deadLetterTopic: string; readonly maxDeliveryAttempts: number } | null;
  readonly retryPolicy: { readonly minimumBackoff: Time | null; readonly maximumBackoff: Time | null } | null;
  readonly [field: string]: unknown;
}
