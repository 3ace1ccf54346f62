import { type Account, ACCOUNTS, type InstallationSpec } from '../installation.ts';
import type { Resource } from '../plan.ts';
import { present } from '../resource.ts';

interface FoundAccount {
  readonly email: string;
  readonly displayName?: string;
}

/** Returns one service account for each function, each caller and the build, so that each has only the roles it needs. */
export function serviceAccounts({ gcloud, accounts }: InstallationSpec): readonly Resource[] {
  // `describe` reports a missing account as PERMISSION_DENIED, so all of them are read by one list.
  const read = gcloud.read('iam', 'service-accounts', 'list', `--filter=email=(${Object.values(accounts).join(',')})`);
  return Object.entries(ACCOUNTS).map(([name, purpose]) => {
    const email = accounts[name as Account];
    const [id = ''] = email.split('@');
    const exact = (found: readonly FoundAccount[]) => found.find((account) => account.email === email);
    return present(
      `service account ${id}`,
      read,
      (found: readonly FoundAccount[]) => exact(found) !== undefined,
      gcloud.run('iam', 'service-accounts', 'create', id, `--display-name=${purpose}`),
      {
        remove: (found: readonly FoundAccount[]) =>
          exact(found) ? [gcloud.run('iam', 'service-accounts', 'delete', email)] : [],
        isOwned: (found: readonly FoundAccount[]) => exact(found)?.displayName === purpose,
      },
    );
  });
}
