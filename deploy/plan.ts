import type { Terminal } from '../cli/terminal.ts';
import type { Line, Variables } from './line.ts';
import type { Shell } from './shell.ts';

/** Data that `destroy` removes only with this flag, because nothing restores it. */
export type DataFlag = '--with-data' | '--with-database';

/** The description of one resource: plan, dry run, update, status and removal derive from it. */
export interface Resource {
  readonly kind: 'resource';
  readonly title: string;
  /** Prints JSON; fails with NOT_FOUND where the resource is missing, unless it prints a list. */
  readonly read: Line;
  /** Differences between the resource as read and this description; none where it is current. */
  readonly differences: (found: never, variables: Variables) => readonly string[];
  /** Creates the resource; absent for leftovers that only `destroy` handles. */
  readonly create?: readonly Line[];
  /** Updates a resource that differs; `create` where absent. */
  readonly update?: (found: never, variables: Variables) => readonly Line[];
  readonly remove?: (found: never, variables: Variables) => readonly Line[];
  /** Returns why an existing resource that differs cannot be updated, and what to do. */
  readonly refusal?: (found: never) => string | undefined;
  /** False for a resource that existed before the installation, which is neither updated nor removed. */
  readonly isOwned?: (found: never) => boolean;
  readonly keptUnless?: DataFlag;
}

/** A value that later lines read as an environment variable. */
export interface ShellVariable {
  readonly kind: 'variable';
  readonly name: string;
  readonly value: { readonly fixed: string } | { readonly read: Line };
  /** Keeps a value that the environment already has. */
  readonly unlessSet?: true;
  /** Needed to compare only, so a script for an empty project leaves it out. */
  readonly isCompared?: true;
}

/** A line that every run executes. */
interface Task {
  readonly kind: 'task';
  readonly title: string;
  readonly line: Line;
}

export type Item = Resource | ShellVariable | Task;

/** The effect of a run on one resource. */
export interface ResourceChange {
  readonly title: string;
  readonly kind: 'created' | 'updated' | 'unchanged';
}

export interface Step {
  readonly name: string;
  readonly title: string;
  /** Steps that must have succeeded before this one starts. */
  readonly needs: readonly string[];
  /** Chains run concurrently, the items of a chain in order. */
  readonly chains: readonly (readonly Item[])[];
  /** Applies all resources together, where one by one would be unsafe. */
  readonly apply?: (shell: Shell, terminal: Terminal) => Promise<readonly ResourceChange[]>;
  /** Verifies the step's result. */
  readonly verify?: (shell: Shell) => Promise<void>;
}

export function itemsOf({ chains }: Step): readonly Item[] {
  return chains.flat();
}

export function resourcesOf(step: Step): readonly Resource[] {
  return itemsOf(step).filter((item) => item.kind === 'resource');
}

export function fixed(name: string, value: string, options: Partial<ShellVariable> = {}): ShellVariable {
  return { kind: 'variable', name, value: { fixed: value }, ...options };
}

export function readBy(name: string, read: Line, options: Partial<ShellVariable> = {}): ShellVariable {
  return { kind: 'variable', name, value: { read }, ...options };
}
