import { type Binding, bindingOf, Gcloud } from '../gcloud.ts';
import type { Account, Installation } from '../installation.ts';
import { definitionOf, LABEL, labelled, type Step } from '../plan.ts';

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

/** What each function may do: use the one database, publish to its topics, read its secrets; nothing in the project. */
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
      ...(bucket === undefined ? [] : bucketItems(installation, bucket, member('results'))),
    ],
  };
}

function entries<Key extends string>(table: Readonly<Record<Key, readonly Account[]>>): readonly [Key, Account][] {
  return (Object.entries(table) as [Key, readonly Account[]][]).flatMap(([key, accounts]) =>
    accounts.map((account): [Key, Account] => [key, account]),
  );
}

function bucketItems(installation: Installation, bucket: string, member: string) {
  const gcloud = new Gcloud(installation);
  const url = `gs://${bucket}`;
  const flags = ['--uniform-bucket-level-access', '--public-access-prevention'];
  const definition = definitionOf(...flags);
  const label = `--update-labels=${LABEL}=${definition}`;
  const create = gcloud.run('storage', 'buckets', 'create', url, `--location=${installation.region}`, ...flags);
  const update = gcloud.run('storage', 'buckets', 'update', url, ...flags, label);
  const made = labelled(`bucket ${bucket}`, definition, {
    read: gcloud.read('storage', 'buckets', 'describe', url),
    create: `${create} && ${update}`,
    update,
    remove: gcloud.run('storage', 'rm', '--recursive', url),
    holdsData: true,
  });
  const role = 'roles/storage.objectUser';
  return [
    made,
    bindingOf(installation, { on: `bucket ${bucket}`, group: ['storage', 'buckets'], name: [url], member, role }),
  ];
}
