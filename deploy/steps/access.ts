import { bindingOf } from '../binding.ts';
import type { Account, InstallationSpec } from '../installation.ts';
import { Gcloud, digestOf } from '../line.ts';
import { isLabelled, type Item, LABEL, type Resource, type Step } from '../plan.ts';

/** Accounts that publish to each topic. */
const PUBLISHERS: Readonly<Record<keyof InstallationSpec['topics'], readonly Account[]>> = {
  events: ['callback', 'reconcile'],
  results: ['results'],
  deadLetter: ['callback', 'reconcile'],
};

/** Accounts that read each secret. */
const READERS: Readonly<Record<keyof InstallationSpec['secrets'], readonly Account[]>> = {
  signing: ['callback'],
  routeKey: ['callback', 'submit'],
  apiKey: ['results', 'reconcile', 'submit'],
};

const FIRESTORE_USERS: readonly Account[] = ['callback', 'results', 'reconcile', 'submit'];

/** Grants each account its roles, each on the one resource that it uses. Changes of one policy run in order. */
export function access(installation: InstallationSpec): Step {
  const { topics, secrets, bucket } = installation;
  const grant = (group: readonly string[], kind: string, name: string, accounts: readonly Account[], role: string) =>
    accounts.map((account) =>
      bindingOf(installation, {
        on: `${kind} ${name}`,
        group,
        name: [name],
        member: memberOf(installation, account),
        role,
      }),
    );
  return {
    name: 'access',
    title: 'Roles',
    needs: ['accounts', 'messaging', 'secrets', 'repository', 'firestore'],
    chains: [
      projectRoles(installation),
      buildRoles(installation),
      ...entries(PUBLISHERS).map(([topic, accounts]) =>
        grant(['pubsub', 'topics'], 'topic', topics[topic], accounts, 'roles/pubsub.publisher'),
      ),
      ...entries(READERS).map(([secret, accounts]) =>
        grant(['secrets'], 'secret', secrets[secret], accounts, 'roles/secretmanager.secretAccessor'),
      ),
      bucket === undefined ? [] : bucketItems(installation, bucket),
      [formerBuckets(installation)],
    ],
  };
}

function memberOf({ accounts }: InstallationSpec, account: Account): string {
  return `serviceAccount:${accounts[account]}`;
}

function entries<Key extends string>(table: Readonly<Record<Key, readonly Account[]>>) {
  return Object.entries(table) as [Key, readonly Account[]][];
}

/** Roles that only the project can grant, limited to one resource by a condition. */
function projectRoles(installation: InstallationSpec): readonly Resource[] {
  const { project, database, prefix, sourceBucket } = installation;
  const binding = (account: Account, on: string, role: string, condition?: string) =>
    bindingOf(installation, {
      on,
      group: ['projects'],
      name: [project],
      member: memberOf(installation, account),
      role,
      ...(condition && { condition: { title: `${prefix}gemini-callbacks`, expression: condition } }),
    });
  const isDatabase = `resource.name=="projects/${project}/databases/${database}"`;
  const uploads = `projects/_/buckets/${sourceBucket}`;
  const isUpload = `resource.name=="${uploads}"||resource.name.startsWith("${uploads}/")`;
  return [
    ...FIRESTORE_USERS.map((account) => binding(account, `database ${database}`, 'roles/datastore.user', isDatabase)),
    binding('build', `bucket ${sourceBucket}`, 'roles/storage.objectViewer', isUpload),
    binding('build', 'the project', 'roles/logging.logWriter'),
  ];
}

function buildRoles(installation: InstallationSpec): readonly Resource[] {
  const { repository, region } = installation;
  const name = [repository, `--location=${region}`];
  const member = memberOf(installation, 'build');
  const role = 'roles/artifactregistry.writer';
  return [bindingOf(installation, { on: repository, group: ['artifacts', 'repositories'], name, member, role })];
}

/** A bucket's labels name its installation, because only one deployment's options name the bucket. */
const OWNER_LABEL = `${LABEL}-of`;

function ownerOf({ prefix }: InstallationSpec): string {
  return prefix || 'no-prefix';
}

function bucketItems(installation: InstallationSpec, bucket: string): readonly Item[] {
  const gcloud = new Gcloud(installation);
  const url = `gs://${bucket}`;
  const flags = ['--uniform-bucket-level-access', '--public-access-prevention'];
  const definition = digestOf(ownerOf(installation), ...flags);
  const label = `--update-labels=${LABEL}=${definition},${OWNER_LABEL}=${ownerOf(installation)}`;
  const create = gcloud.run('storage', 'buckets', 'create', url, `--location=${installation.region}`, ...flags);
  const update = gcloud.run('storage', 'buckets', 'update', url, ...flags, label);
  const resource: Resource = {
    kind: 'resource',
    title: `bucket ${bucket}`,
    read: gcloud.read('storage', 'buckets', 'describe', url),
    // A bucket that existed before is used as it is.
    differences: (found: { labels?: Readonly<Record<string, string>> }) =>
      !isLabelled(found) || found.labels?.[LABEL] === definition ? [] : ['settings of an older version'],
    create: [create, update],
    update: () => [update],
  };
  const member = memberOf(installation, 'results');
  const role = 'roles/storage.objectUser';
  const group = ['storage', 'buckets'];
  return [resource, bindingOf(installation, { on: `bucket ${bucket}`, group, name: [url], member, role })];
}

/** Every bucket for results that a deployment of this installation has created. */
function formerBuckets(installation: InstallationSpec): Resource {
  const gcloud = new Gcloud(installation);
  return {
    kind: 'resource',
    title: 'buckets for results',
    read: gcloud.read('storage', 'buckets', 'list', `--filter=labels.${OWNER_LABEL}=${ownerOf(installation)}`),
    differences: () => [],
    remove: (found: readonly { name: string }[]) =>
      found.map(({ name }) => gcloud.run('storage', 'rm', '--recursive', `gs://${name}`)),
    keptUnless: '--with-data',
  };
}
