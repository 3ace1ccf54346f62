import { grant, type Target, topic } from '../binding.ts';
import type { Account, InstallationSpec } from '../installation.ts';
import type { Resource } from '../plan.ts';
import { bucketAccess } from './bucket.ts';
import { readersOf } from './functions.ts';

/**
 * Returns the roles of each account, each on the one resource that it uses. Changes of one policy run in order, so each
 * list is a chain.
 */
export function access(installation: InstallationSpec): readonly (readonly Resource[])[] {
  const { topics, secrets, region, repository } = installation;
  const grants = (role: string, on: Target, ...accounts: readonly Account[]) =>
    accounts.map((to) => grant(installation, { role, on, to }));
  const images = {
    title: repository,
    group: ['artifacts', 'repositories'],
    words: [repository, `--location=${region}`],
  };
  const secretGrants = (['signing', 'routeKey', 'apiKey'] as const).map((kind) => {
    const secret = { title: `secret ${secrets[kind]}`, group: ['secrets'], words: [secrets[kind]] };
    return grants('roles/secretmanager.secretAccessor', secret, ...readersOf(kind));
  });
  return [
    projectRoles(installation),
    grants('roles/artifactregistry.writer', images, 'build'),
    grants('roles/pubsub.publisher', topic(topics.events), 'callback', 'reconcile'),
    grants('roles/pubsub.publisher', topic(topics.results), 'results'),
    grants('roles/pubsub.publisher', topic(topics.deadLetter), 'callback', 'reconcile'),
    ...secretGrants,
    ...bucketAccess(installation),
  ];
}

/** Roles that only the project can grant, limited to one resource by a condition. */
function projectRoles(installation: InstallationSpec): readonly Resource[] {
  const { project, database, prefix, sourceBucket } = installation;
  const binding = (to: Account, title: string, role: string, expression?: string) =>
    grant(installation, {
      role,
      on: { title, group: ['projects'], words: [project] },
      to,
      ...(expression && { condition: { title: `${prefix}gemini-callbacks`, expression } }),
    });
  const isDatabase = `resource.name=="projects/${project}/databases/${database}"`;
  const uploads = `projects/_/buckets/${sourceBucket}`;
  const isUpload = `resource.name=="${uploads}"||resource.name.startsWith("${uploads}/")`;
  return [
    ...(['callback', 'results', 'reconcile', 'submit'] as const).map((account) =>
      binding(account, `database ${database}`, 'roles/datastore.user', isDatabase),
    ),
    binding('build', `bucket ${sourceBucket}`, 'roles/storage.objectViewer', isUpload),
    binding('build', 'the project', 'roles/logging.logWriter'),
  ];
}
