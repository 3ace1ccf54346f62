import type { Terminal } from '../cli/terminal.ts';
import type { Installation } from './installation.ts';
import { digestOf, Gcloud, type Line, type Variables } from './line.ts';
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
  /** Returns why an existing resource cannot be updated, and what to do. */
  readonly refusal?: (found: never) => string | undefined;
  /** False for a resource that existed before the installation and is never removed. */
  readonly isOwned?: (found: never) => boolean;
  readonly keptUnless?: DataFlag;
}

/** A value that later lines read as an environment variable. */
export interface Variable {
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

export type Item = Resource | Variable | Task;

/** The resources that a step created and updated, by their titles. */
export interface Changes {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: number;
}

export interface Step {
  readonly name: string;
  readonly title: string;
  /** Steps that must have succeeded before this one starts. */
  readonly needs: readonly string[];
  /** Chains run concurrently, the items of a chain in order. */
  readonly chains: readonly (readonly Item[])[];
  /** Applies all resources together, where one by one would be unsafe. */
  readonly apply?: (shell: Shell, terminal: Terminal) => Promise<Changes>;
  /** Verifies the step's result. */
  readonly verify?: (shell: Shell) => Promise<void>;
}

export function itemsOf({ chains }: Step): readonly Item[] {
  return chains.flat();
}

export function resourcesOf(step: Step): readonly Resource[] {
  return itemsOf(step).filter((item) => item.kind === 'resource');
}

export function variable(name: string, fixed: string, options: Partial<Variable> = {}): Variable {
  return { kind: 'variable', name, value: { fixed }, ...options };
}

/** Label of every resource that an installation owns; its value is a digest of the description. */
export const LABEL = 'gemini-callbacks';

interface Labelled {
  readonly labels?: Readonly<Record<string, string>>;
}

export const isLabelled = ({ labels }: Labelled) => labels?.[LABEL] !== undefined;

interface LabelledOptions {
  readonly title: string;
  /** Command group and name, for example `['pubsub', 'topics']` and `gemini-events`. */
  readonly group: readonly string[];
  readonly name: string;
  /** Flags of every command that say where the resource is. */
  readonly place?: readonly string[];
  /** Flags that only `create` takes. */
  readonly fixed?: readonly string[];
  /** Flags that `create` and `update` take. */
  readonly flags?: readonly string[];
  readonly more?: Pick<Resource, 'refusal' | 'keptUnless'>;
  /** Uses a resource that existed before as it is, instead of refusing it. */
  readonly mayBeForeign?: true;
}

/** Describes a resource with labels, which gcloud creates, describes, updates and deletes by the same words. */
export function labelled(
  installation: Installation,
  { title, group, name, place = [], fixed = [], flags = [], more = {}, mayBeForeign }: LabelledOptions,
): Resource {
  const gcloud = new Gcloud(installation);
  const definition = digestOf(...flags);
  const run = (verb: string, ...words: readonly string[]) => gcloud.run(...group, verb, name, ...place, ...words);
  const { refusal = () => undefined } = more;
  return {
    kind: 'resource',
    title,
    read: gcloud.read(...group, 'describe', name, ...place),
    differences: (found: Labelled) => {
      if (!isLabelled(found)) return mayBeForeign ? [] : ['not created by this installation'];
      return found.labels?.[LABEL] === definition ? [] : ['settings of an older version'];
    },
    create: [run('create', ...fixed, ...flags, `--labels=${LABEL}=${definition}`)],
    update: () => [run('update', ...flags, `--update-labels=${LABEL}=${definition}`)],
    remove: () => [run('delete')],
    isOwned: isLabelled,
    ...more,
    refusal: (found: Labelled) => (isLabelled(found) ? refusal(found as never) : FOREIGN),
  };
}

/** Refuses a resource of another owner under one of the installation's names. */
export const FOREIGN =
  'It existed before this installation and stays unchanged. Choose other names with --prefix, for example --prefix=jobs.';
