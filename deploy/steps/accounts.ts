import { type Account, ACCOUNTS, type InstallationSpec } from '../installation.ts';
import { Gcloud } from '../line.ts';
import type { Resource, Step } from '../plan.ts';

const PURPOSES: Readonly<Record<Account, string>> = {
  callback: 'geminiCallback',
  results: 'fetchResults',
  reconcile: 'reconcileJobs',
  submit: 'submitJob',
  push: 'Pub/Sub, when it calls fetchResults',
  cron: 'Cloud Scheduler, when it calls reconcileJobs',
  build: 'Cloud Build, when it builds the functions',
};

interface FoundAccount {
  readonly email: string;
  readonly displayName?: string;
}

/** One service account for each function, each caller and the build, so that each has only the roles it needs. */
export function accounts(installation: InstallationSpec): Step {
  const gcloud = new Gcloud(installation);
  // `describe` reports a missing account as PERMISSION_DENIED, so all of them are read by one list.
  const emails = Object.values(installation.accounts).join(',');
  const read = gcloud.read('iam', 'service-accounts', 'list', `--filter=email=(${emails})`);
  const resource = (name: Account): Resource => {
    const email = installation.accounts[name];
    const [id = ''] = email.split('@');
    const exact = (found: readonly FoundAccount[]) => found.find((account) => account.email === email);
    return {
      kind: 'resource',
      title: `service account ${id}`,
      read,
      differences: (found: readonly FoundAccount[]) => (exact(found) ? [] : ['missing']),
      create: [gcloud.run('iam', 'service-accounts', 'create', id, `--display-name=${PURPOSES[name]}`)],
      remove: (found: readonly FoundAccount[]) =>
        exact(found) ? [gcloud.run('iam', 'service-accounts', 'delete', email)] : [],
      isOwned: (found: readonly FoundAccount[]) => exact(found)?.displayName === PURPOSES[name],
    };
  };
  return {
    name: 'accounts',
    title: 'Service accounts',
    needs: ['project'],
    chains: ACCOUNTS.map((name) => [resource(name)]),
  };
}
