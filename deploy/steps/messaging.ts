import { bindingOf, type Policy, PUBSUB_AGENT } from '../binding.ts';
import type { InstallationSpec } from '../installation.ts';
import { substitute, Gcloud } from '../line.ts';
import { labelled, type Resource, type Step } from '../plan.ts';

/** Topics keep messages this long, for a subscription that is created later or seeks back. */
const RETENTION = '--message-retention-duration=7d';

/** The topics, and the subscription that keeps dead letters. */
export function messaging(installation: InstallationSpec): Step {
  const { topics, subscriptions, hasExample } = installation;
  const topic = (name: string) =>
    labelled(installation, { title: `topic ${name}`, group: ['pubsub', 'topics'], name, flags: [RETENTION] });
  const deadLetters = subscriptionOf(installation, {
    name: subscriptions.deadLetters,
    topic: topics.deadLetter,
    flags: ['--expiration-period=never', RETENTION],
  });
  const publisher = bindingOf(installation, {
    on: `topic ${topics.deadLetter}`,
    group: ['pubsub', 'topics'],
    name: [topics.deadLetter],
    member: PUBSUB_AGENT,
    role: 'roles/pubsub.publisher',
  });
  return {
    name: 'messaging',
    title: 'Topics and subscriptions',
    needs: ['project'],
    chains: [
      [topic(topics.events)],
      [
        topic(topics.deadLetter),
        agentOf(installation),
        publisher,
        ...deadLetters,
        topic(topics.results),
        ...(hasExample ? exampleOf(installation) : []),
      ],
    ],
  };
}

/** A subscription of results to copy: filter, order, exactly-once delivery, backoff and dead letters. */
function exampleOf(installation: InstallationSpec): readonly Resource[] {
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

/** Describes Pub/Sub's service agent, which a new project lacks until it is requested. It exists where it has its role. */
function agentOf(installation: InstallationSpec): Resource {
  const gcloud = new Gcloud(installation);
  return {
    kind: 'resource',
    title: "Pub/Sub's service agent",
    read: gcloud.read('pubsub', 'topics', 'get-iam-policy', installation.topics.deadLetter),
    differences: ({ bindings = [] }: Policy, variables) =>
      bindings.some(({ members }) => members?.includes(substitute(PUBSUB_AGENT, variables))) ? [] : ['missing'],
    create: [gcloud.run('beta', 'services', 'identity', 'create', '--service=pubsub.googleapis.com')],
  };
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
  { name, topic, filter = '', ordered = false, flags }: Subscription,
): readonly Resource[] {
  const group = ['pubsub', 'subscriptions'];
  const isSame = (found: FoundSubscription) =>
    (found.filter ?? '') === filter && (found.enableMessageOrdering ?? false) === ordered;
  const described = labelled(installation, {
    title: `subscription ${name}`,
    group,
    name,
    fixed: [
      `--topic=${topic}`,
      ...(filter === '' ? [] : [`--message-filter=${filter}`]),
      ...(ordered ? ['--enable-message-ordering'] : []),
    ],
    flags,
    more: {
      refusal: (found: FoundSubscription) =>
        isSame(found)
          ? undefined
          : 'It has another filter or order, which cannot be changed. Once it has no messages left, run ' +
            `"${new Gcloud(installation).run(...group, 'delete', name)}" and this command again.`,
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
  const role = 'roles/pubsub.subscriber';
  const on = `subscription ${name}`;
  return [subscription, bindingOf(installation, { on, group, name: [name], member: PUBSUB_AGENT, role })];
}
