import { CliError, reasonOf } from '../cli/errors.ts';
import type { Terminal } from '../cli/terminal.ts';
import { substitute, type Line } from './line.ts';
import { type Changes, type Item, itemsOf, type Resource, type Step, type Variable } from './plan.ts';
import type { Shell } from './shell.ts';

type Result = { readonly changes: Changes } | { readonly error: unknown } | 'skipped';

/**
 * Applies steps, each as soon as the steps that it needs have succeeded. A step that fails ends itself and those that need
 * it; all others continue.
 *
 * @throws {CliError} for the first failure, with the messages of all of them.
 */
export async function apply(steps: readonly Step[], shell: Shell, terminal: Terminal): Promise<Changes> {
  const results = new Map<string, Promise<Result>>();
  for (const step of steps) {
    const needed = step.needs.flatMap((name) => results.get(name) ?? []);
    results.set(step.name, applyAfter(needed, step, shell, terminal));
  }
  const ended = await Promise.all(results.values());
  const errors = ended.flatMap((result) => (result !== 'skipped' && 'error' in result ? [result.error] : []));
  const changes = ended.flatMap((result) => (result !== 'skipped' && 'changes' in result ? [result.changes] : []));
  if (errors.length === 0) return sumOf(changes);
  const skipped = steps.filter((_step, index) => ended[index] === 'skipped').map(({ name }) => name);
  throw failureOf(errors, skipped);
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
  try {
    const changes = await (step.apply ? applyWhole(step, shell, terminal) : applyChains(step, shell, terminal));
    await step.verify?.(shell);
    terminal.note(`${step.title}: ${summaryOf(changes)} ✓ ${seconds(start)}`);
    return { changes };
  } catch (error) {
    terminal.note(`${step.title}: failed ✗ ${seconds(start)}`);
    return { error };
  }
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1_000).toFixed(1)} s`;
}

async function applyWhole({ chains, apply: whole }: Step, shell: Shell, terminal: Terminal): Promise<Changes> {
  const [first] = chains.flat();
  if (first?.kind === 'variable') await resolve(first, shell);
  return (await whole?.(shell, terminal)) ?? sumOf([]);
}

async function applyChains(step: Step, shell: Shell, terminal: Terminal): Promise<Changes> {
  for (const item of itemsOf(step).slice(0, leadingVariables(step))) await resolve(item as Variable, shell);
  const reads = new SharedReads(shell);
  for (const item of itemsOf(step)) if (item.kind === 'resource' && item.create) void reads.start(item);
  const done = await Promise.allSettled(
    step.chains.map(async (chain) =>
      sumOf(await inOrder(chain, async (item) => await applyItem(item, reads, shell, terminal))),
    ),
  );
  for (const result of done) if (result.status === 'rejected') throw result.reason;
  return sumOf(done.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
}

/** Number of variables at the start of a step, which its reads may use. */
function leadingVariables(step: Step): number {
  const first = itemsOf(step).findIndex(({ kind }) => kind !== 'variable');
  return first === -1 ? itemsOf(step).length : first;
}

async function inOrder<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await run(item));
  return results;
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

const NONE: Changes = { created: [], updated: [], unchanged: 0 };

async function applyItem(item: Item, reads: SharedReads, shell: Shell, terminal: Terminal): Promise<Changes> {
  switch (item.kind) {
    case 'variable':
      await resolve(item, shell);
      return NONE;
    case 'task':
      terminal.note((await shell.require(item.title, item.line)).trimEnd());
      return NONE;
    case 'resource':
      return await applyResource(item, await (item.create ? reads.start(item) : undefined), shell);
  }
}

async function applyResource(resource: Resource, found: unknown, shell: Shell): Promise<Changes> {
  const { title, create, update } = resource;
  if (create === undefined) return NONE;
  if (found !== undefined && resource.differences(found as never, shell.variables).length === 0)
    return { ...NONE, unchanged: 1 };
  const refusal = found === undefined ? undefined : resource.refusal?.(found as never);
  if (refusal !== undefined) throw new CliError('REFUSED', `${title}: ${refusal}`);
  const lines = found === undefined || update === undefined ? create : update(found as never, shell.variables);
  for (const line of lines) await shell.require(title, line);
  return lines === create ? { ...NONE, created: [title] } : { ...NONE, updated: [title] };
}

/** Sets a variable once. */
export async function resolve({ name, value, unlessSet }: Variable, shell: Shell): Promise<void> {
  const known = shell.variables[name];
  if (known !== undefined && !('fixed' in value)) return;
  const given = unlessSet ? shell.valueOf(name) : undefined;
  if (given !== undefined) return shell.set(name, given);
  if ('fixed' in value) return shell.set(name, substitute(value.fixed, shell.variables));
  shell.set(name, (await shell.require(name, value.read)).trim());
}

function sumOf(changes: readonly Changes[]): Changes {
  return {
    created: changes.flatMap(({ created }) => created),
    updated: changes.flatMap(({ updated }) => updated),
    unchanged: changes.reduce((sum, { unchanged }) => sum + unchanged, 0),
  };
}

export function summaryOf({ created, updated, unchanged }: Changes): string {
  const counts = [`${created.length} created`, `${updated.length} updated`, `${unchanged} unchanged`];
  const shown = counts.filter((count) => !count.startsWith('0 '));
  return shown.length === 0 ? 'done' : shown.join(', ');
}

function failureOf(errors: readonly unknown[], skipped: readonly string[]): CliError {
  const [first] = errors;
  const messages = errors.map(reasonOf);
  if (skipped.length > 0) messages.push(`Not done, because of this: ${skipped.join(', ')}. Everything else is done.`);
  const code = first instanceof CliError ? first.code : 'FAILED';
  return new CliError(code, messages.join('\n'), { cause: first });
}
