import { bindingOf, Gcloud, PUBSUB_AGENT } from '../gcloud.ts';
import type { Installation } from '../installation.ts';
import { definitionOf, LABEL, labelled, type Resource, type Step } from '../plan.ts';

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
        fixed: [],
        flags: ['--expiration-period=never', RETENTION],
      }),
      ...subscriptionOf(installation, {
        name: subscriptions.example,
        topic: topics.results,
        fixed: [`--message-filter=attributes.result_status = "ok"`, '--enable-message-ordering'],
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

interface Subscription {
  readonly name: string;
  readonly topic: string;
  /** What cannot be changed afterwards. */
  readonly fixed: readonly string[];
  readonly flags: readonly string[];
}

/** A subscription, and the right of Pub/Sub to take a message out of it that it moves to the dead letters. */
export function subscriptionOf(
  installation: Installation,
  { name, topic, fixed, flags }: Subscription,
): readonly Resource[] {
  const gcloud = new Gcloud(installation);
  const definition = definitionOf(...flags);
  const subscriptions = (verb: string, ...more: readonly string[]) =>
    gcloud.run('pubsub', 'subscriptions', verb, name, ...more);
  const subscription = labelled(`subscription ${name}`, definition, {
    read: gcloud.read('pubsub', 'subscriptions', 'describe', name),
    create: subscriptions('create', `--topic=${topic}`, ...fixed, ...flags, `--labels=${LABEL}=${definition}`),
    update: subscriptions('update', ...flags, `--update-labels=${LABEL}=${definition}`),
    remove: subscriptions('delete'),
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
