import { bindingOf, Gcloud, holds, type Policy, PUBSUB_AGENT } from '../gcloud.ts';
import type { Installation } from '../installation.ts';
import { definitionOf, filled, LABEL, labelled, type Resource, type Step } from '../plan.ts';

/** Messages wait so long for a subscription that is made later, or that has to be set back. */
const RETENTION = '--message-retention-duration=7d';

/** The topics, a subscription that keeps what could not be handled, and an example to copy. */
export function messaging(installation: Installation): Step {
  const { topics, subscriptions } = installation;
  return {
    name: 'messaging',
    title: 'Pub/Sub',
    items: [
      ...Object.values(topics).map((topic) => topicOf(installation, topic)),
      agentOf(installation),
      bindingOf(installation, {
        on: `topic ${topics.deadLetter}`,
        group: ['pubsub', 'topics'],
        name: [topics.deadLetter],
        member: PUBSUB_AGENT,
        role: 'roles/pubsub.publisher',
      }),
      ...subscriptionOf(installation, {
        name: subscriptions.deadLetters,
        topic: topics.deadLetter,
        flags: ['--expiration-period=never', RETENTION],
      }),
      ...subscriptionOf(installation, {
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
      }),
    ],
  };
}

function topicOf(installation: Installation, topic: string): Resource {
  const gcloud = new Gcloud(installation);
  const definition = definitionOf(RETENTION);
  const topics = (verb: string, ...flags: readonly string[]) => gcloud.run('pubsub', 'topics', verb, topic, ...flags);
  return labelled(`topic ${topic}`, definition, {
    read: gcloud.read('pubsub', 'topics', 'describe', topic),
    create: topics('create', RETENTION, `--labels=${LABEL}=${definition}`),
    update: topics('update', RETENTION, `--update-labels=${LABEL}=${definition}`),
    remove: topics('delete'),
  });
}

/** Pub/Sub's own account: a new project has none until it is asked for. It is there where it has its role. */
function agentOf(installation: Installation): Resource {
  const gcloud = new Gcloud(installation);
  return {
    kind: 'resource',
    title: 'the account of Pub/Sub itself',
    read: gcloud.read('pubsub', 'topics', 'get-iam-policy', installation.topics.deadLetter),
    isCurrent: (policy: Policy, variables) => holds(policy, filled(PUBSUB_AGENT, variables)),
    create: [gcloud.run('beta', 'services', 'identity', 'create', '--service=pubsub.googleapis.com')],
  };
}

interface Subscription {
  readonly name: string;
  readonly topic: string;
  /** Neither this nor the order can be changed afterwards. */
  readonly filter?: string;
  readonly ordered?: boolean;
  readonly flags: readonly string[];
}

interface FoundSubscription {
  readonly filter?: string;
  readonly enableMessageOrdering?: boolean;
}

/** A subscription, and the right of Pub/Sub to take a message out of it that it moves to the dead letters. */
export function subscriptionOf(
  installation: Installation,
  { name, topic, filter = '', ordered = false, flags }: Subscription,
): readonly Resource[] {
  const gcloud = new Gcloud(installation);
  const fixed = [
    ...(filter === '' ? [] : [`--message-filter=${filter}`]),
    ...(ordered ? ['--enable-message-ordering'] : []),
  ];
  const definition = definitionOf(...flags);
  const isReady = (found: FoundSubscription) =>
    (found.filter ?? '') === filter && (found.enableMessageOrdering ?? false) === ordered;
  const subscriptions = (verb: string, ...more: readonly string[]) =>
    gcloud.run('pubsub', 'subscriptions', verb, name, ...more);
  const subscription = labelled(`subscription ${name}`, definition, {
    read: gcloud.read('pubsub', 'subscriptions', 'describe', name),
    create: subscriptions('create', `--topic=${topic}`, ...fixed, ...flags, `--labels=${LABEL}=${definition}`),
    update: subscriptions('update', ...flags, `--update-labels=${LABEL}=${definition}`),
    remove: subscriptions('delete'),
    isReady,
    refusal: (found: FoundSubscription) =>
      isReady(found)
        ? undefined
        : 'It has another filter or order, which cannot be changed. Once it has no messages left, run ' +
          `"${subscriptions('delete')}" and this command again.`,
  });
  if (!flags.some((flag) => flag.startsWith('--dead-letter-topic='))) return [subscription];
  const moving = bindingOf(installation, {
    on: `subscription ${name}`,
    group: ['pubsub', 'subscriptions'],
    name: [name],
    member: PUBSUB_AGENT,
    role: 'roles/pubsub.subscriber',
  });
  return [subscription, moving];
}
