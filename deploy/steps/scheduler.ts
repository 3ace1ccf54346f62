import { invoker } from '../binding.ts';
import { type InstallationSpec, urlOf } from '../installation.ts';
import { digestOf } from '../line.ts';
import type { Resource } from '../plan.ts';
import { OLDER } from '../resource.ts';

/** Returns the Cloud Scheduler job that calls `reconcileJobs`, with the role that it needs. */
export function schedule(installation: InstallationSpec): readonly Resource[] {
  return [invoker(installation, 'reconcileJobs', 'cron'), schedulerJob(installation)];
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
