import type { Terminal } from '../cli/terminal.ts';
import { resolveAll, SharedReads } from './apply.ts';
import { substitute, type Line } from './line.ts';
import { type DataFlag, type Resource, resourcesOf, type Step } from './plan.ts';
import type { Shell } from './shell.ts';

interface Removal {
  readonly flags: ReadonlySet<DataFlag>;
  /** Prints the lines instead of running them. */
  readonly isDryRun: boolean;
}

interface Removed {
  readonly removed: readonly string[];
  /** Resources that stay, each with the reason. */
  readonly kept: readonly string[];
  readonly lines: readonly Line[];
}

/** Removes what the steps describe, the last step first; `keptUnless` of a resource names the flag that it needs. */
export async function destroy(
  steps: readonly Step[],
  { flags, isDryRun }: Removal,
  shell: Shell,
  terminal: Terminal,
): Promise<Removed> {
  const [removed, kept, lines]: [string[], string[], Line[]] = [[], [], []];
  for (const step of steps.toReversed()) {
    await resolveAll(step, shell);
    const reads = new SharedReads(shell);
    for (const resource of resourcesOf(step)) if (resource.remove) void reads.start(resource);
    for (const resource of resourcesOf(step).toReversed()) {
      const { reason, lines: needed } = await removalOf(resource, flags, reads, shell);
      if (reason !== undefined) kept.push(`${resource.title} (${reason})`);
      lines.push(...needed);
      if (isDryRun || needed.length === 0) continue;
      for (const line of needed) await shell.require(resource.title, line);
      removed.push(resource.title);
      terminal.note(`Removed ${resource.title} ✓`);
    }
  }
  return { removed, kept, lines };
}

async function removalOf(
  resource: Resource,
  flags: ReadonlySet<DataFlag>,
  reads: SharedReads,
  shell: Shell,
): Promise<{ readonly reason?: string; readonly lines: readonly Line[] }> {
  const { remove, isOwned, keptUnless } = resource;
  const found = remove && (await reads.start(resource));
  const lines = found === undefined ? [] : (remove?.(found as never, shell.variables) ?? []);
  if (lines.length === 0) return { lines };
  if (isOwned?.(found as never) === false) return { reason: 'it existed before the installation', lines: [] };
  if (keptUnless !== undefined && !flags.has(keptUnless))
    return { reason: `add ${keptUnless} to remove it`, lines: [] };
  return { lines: lines.map((each) => substitute(each, shell.variables)) };
}
