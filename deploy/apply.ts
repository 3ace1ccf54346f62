import { CliError } from '../cli/errors.ts';
import type { Terminal } from '../cli/terminal.ts';
import { type DataFlag, filled, type Line, type Removable, type Resource, type Step, type Variable } from './plan.ts';
import type { Shell } from './shell.ts';

/** What a run has done. */
export interface Done {
  readonly made: number;
  readonly changed: number;
  readonly unchanged: number;
}

/** Brings what is there to what the steps describe, and says of each thing what it did. */
export async function apply(steps: readonly Step[], shell: Shell, terminal: Terminal): Promise<Done> {
  const done = { made: 0, changed: 0, unchanged: 0 };
  for (const step of steps) {
    terminal.note(`\n${step.title}`);
    for (const variable of leadingVariables(step)) await resolve(variable, shell);
    const reads = startReads(step, shell);
    for (const item of step.items) {
      if (item.kind === 'variable') await resolve(item, shell);
      if (item.kind === 'task') await runTask(item.title, item.line, shell, terminal);
      if (item.kind === 'resource') done[await applyResource(item, reads, shell, terminal)] += 1;
    }
  }
  return done;
}

interface Removal {
  readonly flags: ReadonlySet<DataFlag>;
  /** Whether the lines are only printed. */
  readonly isDryRun: boolean;
}

/**
 * Takes away what is there, last things first.
 *
 * @returns what was left, and why.
 */
export async function remove(
  steps: readonly Step[],
  removal: Removal,
  shell: Shell,
  terminal: Terminal,
): Promise<readonly string[]> {
  const left: string[] = [];
  for (const step of steps.toReversed()) {
    terminal.note(`\n${step.title}`);
    // A variable may ask for what has been taken away already; then nothing is left that needs it.
    for (const item of step.items) if (item.kind === 'variable') await resolve(item, shell).catch(() => undefined);
    for (const item of step.items.toReversed()) {
      if (item.kind !== 'resource' && item.kind !== 'remnant') continue;
      const reason = await removeOne(item, removal, shell, terminal);
      if (reason === undefined) continue;
      left.push(`${item.title} (${reason})`);
      terminal.note(`  – ${item.title}: left, ${reason}`);
    }
  }
  return left;
}

/** @returns why it is left, where it is. */
async function removeOne(
  { title, read, remove: linesFor, isOurs, knownBy, staysUnless }: Removable,
  { flags, isDryRun }: Removal,
  shell: Shell,
  terminal: Terminal,
): Promise<string | undefined> {
  if (linesFor === undefined || (knownBy !== undefined && shell.variables[knownBy] === undefined)) return undefined;
  const found = await shell.find(title, read);
  const lines = found === undefined ? [] : linesFor(found as never, shell.variables);
  if (lines.length === 0) return undefined;
  if (isOurs?.(found as never) === false) return 'which was there before';
  if (staysUnless !== undefined && !flags.has(staysUnless)) return `until you say ${staysUnless}`;
  for (const line of lines) {
    const exact = filled(line, shell.variables);
    if (isDryRun) terminal.result({ line: exact }, () => exact);
    else await shell.require(title, line);
  }
  if (!isDryRun) terminal.note(`  ✗ ${title}: removed`);
  return undefined;
}

/** The lines that bring an empty project to an installation: a script that can be run as it is. */
export function scriptOf(steps: readonly Step[]): string {
  const lines = ['#!/usr/bin/env bash', 'set -euo pipefail'];
  const known = new Set<string>();
  for (const step of steps) {
    lines.push('', `# ${step.title}`);
    for (const item of step.items) {
      if (item.kind === 'resource') lines.push(...item.create);
      if (item.kind === 'task') lines.push(item.line);
      if (item.kind === 'variable' && !item.isCompared && !known.has(item.name)) {
        lines.push(exportOf(item));
        known.add(item.name);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

function exportOf({ name, value, unlessSet }: Variable): Line {
  if ('fixed' in value) return `export ${name}='${value.fixed}'`;
  return unlessSet ? `export ${name}="\${${name}:-$(${value.read})}"` : `export ${name}="$(${value.read})"`;
}

/** Finds a variable out, once. */
export async function resolve({ name, value, unlessSet }: Variable, shell: Shell): Promise<void> {
  if ('fixed' in value) return shell.set(name, value.fixed);
  if (unlessSet && shell.valueOf(name) !== undefined) return;
  if (shell.variables[name] === undefined) shell.set(name, (await shell.require(name, value.read)).trim());
}

/** What a step's reads may need. */
function leadingVariables({ items }: Step): readonly Variable[] {
  const end = items.findIndex(({ kind }) => kind !== 'variable');
  return items.slice(0, end).filter((item) => item.kind === 'variable');
}

/** All at once, since a call of gcloud takes seconds; many things are told by one list, which is asked for once. */
function startReads({ items }: Step, shell: Shell): ReadonlyMap<Line, Promise<unknown>> {
  const reads = new Map<Line, Promise<unknown>>();
  for (const item of items) {
    if (item.kind !== 'resource' || item.isLate || reads.has(item.read)) continue;
    const reading = shell.find(item.title, item.read);
    reading.catch(() => {});
    reads.set(item.read, reading);
  }
  return reads;
}

async function applyResource(
  resource: Resource,
  reads: ReadonlyMap<Line, Promise<unknown>>,
  shell: Shell,
  terminal: Terminal,
): Promise<keyof Done> {
  const { title, read, isCurrent, create, update } = resource;
  const found = await (reads.get(read) ?? shell.find(title, read));
  if (found !== undefined && isCurrent(found as never, shell.variables)) {
    terminal.note(`  ✓ ${title}`);
    return 'unchanged';
  }
  const refusal = found === undefined ? undefined : resource.refusal?.(found as never);
  if (refusal !== undefined) throw new CliError('REFUSED', `${title}: ${refusal}`);
  const lines = found === undefined || update === undefined ? create : update(found as never, shell.variables);
  for (const line of lines) {
    terminal.note(`    $ ${line}`);
    await shell.require(title, line);
  }
  terminal.note(`  + ${title}`);
  return lines === create ? 'made' : 'changed';
}

async function runTask(title: string, line: Line, shell: Shell, terminal: Terminal): Promise<void> {
  terminal.note(`    $ ${line}`);
  terminal.note(await shell.require(title, line));
}
