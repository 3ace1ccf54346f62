import { CliError, reasonOf } from '../cli/errors.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { Changes } from './plan.ts';
import { type FoundService, imageOf, isPublic, servingRevision, revisionTagged } from './revisions.ts';
import type { Shell } from './shell.ts';
import { smokeTest } from './smoke.ts';
import { CANDIDATE, IMAGE } from './steps/functions.ts';
import type { ServiceResource } from './serviceResource.ts';

/** A service with its state before the release. */
interface Target {
  readonly resource: ServiceResource;
  readonly before: FoundService | undefined;
}

interface Deployed extends Target {
  readonly outcome: 'created' | 'candidate' | 'unchanged';
}

/**
 * Deploys the services that are missing or differ. One build serves all of them. A service that already has traffic gets
 * a candidate revision without traffic; all candidates are verified before any of them gets traffic
 * (docs/design/0002-deploy-with-gcloud-run.md).
 */
export async function release(
  first: ServiceResource,
  others: readonly ServiceResource[],
  { isRebuild }: { readonly isRebuild: boolean },
  shell: Shell,
  terminal: Terminal,
): Promise<Changes> {
  const targets = await Promise.all([first, ...others].map(async (resource) => await targetOf(resource, shell)));
  const [builder, ...followers] = targets;
  if (builder === undefined) throw new Error('There is nothing to release.');
  try {
    const built = await deployBuilder(builder, isRebuild, shell, terminal);
    const rest = await allEnded(followers.map(async (target) => await deployTarget(target, false, shell)));
    const deployed = [built, ...rest];
    if (deployed.some(({ outcome }) => outcome === 'candidate')) await promote(deployed, shell);
    return changesOf(deployed);
  } catch (error) {
    const isUpdate = targets.some(({ before }) => before !== undefined && servingRevision(before) !== undefined);
    const state = isUpdate
      ? 'Nothing has changed for callers: the revisions that served before still get all requests.'
      : '';
    throw new CliError(error instanceof CliError ? error.code : 'FAILED', `${reasonOf(error)}\n${state}`.trimEnd(), {
      cause: error,
    });
  }
}

/** Waits for all, also after a failure: a deployment that still runs would change the services behind the next run. */
async function allEnded<T>(running: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(running);
  return await Promise.all(running);
}

async function targetOf(resource: ServiceResource, shell: Shell): Promise<Target> {
  const before = await stateOf(resource, shell);
  const refusal = before === undefined ? undefined : resource.refusal?.(before as never);
  if (refusal !== undefined) throw new CliError('REFUSED', `${resource.title}: ${refusal}`);
  return { resource, before };
}

async function stateOf({ title, read }: ServiceResource, shell: Shell): Promise<FoundService | undefined> {
  return (await shell.find(title, read)) as FoundService | undefined;
}

/** Builds where the sources differ from those of the image, and sets the image for the other services. */
async function deployBuilder(target: Target, isRebuild: boolean, shell: Shell, terminal: Terminal): Promise<Deployed> {
  const { resource, before } = target;
  const image = before && imageOf(before);
  const isCurrent = before?.metadata?.labels !== undefined && !differencesOf(target, shell).some(isAboutSource);
  const isBuild = isRebuild || image === undefined || !isCurrent;
  if (!isBuild) shell.set(IMAGE, image);
  else terminal.note('  Building the image from the sources, which takes 2 to 4 minutes …');
  const deployed = await deployTarget(target, isBuild, shell);
  const built = imageOf((await stateOf(resource, shell)) ?? {});
  if (built !== undefined) shell.set(IMAGE, built);
  return deployed;
}

const isAboutSource = (difference: string) => difference.startsWith('source:');

async function deployTarget(target: Target, isBuild: boolean, shell: Shell): Promise<Deployed> {
  const { resource, before } = target;
  if (!isBuild && before !== undefined && differencesOf(target, shell).length === 0)
    return { ...target, outcome: 'unchanged' };
  const isCandidate = before !== undefined && servingRevision(before) !== undefined;
  await shell.require(resource.title, resource.deploy({ isBuild, isCandidate }));
  return { ...target, outcome: isCandidate ? 'candidate' : 'created' };
}

function differencesOf({ resource, before }: Target, shell: Shell): readonly string[] {
  return resource.differences(before as never, shell.variables);
}

/** Verifies every candidate, then moves the traffic of all services; on a failure moves it back. */
async function promote(deployed: readonly Deployed[], shell: Shell): Promise<void> {
  const moves = await Promise.all(deployed.map(async (each) => await moveOf(each, shell)));
  const shifted: (() => Promise<unknown>)[] = [];
  try {
    for (const { resource, to, from } of moves) {
      if (from === '') continue;
      shifted.push(async () => await shell.require(resource.title, resource.shift(from, '')));
      await shell.require(resource.title, resource.shift(to, from));
    }
  } catch (error) {
    for (const moveBack of shifted) await moveBack();
    throw error;
  }
}

interface Move {
  readonly resource: ServiceResource;
  readonly from: string;
  readonly to: string;
}

/** A service without a candidate stays where it is, and a rollback leaves it there. */
async function moveOf({ resource, before, outcome }: Deployed, shell: Shell): Promise<Move> {
  const from = (before && servingRevision(before)) ?? '';
  if (outcome !== 'candidate') return { resource, from, to: from };
  const state = (await stateOf(resource, shell)) ?? {};
  const candidate = revisionTagged(state, CANDIDATE);
  const { latestReadyRevisionName: ready } = state.status ?? {};
  if (candidate?.revisionName === undefined || ready !== candidate.revisionName)
    throw new CliError(
      'NOT_READY',
      `${resource.title}: the candidate ${candidate?.revisionName ?? ''} is not ready. ` +
        `Read its log: gcloud run services logs read ${resource.service.name}`,
    );
  // Google itself refuses requests to a private service; there, readiness is the test.
  if (resource.isBuilt && isPublic(state)) await smokeTest(candidate.url ?? '', shell);
  return { resource, from, to: candidate.revisionName };
}

function changesOf(deployed: readonly Deployed[]): Changes {
  const named = (outcome: Deployed['outcome']) =>
    deployed.flatMap((each) => (each.outcome === outcome ? each.resource.title : []));
  return { created: named('created'), updated: named('candidate'), unchanged: named('unchanged').length };
}
