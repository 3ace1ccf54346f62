import { PublisherClient, SubscriberClient } from '@google-cloud/pubsub-api';
import type { ProjectSettings } from '../../functions/config/settings.ts';
import { clientOptions } from '../../functions/runtime/grpcChannel.ts';

/** Messages in a subscription of the dead-letter topic. */
export interface DeadLetters {
  readonly count: number;
  /** Pub/Sub gives no count, so at most {@link LOOKED_AT} are counted. */
  readonly hasMore: boolean;
  /** Absent where nothing keeps dead letters. */
  readonly subscription?: string | undefined;
  readonly project: string;
}

const LOOKED_AT = 10;
const CALL = { timeout: 5_000, retry: null } as const;

/** Pulls some dead letters and returns them to Pub/Sub at once. */
export async function readDeadLetters({
  projectId = '',
  topics,
  pubsubEmulator,
}: ProjectSettings): Promise<DeadLetters> {
  const options = clientOptions(projectId, pubsubEmulator);
  const [publisher, subscriber] = [new PublisherClient(options), new SubscriberClient(options)];
  const topic = `projects/${projectId}/topics/${topics.deadLetter}`;
  const [names] = await publisher.listTopicSubscriptions({ topic }, CALL);
  const [name] = names;
  if (name === undefined) return { count: 0, hasMore: false, project: projectId };
  const [{ receivedMessages }] = await subscriber.pull(
    { subscription: name, maxMessages: LOOKED_AT, returnImmediately: true },
    CALL,
  );
  const ackIds = (receivedMessages ?? []).flatMap(({ ackId }) => ackId ?? []);
  if (ackIds.length > 0)
    await subscriber.modifyAckDeadline({ subscription: name, ackIds, ackDeadlineSeconds: 0 }, CALL);
  const subscription = name.split('/').at(-1);
  return { count: ackIds.length, hasMore: ackIds.length === LOOKED_AT, subscription, project: projectId };
}
