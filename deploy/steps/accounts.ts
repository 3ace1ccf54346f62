import { Gcloud } from '../gcloud.ts';
import { type Account, ACCOUNTS, type Installation } from '../installation.ts';
import type { Step } from '../plan.ts';

const PURPOSES: Readonly<Record<Account, string>> = {
  callback: 'geminiCallback',
  results: 'fetchResults',
  reconcile: 'reconcileJobs',
  submit: 'submitJob',
  push: 'Pub/Sub, when it calls fetchResults',
  cron: 'Cloud Scheduler, when it calls reconcileJobs',
  build: 'Cloud Build, when it builds the functions',
};

/** A service account for each function, so that each may do only what it does, for each caller, and for the build. */
export function accounts(installation: Installation): Step {
  const gcloud = new Gcloud(installation);
  return {
    name: 'accounts',
    title: 'Service accounts',
    items: ACCOUNTS.map((name) => {
      const email = installation.accounts[name];
      const [id = ''] = email.split('@');
      const create = ['iam', 'service-accounts', 'create', id, `--display-name=${PURPOSES[name]}`];
      return {
        kind: 'resource',
        title: `service account ${id}`,
        read: gcloud.read('iam', 'service-accounts', 'describe', email),
        isCurrent: () => true,
        create: [gcloud.run(...create)],
        remove: () => [gcloud.run('iam', 'service-accounts', 'delete', email)],
        isOurs: ({ displayName }: { displayName?: string }) => displayName === PURPOSES[name],
      };
    }),
  };
}
