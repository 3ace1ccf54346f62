import { CliError, reasonOf } from '../cli/errors.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { ResourceChange } from './plan.ts';
import { type FoundService, imageOf, isPublic, servingRevision, revisionTagged } from './revisions.ts';
import { differencesOf, refusalOf } from './resource.ts';
import type { Shell } from './shell.ts';
import { smokeTest } from './smoke.ts';
import { CANDIDATE, IMAGE } from './steps/functions.ts';
import { type ServiceResource, type Services, describeService } from './serviceResource.ts';

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
  [first, ...others]: Services,
  { isRebuild }: { readonly isRebuild: boolean },
  shell: Shell,
  terminal: Terminal,
): Promise<readonly ResourceChange[]> {
  const builder = targetOf(first, shell);
  const followers = others.map(async (resource) => await targetOf(resource, shell));
  const targets = await Promise.all([builder, ...followers]);
  try {
    const built = await deployBuilder(await builder, isRebuild, shell, terminal);
    const rest = await allEnded(targets.slice(1).map(async (target) => await deployTarget(target, false, shell)));
    const deployed = [built, ...rest];
    if (deployed.some(({ outcome }) => outcome === 'candidate')) await promote(deployed, shell);
    const kinds = { created: 'created', candidate: 'updated', unchanged: 'unchanged' } as const;
    return deployed.map(({ resource, outcome }) => ({ title: resource.title, kind: kinds[outcome] }));
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
  const before = await describeService(resource, shell);
  const refusal = before && refusalOf(resource, before);
  if (refusal !== undefined) throw new CliError('REFUSED', `${resource.title}: ${refusal}`);
  return { resource, before };
}

/** Builds where the sources differ from those of the image, and sets the image for the other services. */
async function deployBuilder(target: Target, isRebuild: boolean, shell: Shell, terminal: Terminal): Promise<Deployed> {
  const { resource, before } = target;
  const image = before && imageOf(before);
  const isCurrent =
    before?.metadata?.labels !== undefined && !differencesOf(resource, before, shell.variables).some(isAboutSource);
  const isBuild = isRebuild || image === undefined || !isCurrent;
  if (!isBuild) shell.set(IMAGE, image);
  else terminal.note('  Building the image from the sources, which takes 2 to 4 minutes …');
  const deployed = await deployTarget(target, isBuild, shell);
  const built = imageOf((await describeService(resource, shell)) ?? {});
  if (built !== undefined) shell.set(IMAGE, built);
  return deployed;
}

const isAboutSource = (difference: string) => difference.startsWith('source:');

async function deployTarget(target: Target, isBuild: boolean, shell: Shell): Promise<Deployed> {
  const { resource, before } = target;
  const isCurrent = differencesOf(resource, before, shell.variables).length === 0;
  if (!isBuild && isCurrent) return { ...target, outcome: 'unchanged' };
  const isCandidate = before !== undefined && servingRevision(before) !== undefined;
  await shell.require(resource.title, resource.deploy({ isBuild, isCandidate }));
  return { ...target, outcome: isCandidate ? 'candidate' : 'created' };
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
  const state = (await describeService(resource, shell)) ?? {};
  const candidate = revisionTagged(state, CANDIDATE);
  const { latestReadyRevisionName: ready } = state.status ?? {};
  if (candidate?.revisionName === undefined || ready !== candidate.revisionName)
    throw new CliError(
      'NOT_READY',
      `${resource.title}: the candidate ${candidate?.revisionName ?? ''} is not ready. ` +
        `Read its log: ${resource.logCommand}`,
    );
  // Google itself refuses requests to a private service; there, readiness is the test.
  if (resource.isBuilt && isPublic(state)) await smokeTest(candidate.url ?? '', resource, shell);
  return { resource, from, to: candidate.revisionName };
}
