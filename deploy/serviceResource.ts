import { type FunctionName, FUNCTIONS } from '../functions/config/functionNames.ts';
import type { InstallationSpec } from './installation.ts';
import type { Line, Variables } from './line.ts';
import type { Resource } from './plan.ts';
import { isLabelled, LABEL } from './resource.ts';
import { foundSettings, type FoundService, imageOf, servingRevision } from './revisions.ts';
import type { Shell } from './shell.ts';
import { type Deployment, deployLine, IMAGE, type Service, serviceOf, settingsOf } from './steps/functions.ts';

/** A service with the lines that change its revisions. */
export interface ServiceResource extends Resource {
  readonly service: Service;
  /** Builds the image that the other services use. */
  readonly isBuilt: boolean;
  /** Command that prints the service's log. */
  readonly logCommand: string;
  readonly deploy: (deployment: Deployment) => Line;
  /** Sends all requests to a revision and tags the revision to return to. */
  readonly shift: (revision: string, previous: string) => Line;
}

/** Reads a service; `undefined` where it is missing. */
export async function describeService({ title, read }: Resource, shell: Shell): Promise<FoundService | undefined> {
  return (await shell.find(title, read)) as FoundService | undefined;
}

/** Tag of the revision that served before the last update. */
export const PREVIOUS = 'previous';

/** The services, the first of which is built. */
export type Services = readonly [ServiceResource, ...ServiceResource[]];

export function serviceResources(installation: InstallationSpec, source: string): Services {
  const [built, ...others] = FUNCTIONS;
  const resourceOf = (name: FunctionName) => serviceResource(installation, serviceOf(installation, name, source));
  return [resourceOf(built), ...others.map(resourceOf)];
}

function serviceResource(installation: InstallationSpec, service: Service): ServiceResource {
  const { gcloud, project, region } = installation;
  const { name } = service;
  const place = [name, `--region=${region}`];
  const isBuilt = service.function === FUNCTIONS[0];
  const deploy = (deployment: Deployment) => deployLine(installation, service, deployment);
  return {
    kind: 'resource',
    title: `service ${name}`,
    service,
    isBuilt,
    logCommand: `gcloud run services logs read ${name} --region=${region} --project=${project}`,
    read: gcloud.read('run', 'services', 'describe', ...place),
    differences: (found: FoundService, variables) => [
      ...settingDifferences(service, found, variables),
      ...(isBuilt ? [] : imageDifference(found, variables)),
      ...trafficDifference(found),
    ],
    create: [deploy({ isBuild: isBuilt, isCandidate: false })],
    update: () => [deploy({ isBuild: isBuilt, isCandidate: true })],
    remove: () => [gcloud.run('run', 'services', 'delete', ...place)],
    isOwned: ({ metadata }: FoundService) => isLabelled(metadata ?? {}),
    deploy,
    shift: (revision, previous) =>
      gcloud.run(
        'run',
        'services',
        'update-traffic',
        ...place,
        `--to-revisions=${revision}=100`,
        ...(previous === '' ? [] : [`--update-tags=${PREVIOUS}=${previous}`]),
      ),
  };
}

function settingDifferences(service: Service, found: FoundService, variables: Variables): readonly string[] {
  const [wanted, actual] = [settingsOf(service, variables), foundSettings(found, LABEL)];
  const names = new Set([...Object.keys(wanted), ...Object.keys(actual)]);
  return [...names].flatMap((name) => {
    const [is, should] = [actual[name] ?? 'not set', wanted[name] ?? 'not set'];
    return is === should ? [] : `${name}: ${is} → ${should}`;
  });
}

function imageDifference(found: FoundService, variables: Variables): readonly string[] {
  const [is, should] = [imageOf(found), variables[IMAGE]];
  return should === undefined || is === should ? [] : [`image: ${is} → ${should}`];
}

/** The latest revision gets no traffic after a release that failed, and after a rollback. */
function trafficDifference(found: FoundService): readonly string[] {
  const [is, should] = [servingRevision(found), found.status?.latestCreatedRevisionName];
  return should === undefined || is === should ? [] : [`traffic: ${is ?? 'no revision'} → ${should}`];
}
