import type { InstallationSpec } from '../installation.ts';
import { line } from '../line.ts';
import { fixed, readBy, type Resource, type ShellVariable } from '../plan.ts';

const APIS = [
  'artifactregistry',
  'cloudbuild',
  'cloudresourcemanager',
  'cloudscheduler',
  'firebaserules',
  'firestore',
  'iam',
  'logging',
  'monitoring',
  'pubsub',
  'run',
  'secretmanager',
].map((name) => `${name}.googleapis.com`);

/** Describes the project's APIs, which stay enabled when an installation is removed. */
export function apis({ gcloud }: InstallationSpec): Resource {
  return {
    kind: 'resource',
    title: `${APIS.length} APIs`,
    read: gcloud.read('services', 'list', '--enabled'),
    differences: (services: readonly { config: { name: string } }[]) => {
      const enabled = new Set(services.map(({ config }) => config.name));
      return APIS.flatMap((api) => (enabled.has(api) ? [] : `${api} is not enabled`));
    },
    create: [gcloud.run('services', 'enable', ...APIS)],
  };
}

/** Values that every step may use, also where the step `project` is skipped. */
export function projectVariables({ project: id }: InstallationSpec): readonly ShellVariable[] {
  return [
    fixed('GOOGLE_CLOUD_PROJECT', id),
    // Application default credentials may name another project, whose quota would be used then.
    fixed('GOOGLE_CLOUD_QUOTA_PROJECT', id),
    readBy('PROJECT_NUMBER', line('gcloud', 'projects', 'describe', id, '--format=value(projectNumber)')),
  ];
}
