import { reasonOf } from '../cli/errors.ts';
import { table, type Terminal } from '../cli/terminal.ts';
import { resolveAll, SharedReads } from './apply.ts';
import { resourcesOf, type Step } from './plan.ts';
import { differencesOf } from './resource.ts';
import { type FoundService, imageOf, servingRevision } from './revisions.ts';
import { type ServiceResource, describeService } from './serviceResource.ts';
import type { Shell } from './shell.ts';
import { IMAGE } from './steps/functions.ts';

interface ServiceStatus {
  readonly service: string;
  readonly revision?: string;
  readonly image?: string;
  readonly traffic: readonly string[];
}

interface Difference {
  readonly resource: string;
  readonly differences: readonly string[];
}

/** Reports the services' revisions, and every resource that differs from the plan. Changes nothing. */
export async function reportStatus(
  steps: readonly Step[],
  services: readonly ServiceResource[],
  shell: Shell,
  terminal: Terminal,
): Promise<void> {
  const states = await Promise.all(
    services.map(async (resource) => statusOf(resource, await describeService(resource, shell))),
  );
  const [{ image } = {}] = states;
  if (image !== undefined) shell.set(IMAGE, image);
  const differences: Difference[] = [];
  for (const step of steps) differences.push(...(await differencesIn(step, shell)));
  terminal.result({ services: states, differences }, () =>
    [serviceTable(states), differenceText(differences)].join('\n\n'),
  );
}

function statusOf({ service }: ServiceResource, found: FoundService | undefined): ServiceStatus {
  if (found === undefined) return { service: service.name, traffic: [] };
  const [revision, image] = [servingRevision(found), imageOf(found)];
  const traffic = (found.status?.traffic ?? []).map(
    ({ revisionName, percent = 0, tag }) => `${percent} % ${revisionName}${tag === undefined ? '' : ` (${tag})`}`,
  );
  return { service: service.name, ...(revision && { revision }), ...(image && { image }), traffic };
}

async function differencesIn(step: Step, shell: Shell): Promise<readonly Difference[]> {
  await resolveAll(step, shell);
  const reads = new SharedReads(shell);
  const resources = resourcesOf(step).filter(({ create }) => create !== undefined);
  const all = await Promise.all(
    resources.map(async (resource) => {
      const differences = await reads.start(resource).then(
        (found) => differencesOf(resource, found, shell.variables),
        (error: unknown) => [`cannot be read: ${reasonOf(error)}`],
      );
      return { resource: resource.title, differences };
    }),
  );
  return all.filter(({ differences }) => differences.length > 0);
}

function serviceTable(states: readonly ServiceStatus[]): string {
  const rows = states.map(({ service, revision = 'not deployed', image, traffic }) => [
    service,
    revision,
    image?.replace(/^.*@sha256:(.{12}).*$/, '$1'),
    traffic.join(', '),
  ]);
  return table(['SERVICE', 'SERVING', 'DIGEST', 'TRAFFIC'], rows);
}

function differenceText(differences: readonly Difference[]): string {
  if (differences.length === 0) return 'Everything is as planned.';
  const lines = differences.flatMap(({ resource, differences: each }) => [
    resource,
    ...each.map((text) => `  ${text}`),
  ]);
  return ['Differences from the plan, which "npm run deploy" resolves:', ...lines].join('\n');
}
