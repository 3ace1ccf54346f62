import { grant } from '../binding.ts';
import type { FunctionName } from '../../functions/config/variables.ts';
import { type Account, type InstallationSpec, urlOf } from '../installation.ts';
import { digestOf } from '../line.ts';
import type { Resource } from '../plan.ts';
import { OLDER } from '../resource.ts';
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

/** Returns the Cloud Scheduler job that calls `reconcileJobs`, with the role that it needs. */
export function schedule(installation: InstallationSpec): readonly Resource[] {
  return [invoker(installation, 'reconcileJobs', 'cron'), schedulerJob(installation)];
}

function invoker(installation: InstallationSpec, name: FunctionName, to: Account): Resource {
  const service = installation.services[name];
  const on = { title: service, group: ['run', 'services'], words: [service, `--region=${installation.region}`] };
  return grant(installation, { role: 'roles/run.invoker', on, to });
}

interface FoundJob {
  readonly description?: string;
  readonly state?: string;
}

/** Jobs have no labels: the description carries the digest. */
const PURPOSE = 'Calls reconcileJobs of gemini-callbacks';

function schedulerJob(installation: InstallationSpec): Resource {
  const { gcloud, schedulerJob: name, region, accounts } = installation;
  const url = urlOf(installation, 'reconcileJobs');
  const flags = [
    '--schedule=*/5 * * * *',
    '--time-zone=Etc/UTC',
    `--uri=${url}`,
    '--http-method=POST',
    `--oidc-service-account-email=${accounts.cron}`,
    `--oidc-token-audience=${url}`,
    '--attempt-deadline=60s',
    '--max-retry-attempts=3',
    '--min-backoff=10s',
    '--max-backoff=60s',
  ];
  const description = `${PURPOSE} (${digestOf(...flags)})`;
  const jobs = (...words: readonly string[]) => gcloud.run('scheduler', 'jobs', ...words, `--location=${region}`);
  const described = [...flags, `--description=${description}`];
  return {
    kind: 'resource',
    title: `scheduler job ${name}`,
    read: gcloud.read('scheduler', 'jobs', 'describe', name, `--location=${region}`),
    differences: (found: FoundJob) => [
      ...(found.description === description ? [] : [OLDER]),
      ...(found.state === 'ENABLED' ? [] : [`its state is ${found.state}`]),
    ],
    create: [jobs('create', 'http', name, ...described)],
    update: ({ state }: FoundJob) => [
      jobs('update', 'http', name, ...described),
      ...(state === 'ENABLED' ? [] : [jobs('resume', name)]),
    ],
    remove: () => [jobs('delete', name)],
    isOwned: (found: FoundJob) => found.description?.startsWith(PURPOSE) ?? false,
  };
}
