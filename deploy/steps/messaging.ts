import { grant, pubsubAgent, topic } from '../binding.ts';
import type { InstallationSpec } from '../installation.ts';
import type { Resource } from '../plan.ts';
import { labelled } from '../resource.ts';

/** Topics keep messages this long, for a subscription that is created later or seeks back. */
const RETENTION = '--message-retention-duration=7d';

/** Returns the topics, the subscription that keeps dead letters, and an example of a consumer's subscription. */
export function messaging(installation: InstallationSpec): readonly (readonly Resource[])[] {
  const { topics, subscriptions, hasExample } = installation;
  const topicOf = (name: string) =>
    labelled(installation, { title: `topic ${name}`, group: ['pubsub', 'topics'], name, flags: [RETENTION] });
  const deadLetters = { name: subscriptions.deadLetters, topic: topics.deadLetter };
  return [
    [topicOf(topics.events)],
    [
      topicOf(topics.deadLetter),
      pubsubAgent(installation),
      grant(installation, { role: 'roles/pubsub.publisher', on: topic(topics.deadLetter), to: 'pubsubAgent' }),
      ...subscriptionOf(installation, { ...deadLetters, flags: ['--expiration-period=never', RETENTION] }),
      topicOf(topics.results),
      ...(hasExample ? exampleSubscription(installation) : []),
    ],
  ];
}

/** A subscription of results to copy: filter, order, exactly-once delivery, backoff and dead letters. */
function exampleSubscription(installation: InstallationSpec): readonly Resource[] {
  const { topics, subscriptions } = installation;
  return subscriptionOf(installation, {
    name: subscriptions.example,
    topic: topics.results,
    filter: 'attributes.result_status = "ok"',
    ordered: true,
    flags: [
      '--enable-exactly-once-delivery',
      '--ack-deadline=60',
      '--min-retry-delay=10s',
      '--max-retry-delay=600s',
      `--dead-letter-topic=${topics.deadLetter}`,
      '--max-delivery-attempts=10',
      '--expiration-period=never',
      RETENTION,
    ],
  });
}

interface Subscription {
  readonly name: string;
  readonly topic: string;
  /** Fixed after creation, as is the order. */
  readonly filter?: string;
  readonly ordered?: boolean;
  readonly flags: readonly string[];
}

interface FoundSubscription {
  readonly filter?: string;
  readonly enableMessageOrdering?: boolean;
}

/** Describes a subscription, and Pub/Sub's right to acknowledge the messages that it moves to the dead-letter topic. */
export function subscriptionOf(
  installation: InstallationSpec,
  { name, topic: topicId, filter = '', ordered = false, flags }: Subscription,
): readonly Resource[] {
  const group = ['pubsub', 'subscriptions'];
  const isSame = (found: FoundSubscription) =>
    (found.filter ?? '') === filter && (found.enableMessageOrdering ?? false) === ordered;
  const described = labelled(installation, {
    title: `subscription ${name}`,
    group,
    name,
    fixed: [
      `--topic=${topicId}`,
      ...(filter === '' ? [] : [`--message-filter=${filter}`]),
      ...(ordered ? ['--enable-message-ordering'] : []),
    ],
    flags,
    more: {
      refusal: (found: FoundSubscription) =>
        isSame(found)
          ? undefined
          : 'It has another filter or order, which cannot be changed. Once it has no messages left, run ' +
            `"${installation.gcloud.run(...group, 'delete', name)}" and this command again.`,
    },
  });
  const subscription: Resource = {
    ...described,
    differences: (found, variables) => [
      ...described.differences(found, variables),
      ...(isSame(found) ? [] : ['another filter or order']),
    ],
  };
  if (!flags.some((flag) => flag.startsWith('--dead-letter-topic='))) return [subscription];
  const on = { title: `subscription ${name}`, group, words: [name] };
  return [subscription, grant(installation, { role: 'roles/pubsub.subscriber', on, to: 'pubsubAgent' })];
}
