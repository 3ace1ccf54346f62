import { CliError } from '../cli/errors.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { Line } from './line.ts';
import { servingRevision, revisionTagged } from './revisions.ts';
import type { Shell } from './shell.ts';
import { PREVIOUS, type ServiceResource, describeService } from './serviceResource.ts';

interface Move {
  readonly service: string;
  readonly title: string;
  readonly from: string;
  readonly to: string;
  readonly line: Line;
}

/**
 * Sends all requests to the revisions that served before the last update. A second rollback undoes the first.
 *
 * @throws {CliError} `NO_PREVIOUS_REVISION` where no release has replaced a revision.
 */
export async function rollBack(
  resources: readonly ServiceResource[],
  { isDryRun }: { readonly isDryRun: boolean },
  shell: Shell,
  terminal: Terminal,
): Promise<void> {
  const moves = (await Promise.all(resources.map(async (resource) => await moveOf(resource, shell)))).flat();
  if (moves.length === 0)
    throw new CliError('NO_PREVIOUS_REVISION', 'There is no previous revision: no release has replaced one yet.');
  if (!isDryRun) for (const { title, line } of moves) await shell.require(title, line);
  const revisions = moves.map(({ service, from, to }) => ({ service, from, to }));
  terminal.result({ revisions }, () =>
    isDryRun
      ? moves.map(({ line }) => line).join('\n')
      : moves.map(({ service, from, to }) => `${service}: ${from} → ${to} ✓`).join('\n'),
  );
}

async function moveOf(resource: ServiceResource, shell: Shell): Promise<readonly Move[]> {
  const { title, service, shift } = resource;
  const found = (await describeService(resource, shell)) ?? {};
  const [from, to] = [servingRevision(found), revisionTagged(found, PREVIOUS)?.revisionName];
  if (from === undefined || to === undefined || from === to) return [];
  return [{ service: service.name, title, from, to, line: shift(to, from) }];
}
