import { Gcloud } from '../gcloud.ts';
import type { Installation } from '../installation.ts';
import { line, type Step, type Variable } from '../plan.ts';

const APIS = [
  'artifactregistry',
  'cloudbuild',
  'cloudfunctions',
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

/** What everything else needs to know, and the APIs; they stay on when an installation is taken away. */
export function project(installation: Installation): Step {
  const gcloud = new Gcloud(installation);
  return {
    name: 'project',
    title: 'The project and its APIs',
    items: [
      { kind: 'variable', name: 'GOOGLE_CLOUD_PROJECT', value: { fixed: installation.project } },
      {
        kind: 'resource',
        title: `${APIS.length} APIs`,
        read: gcloud.read('services', 'list', '--enabled'),
        isCurrent: (services: readonly { config: { name: string } }[]) => {
          const enabled = new Set(services.map(({ config }) => config.name));
          return APIS.every((api) => enabled.has(api));
        },
        create: [gcloud.run('services', 'enable', ...APIS)],
      },
      numberOf(installation),
    ],
  };
}

/** Where there is no such project, this says so: after it, what is not found is missing in the project. */
export function numberOf({ project: id }: Installation): Variable {
  const read = line('gcloud', 'projects', 'describe', id, '--format=value(projectNumber)');
  return { kind: 'variable', name: 'PROJECT_NUMBER', value: { read } };
}
