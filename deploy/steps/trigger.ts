import { grant, invoker } from '../binding.ts';
import { type InstallationSpec, urlOf } from '../installation.ts';
import type { Resource } from '../plan.ts';
import { subscriptionOf } from './messaging.ts';

/**
 * Returns the push subscription that calls `fetchResults`, with the roles that it needs. Eventarc would keep an event for
 * 24 hours; this subscription keeps it for 7 days, filters out events without a job, and has a dead-letter topic
 * (docs/design/0004-push-subscription.md).
 */
export function pushSubscription(installation: InstallationSpec): readonly Resource[] {
  const { subscriptions, topics, accounts } = installation;
  const url = urlOf(installation, 'fetchResults');
  const on = {
    title: 'the account of push requests',
    group: ['iam', 'service-accounts'],
    words: [accounts.push],
  };
  return [
    invoker(installation, 'fetchResults', 'push'),
    grant(installation, { role: 'roles/iam.serviceAccountTokenCreator', on, to: 'pubsubAgent' }),
    ...subscriptionOf(installation, {
      name: subscriptions.push,
      topic: topics.events,
      filter: 'attributes:job_id',
      flags: [
        `--push-endpoint=${url}`,
        `--push-auth-service-account=${accounts.push}`,
        `--push-auth-token-audience=${url}`,
        '--ack-deadline=600',
        '--min-retry-delay=10s',
        '--max-retry-delay=600s',
        `--dead-letter-topic=${topics.deadLetter}`,
        '--max-delivery-attempts=100',
        '--expiration-period=never',
        '--message-retention-duration=7d',
      ],
    }),
  ];
}
