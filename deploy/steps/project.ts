import type { InstallationSpec } from '../installation.ts';
import { Gcloud, line } from '../line.ts';
import { type Step, variable, type Variable } from '../plan.ts';

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

/** The project's APIs, which stay enabled when an installation is removed. */
export function project(installation: InstallationSpec): Step {
  const gcloud = new Gcloud(installation);
  return {
    name: 'project',
    title: 'APIs of the project',
    needs: [],
    chains: [
      [
        ...projectVariables(installation),
        {
          kind: 'resource',
          title: `${APIS.length} APIs`,
          read: gcloud.read('services', 'list', '--enabled'),
          differences: (services: readonly { config: { name: string } }[]) => {
            const enabled = new Set(services.map(({ config }) => config.name));
            return APIS.flatMap((api) => (enabled.has(api) ? [] : `${api} is not enabled`));
          },
          create: [gcloud.run('services', 'enable', ...APIS)],
        },
      ],
    ],
  };
}

/** Values that every step may use, also where the step `project` is skipped. */
export function projectVariables({ project: id }: InstallationSpec): readonly Variable[] {
  const number = line('gcloud', 'projects', 'describe', id, '--format=value(projectNumber)');
  return [
    variable('GOOGLE_CLOUD_PROJECT', id),
    // Application default credentials may name another project, whose quota would be used then.
    variable('GOOGLE_CLOUD_QUOTA_PROJECT', id),
    { kind: 'variable', name: 'PROJECT_NUMBER', value: { read: number } },
  ];
}
