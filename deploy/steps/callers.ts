import { bindingOf, Gcloud, PUBSUB_AGENT } from '../gcloud.ts';
import { type Installation, serviceOf } from '../installation.ts';
import { definitionOf, FOREIGN, type Resource, type Step } from '../plan.ts';
import { urlOf } from './functions.ts';
import { subscriptionOf } from './messaging.ts';

/**
 * What calls `fetchResults`: a push subscription of our own.
 *
 * A trigger by Eventarc keeps an event for 24 hours and then drops it. This one keeps it for 7 days, leaves out what is of
 * no job, and moves what a hundred attempts have not done to the dead letters (platform reference 6.3).
 */
export function trigger(installation: Installation): Step {
  const { functions, subscriptions, topics, accounts } = installation;
  const member = `serviceAccount:${accounts.push}`;
  return {
    name: 'trigger',
    title: 'What calls fetchResults',
    items: [
      urlOf(installation, 'RESULTS_URL', functions.fetchResults),
      invokerOf(installation, functions.fetchResults, member),
      bindingOf(installation, {
        on: 'the account that Pub/Sub signs its calls as',
        group: ['iam', 'service-accounts'],
        name: [accounts.push],
        member: PUBSUB_AGENT,
        role: 'roles/iam.serviceAccountTokenCreator',
      }),
      ...subscriptionOf(installation, {
        name: subscriptions.push,
        topic: topics.events,
        filter: 'attributes:job_id',
        flags: [
          '--push-endpoint=${RESULTS_URL}',
          `--push-auth-service-account=${accounts.push}`,
          '--push-auth-token-audience=${RESULTS_URL}',
          '--ack-deadline=600',
          '--min-retry-delay=10s',
          '--max-retry-delay=600s',
          `--dead-letter-topic=${topics.deadLetter}`,
          '--max-delivery-attempts=100',
          '--expiration-period=never',
          '--message-retention-duration=7d',
        ],
      }),
    ],
  };
}

/** Cloud Scheduler calls `reconcileJobs` every five minutes, as an account that may do nothing else. */
export function scheduler(installation: Installation): Step {
  const { functions, accounts } = installation;
  return {
    name: 'scheduler',
    title: 'What calls reconcileJobs',
    items: [
      urlOf(installation, 'RECONCILE_URL', functions.reconcileJobs),
      invokerOf(installation, functions.reconcileJobs, `serviceAccount:${accounts.cron}`),
      schedulerJobOf(installation),
    ],
  };
}

function invokerOf(installation: Installation, functionName: string, member: string): Resource {
  return bindingOf(installation, {
    on: functionName,
    group: ['run', 'services'],
    name: [serviceOf(functionName), `--region=${installation.region}`],
    member,
    role: 'roles/run.invoker',
  });
}

interface FoundJob {
  readonly description?: string;
  readonly state?: string;
}

function schedulerJobOf(installation: Installation): Resource {
  const gcloud = new Gcloud(installation);
  const { schedulerJob: name, region, accounts } = installation;
  const flags = [
    '--schedule=*/5 * * * *',
    '--time-zone=Etc/UTC',
    '--uri=${RECONCILE_URL}',
    '--http-method=POST',
    `--oidc-service-account-email=${accounts.cron}`,
    '--oidc-token-audience=${RECONCILE_URL}',
    '--attempt-deadline=60s',
    '--max-retry-attempts=3',
    '--min-backoff=10s',
    '--max-backoff=60s',
  ];
  // Jobs of the scheduler have no labels.
  const purpose = 'Finishes what push leaves behind';
  const description = `${purpose} (${definitionOf(...flags)})`;
  const jobs = (...words: readonly string[]) => gcloud.run('scheduler', 'jobs', ...words, `--location=${region}`);
  const described = [...flags, `--description=${description}`];
  const isOurs = (found: FoundJob) => found.description?.startsWith(purpose) ?? false;
  return {
    kind: 'resource',
    title: `scheduler job ${name}`,
    read: gcloud.read('scheduler', 'jobs', 'describe', name, `--location=${region}`),
    isCurrent: (found: FoundJob) => found.description === description && found.state === 'ENABLED',
    refusal: (found: FoundJob) => (isOurs(found) ? undefined : FOREIGN),
    create: [jobs('create', 'http', name, ...described)],
    update: ({ state }: FoundJob) => [
      jobs('update', 'http', name, ...described),
      ...(state === 'ENABLED' ? [] : [jobs('resume', name)]),
    ],
    remove: () => [jobs('delete', name)],
    isOurs,
  };
}
