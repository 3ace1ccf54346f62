import { type Binding, bindingOf, Gcloud } from '../gcloud.ts';
import type { Account, Installation } from '../installation.ts';
import { definitionOf, type Item, LABEL, labelled, type Remnant, type Step } from '../plan.ts';

/** Who publishes where, and who reads which secret: each on the one resource. */
const PUBLISHERS: Readonly<Record<keyof Installation['topics'], readonly Account[]>> = {
  events: ['callback', 'reconcile'],
  results: ['results'],
  deadLetter: ['callback', 'reconcile'],
};

const READERS: Readonly<Record<keyof Installation['secrets'], readonly Account[]>> = {
  signing: ['callback'],
  routeKey: ['callback', 'submit'],
  apiKey: ['results', 'reconcile', 'submit'],
};

const FIRESTORE_USERS: readonly Account[] = ['callback', 'results', 'reconcile', 'submit'];

/** What a build needs: Cloud Functions makes the bucket and the repository itself, so these are on the project. */
const BUILDER_ROLES = ['roles/logging.logWriter', 'roles/artifactregistry.writer', 'roles/storage.objectViewer'];

/** What each function may do: use the one database, publish to its topics, read its secrets; nothing else in the project. */
export function access(installation: Installation): Step {
  const { project, database, topics, secrets, bucket } = installation;
  const member = (account: Account) => `serviceAccount:${installation.accounts[account]}`;
  const binding = (parts: Binding) => bindingOf(installation, parts);
  return {
    name: 'access',
    title: 'What each may do',
    items: [
      ...FIRESTORE_USERS.map((account) =>
        binding({
          on: `database ${database}`,
          group: ['projects'],
          name: [project],
          member: member(account),
          role: 'roles/datastore.user',
          condition: {
            title: `${installation.prefix}gemini-callbacks`,
            expression: `resource.name=="projects/${project}/databases/${database}"`,
          },
        }),
      ),
      ...entries(PUBLISHERS).map(([topic, account]) =>
        binding({
          on: `topic ${topics[topic]}`,
          group: ['pubsub', 'topics'],
          name: [topics[topic]],
          member: member(account),
          role: 'roles/pubsub.publisher',
        }),
      ),
      ...entries(READERS).map(([secret, account]) =>
        binding({
          on: `secret ${secrets[secret]}`,
          group: ['secrets'],
          name: [secrets[secret]],
          member: member(account),
          role: 'roles/secretmanager.secretAccessor',
        }),
      ),
      ...BUILDER_ROLES.map((role) =>
        binding({ on: 'the project', group: ['projects'], name: [project], member: member('build'), role }),
      ),
      ...(bucket === undefined ? [] : bucketItems(installation, bucket, member('results'))),
      formerBuckets(installation),
    ],
  };
}

function entries<Key extends string>(table: Readonly<Record<Key, readonly Account[]>>): readonly [Key, Account][] {
  return (Object.entries(table) as [Key, readonly Account[]][]).flatMap(([key, accounts]) =>
    accounts.map((account): [Key, Account] => [key, account]),
  );
}

/** Labels of a bucket say whose it is as well, since its name is said to a deployment only. */
const OWNER_LABEL = `${LABEL}-of`;

function ownerOf({ prefix }: Installation): string {
  return prefix || 'no-prefix';
}

function bucketItems(installation: Installation, bucket: string, member: string): readonly Item[] {
  const gcloud = new Gcloud(installation);
  const url = `gs://${bucket}`;
  const flags = ['--uniform-bucket-level-access', '--public-access-prevention'];
  const definition = definitionOf(ownerOf(installation), ...flags);
  const label = `--update-labels=${LABEL}=${definition},${OWNER_LABEL}=${ownerOf(installation)}`;
  const create = gcloud.run('storage', 'buckets', 'create', url, `--location=${installation.region}`, ...flags);
  const update = gcloud.run('storage', 'buckets', 'update', url, ...flags, label);
  const made = labelled(`bucket ${bucket}`, definition, {
    read: gcloud.read('storage', 'buckets', 'describe', url),
    create: `${create} && ${update}`,
    update,
    mayBeForeign: true,
  });
  const role = 'roles/storage.objectUser';
  return [
    made,
    bindingOf(installation, { on: `bucket ${bucket}`, group: ['storage', 'buckets'], name: [url], member, role }),
  ];
}

function formerBuckets(installation: Installation): Remnant {
  const gcloud = new Gcloud(installation);
  return {
    kind: 'remnant',
    title: 'buckets for results',
    read: gcloud.read('storage', 'buckets', 'list', `--filter=labels.${OWNER_LABEL}=${ownerOf(installation)}`),
    remove: (found: readonly { name: string }[]) =>
      found.map(({ name }) => gcloud.run('storage', 'rm', '--recursive', `gs://${name}`)),
    staysUnless: '--with-data',
  };
}
