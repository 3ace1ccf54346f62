import { CliError, reasonOf } from '../cli/errors.ts';
import type { Terminal } from '../cli/terminal.ts';
import { substitute, type Line } from './line.ts';
import { type ResourceChange, type Item, itemsOf, type Resource, type Step, type ShellVariable } from './plan.ts';
import { differencesOf, MISSING, refusalOf } from './resource.ts';
import type { Shell } from './shell.ts';

type Result = { readonly changes: readonly ResourceChange[] } | { readonly error: unknown } | 'skipped';

/**
 * Applies steps, each as soon as the steps that it needs have succeeded. A step that fails ends itself and those that need
 * it; all others continue.
 *
 * @throws {CliError} for the first failure, with the messages of all of them.
 */
export async function apply(
  steps: readonly Step[],
  shell: Shell,
  terminal: Terminal,
): Promise<readonly ResourceChange[]> {
  const results = new Map<string, Promise<Result>>();
  for (const step of steps) {
    const needed = step.needs.flatMap((name) => results.get(name) ?? []);
    results.set(step.name, applyAfter(needed, step, shell, terminal));
  }
  const ended = await Promise.all(results.values());
  const errors = ended.flatMap((result) => (result !== 'skipped' && 'error' in result ? [result.error] : []));
  const [first] = errors;
  if (errors.length === 0)
    return ended.flatMap((result) => (result !== 'skipped' && 'changes' in result ? result.changes : []));
  const messages = errors.map(reasonOf);
  const skipped = steps.filter((_step, index) => ended[index] === 'skipped').map(({ name }) => name);
  if (skipped.length > 0) messages.push(`Not done, because of this: ${skipped.join(', ')}. Everything else is done.`);
  throw new CliError(first instanceof CliError ? first.code : 'FAILED', messages.join('\n'), { cause: first });
}

async function applyAfter(
  needed: readonly Promise<Result>[],
  step: Step,
  shell: Shell,
  terminal: Terminal,
): Promise<Result> {
  const results = await Promise.all(needed);
  if (results.some((result) => result === 'skipped' || 'error' in result)) return 'skipped';
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1_000).toFixed(1)} s`;
  try {
    const changes = await applyStep(step, shell, terminal);
    await step.verify?.(shell);
    terminal.note(`${step.title}: ${summaryOf(changes)} ✓ ${seconds()}`);
    return { changes };
  } catch (error) {
    terminal.note(`${step.title}: failed ✗ ${seconds()}`);
    return { error };
  }
}

async function applyStep(step: Step, shell: Shell, terminal: Terminal): Promise<readonly ResourceChange[]> {
  // The reads may use the variables at the start.
  for (const item of itemsOf(step)) {
    if (item.kind !== 'variable') break;
    await resolve(item, shell);
  }
  if (step.apply) return await step.apply(shell, terminal);
  const reads = new SharedReads(shell);
  for (const item of itemsOf(step)) if (item.kind === 'resource' && item.create) void reads.start(item);
  const chains = step.chains.map(async (chain) => {
    const changes: (readonly ResourceChange[])[] = [];
    for (const item of chain) changes.push(await applyItem(item, reads, shell, terminal));
    return changes.flat();
  });
  await Promise.allSettled(chains);
  return (await Promise.all(chains)).flat();
}

/** Reads of several resources at once. Resources that one list shows share its read. */
export class SharedReads {
  readonly #shell: Shell;
  readonly #started = new Map<Line, Promise<unknown>>();

  constructor(shell: Shell) {
    this.#shell = shell;
  }

  /** Starts a read; its failure rejects where it is awaited. */
  start({ title, read }: Resource): Promise<unknown> {
    const started = this.#started.get(read) ?? this.#shell.find(title, read);
    this.#started.set(read, started);
    started.catch(() => {});
    return started;
  }
}

async function applyItem(
  item: Item,
  reads: SharedReads,
  shell: Shell,
  terminal: Terminal,
): Promise<readonly ResourceChange[]> {
  switch (item.kind) {
    case 'variable':
      await resolve(item, shell);
      return [];
    case 'task':
      terminal.note((await shell.require(item.title, item.line)).trimEnd());
      return [];
    case 'resource':
      return item.create ? [await applyResource(item, item.create, await reads.start(item), shell)] : [];
  }
}

async function applyResource(
  resource: Resource,
  create: readonly Line[],
  found: unknown,
  shell: Shell,
): Promise<ResourceChange> {
  const { title, update } = resource;
  const run = async (kind: ResourceChange['kind'], lines: readonly Line[]): Promise<ResourceChange> => {
    for (const line of lines) await shell.require(title, line);
    return { title, kind };
  };
  const differences = differencesOf(resource, found, shell.variables);
  if (differences.length === 0) return { title, kind: 'unchanged' };
  if (differences.includes(MISSING)) return await run('created', create);
  const refused = refusalOf(resource, found);
  if (refused !== undefined) throw new CliError('REFUSED', `${title}: ${refused}`);
  if (update === undefined) return await run('created', create);
  return await run('updated', update(found as never, shell.variables));
}

/** Sets a variable once. */
export async function resolve({ name, value, unlessSet }: ShellVariable, shell: Shell): Promise<void> {
  const known = shell.variables[name];
  if (known !== undefined && !('fixed' in value)) return;
  const given = unlessSet ? shell.valueOf(name) : undefined;
  if (given !== undefined) return shell.set(name, given);
  if ('fixed' in value) return shell.set(name, substitute(value.fixed, shell.variables));
  shell.set(name, (await shell.require(name, value.read)).trim());
}

/**
 * Sets all variables of a step, without which its resources cannot be compared or removed. One may be unreadable because
 * its resource is missing; then nothing is left that needs it.
 */
export async function resolveAll(step: Step, shell: Shell): Promise<void> {
  for (const item of itemsOf(step)) if (item.kind === 'variable') await resolve(item, shell).catch(() => undefined);
}

const CHANGE_KINDS = ['created', 'updated', 'unchanged'] as const;

export function summaryOf(changes: readonly ResourceChange[]): string {
  const counts = CHANGE_KINDS.map((kind) => [changes.filter((each) => each.kind === kind).length, kind] as const);
  const shown = counts.filter(([count]) => count > 0).map(([count, kind]) => `${count} ${kind}`);
  return shown.length === 0 ? 'done' : shown.join(', ');
}
