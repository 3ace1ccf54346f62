import { randomBytes } from 'node:crypto';
import { SubscriberClient } from '@google-cloud/pubsub-api';
import { clientOptions } from '../../functions/runtime/grpcChannel.ts';
import { GrpcStatus } from '../google/grpcStatus.ts';

/** Shortest expiration that Pub/Sub allows: a subscription that a killed command left is deleted after a day. */
const EXPIRES_SECONDS = 86_400;
/** Shortest retention: only events from now on are of interest. */
const RETENTION_SECONDS = 600;
/** Longer than a receiver may take to answer. */
const ACK_DEADLINE_SECONDS = 60;
/** A filter of Pub/Sub has at most 256 bytes; a longer one is applied here alone. */
const MAX_FILTER_BYTES = 256;
const BATCH = 10;

/** The events to print. An absent part matches all. */
interface EventFilter {
  readonly type?: string | undefined;
  readonly route?: string | undefined;
  /** The names that the job may have. */
  readonly job?: readonly string[] | undefined;
}

export interface ReceivedEvent {
  readonly ackId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly data: Buffer;
}

interface SubscriptionOptions {
  readonly projectId: string;
  readonly topic: string;
  /** `host:port` of an emulator. */
  readonly emulator: string | undefined;
  readonly filter: EventFilter;
}

/** A pull subscription of one listener, which deletes it at its end. */
export class ListenerSubscription {
  readonly name: string;
  readonly #client: SubscriberClient;
  readonly #filter: EventFilter;

  private constructor(client: SubscriberClient, name: string, filter: EventFilter) {
    this.#client = client;
    this.name = name;
    this.#filter = filter;
  }

  static async create({ projectId, topic, emulator, filter }: SubscriptionOptions): Promise<ListenerSubscription> {
    const client = new SubscriberClient(clientOptions(projectId, emulator));
    const name = `projects/${projectId}/subscriptions/${topic}-listen-${randomBytes(4).toString('hex')}`;
    const text = filterText(filter);
    await client.createSubscription({
      name,
      topic: `projects/${projectId}/topics/${topic}`,
      ackDeadlineSeconds: ACK_DEADLINE_SECONDS,
      expirationPolicy: { ttl: { seconds: EXPIRES_SECONDS } },
      messageRetentionDuration: { seconds: RETENTION_SECONDS },
      retryPolicy: { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 60 } },
      labels: { app: 'gemini-callbacks' },
      ...(Buffer.byteLength(text) <= MAX_FILTER_BYTES ? { filter: text } : {}),
    });
    return new ListenerSubscription(client, name, filter);
  }

  /** Waits for events. Those that the filter excludes are acknowledged: the emulators ignore filters. */
  async pull(): Promise<readonly ReceivedEvent[]> {
    const [{ receivedMessages }] = await this.#client
      .pull({ subscription: this.name, maxMessages: BATCH })
      .catch((error: unknown) => {
        if (isQuiet(error)) return [{ receivedMessages: [] }] as const;
        throw error;
      });
    const events = (receivedMessages ?? []).map(({ ackId, message }) => ({
      ackId: ackId ?? '',
      attributes: message?.attributes ?? {},
      data: Buffer.from((message?.data ?? '') as Uint8Array),
    }));
    const others = events.filter(({ attributes }) => !matches(this.#filter, attributes));
    if (others.length > 0) await this.acknowledge(...others);
    return events.filter((event) => !others.includes(event));
  }

  async acknowledge(...events: readonly ReceivedEvent[]): Promise<void> {
    await this.#client.acknowledge({ subscription: this.name, ackIds: events.map(({ ackId }) => ackId) });
  }

  /** Returns an event to Pub/Sub, which delivers it again after a growing pause. */
  async reject({ ackId }: ReceivedEvent): Promise<void> {
    await this.#client.modifyAckDeadline({ subscription: this.name, ackIds: [ackId], ackDeadlineSeconds: 0 });
  }

  async delete(): Promise<void> {
    await this.#client.deleteSubscription({ subscription: this.name });
  }
}

/** Writes a filter in Pub/Sub's syntax: https://cloud.google.com/pubsub/docs/subscription-message-filter */
function filterText({ type, route, job = [] }: EventFilter): string {
  const equals = (name: string, value: string) => `attributes.${name} = ${JSON.stringify(value)}`;
  const jobs = job.map((name) => equals('job_id', name)).join(' OR ');
  const parts = [
    ...(type === undefined ? [] : [equals('event_type', type)]),
    ...(route === undefined ? [] : [equals('route', route)]),
    ...(job.length > 1 ? [`(${jobs})`] : job.length === 1 ? [jobs] : []),
  ];
  return parts.join(' AND ');
}

function matches({ type, route, job }: EventFilter, attributes: Readonly<Record<string, string>>): boolean {
  return (
    (type === undefined || attributes['event_type'] === type) &&
    (route === undefined || attributes['route'] === route) &&
    (job === undefined || job.includes(attributes['job_id'] ?? ''))
  );
}

const QUIET: ReadonlySet<number> = new Set([GrpcStatus.DEADLINE_EXCEEDED, GrpcStatus.CANCELLED]);

/** Returns true where no event arrived during a call. */
function isQuiet(error: unknown): boolean {
  return error instanceof Error && 'code' in error && QUIET.has(Number(error.code));
}
