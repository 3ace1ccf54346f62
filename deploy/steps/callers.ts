import { bindingOf, PUBSUB_AGENT } from '../binding.ts';
import type { FunctionName } from '../../functions/config/variables.ts';
import { type InstallationSpec, urlOf } from '../installation.ts';
import { digestOf, Gcloud } from '../line.ts';
import { NOT_OWNED, type Resource, type Step } from '../plan.ts';
import { subscriptionOf } from './messaging.ts';

/**
 * The push subscription that calls `fetchResults`. Eventarc would keep an event for 24 hours; this subscription keeps it
 * for 7 days, filters out events without a job, and has a dead-letter topic (docs/design/0004-push-subscription.md).
 */
export function trigger(installation: InstallationSpec): Step {
  const { subscriptions, topics, accounts } = installation;
  const url = urlOf(installation, 'fetchResults');
  const tokens = bindingOf(installation, {
    on: 'the account of push requests',
    group: ['iam', 'service-accounts'],
    name: [accounts.push],
    member: PUBSUB_AGENT,
    role: 'roles/iam.serviceAccountTokenCreator',
  });
  const subscription = subscriptionOf(installation, {
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
  });
  return {
    name: 'trigger',
    title: 'Push subscription of fetchResults',
    needs: ['messaging', 'functions'],
    chains: [[invokerOf(installation, 'fetchResults', accounts.push), tokens, ...subscription]],
  };
}

/** The Cloud Scheduler job that calls `reconcileJobs`. */
export function scheduler(installation: InstallationSpec): Step {
  return {
    name: 'scheduler',
    title: 'Schedule of reconcileJobs',
    needs: ['functions'],
    chains: [[invokerOf(installation, 'reconcileJobs', installation.accounts.cron), jobOf(installation)]],
  };
}

function invokerOf(installation: InstallationSpec, name: FunctionName, account: string): Resource {
  const service = installation.services[name];
  return bindingOf(installation, {
    on: service,
    group: ['run', 'services'],
    name: [service, `--region=${installation.region}`],
    member: `serviceAccount:${account}`,
    role: 'roles/run.invoker',
  });
}

interface FoundJob {
  readonly description?: string;
  readonly state?: string;
}

/** Jobs have no labels: the description carries the digest. */
const PURPOSE = 'Calls reconcileJobs of gemini-callbacks';

function jobOf(installation: InstallationSpec): Resource {
  const gcloud = new Gcloud(installation);
  const { schedulerJob: name, region, accounts } = installation;
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
  const isOwned = (found: FoundJob) => found.description?.startsWith(PURPOSE) ?? false;
  return {
    kind: 'resource',
    title: `scheduler job ${name}`,
    read: gcloud.read('scheduler', 'jobs', 'describe', name, `--location=${region}`),
    differences: (found: FoundJob) => [
      ...(found.description === description ? [] : ['settings of an older version']),
      ...(found.state === 'ENABLED' ? [] : [`its state is ${found.state}`]),
    ],
    refusal: (found: FoundJob) => (isOwned(found) ? undefined : NOT_OWNED),
    create: [jobs('create', 'http', name, ...described)],
    update: ({ state }: FoundJob) => [
      jobs('update', 'http', name, ...described),
      ...(state === 'ENABLED' ? [] : [jobs('resume', name)]),
    ],
    remove: () => [jobs('delete', name)],
    isOwned,
  };
}
