import type { InstallationSpec } from './installation.ts';
import { digestOf, type Line, type Variables } from './line.ts';
import type { Resource } from './plan.ts';

/** Difference of a resource that must be created. */
export const MISSING = 'missing';

/** Difference of a resource whose digest is another one. */
export const OLDER = 'settings of an older version';

/** Compares a resource as read with its description. */
export function differencesOf({ differences }: Resource, found: unknown, variables: Variables): readonly string[] {
  return found === undefined ? [MISSING] : differences(found as never, variables);
}

/** Returns why an existing resource that differs cannot be updated, and what to do. */
export function refusalOf({ isOwned, refusal }: Resource, found: unknown): string | undefined {
  if (isOwned?.(found as never) === false)
    return 'It existed before this installation and stays unchanged. Choose other names with --prefix, for example --prefix=jobs.';
  return refusal?.(found as never);
}

/** Describes a resource without settings to compare. */
export function present(
  title: string,
  read: Line,
  isPresent: (found: never, variables: Variables) => boolean,
  create: Line,
  more: Partial<Resource> = {},
): Resource {
  const differences = (found: never, variables: Variables) => (isPresent(found, variables) ? [] : [MISSING]);
  return { kind: 'resource', title, read, differences, create: [create], ...more };
}

/** Describes what an installation leaves behind, which only `destroy` handles. */
export function leftover(
  title: string,
  read: Line,
  remove: (found: never) => readonly Line[],
  more: Partial<Resource> = {},
): Resource {
  return { kind: 'resource', title, read, differences: () => [], remove, ...more };
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
  { gcloud }: InstallationSpec,
  { title, group, name, place = [], fixed = [], flags = [], more, mayBeForeign }: LabelledOptions,
): Resource {
  const definition = digestOf(...flags);
  const run = (verb: string, ...words: readonly string[]) => gcloud.run(...group, verb, name, ...place, ...words);
  return {
    kind: 'resource',
    title,
    read: gcloud.read(...group, 'describe', name, ...place),
    differences: (found: Labelled) => {
      if (!isLabelled(found)) return mayBeForeign ? [] : ['not created by this installation'];
      return found.labels?.[LABEL] === definition ? [] : [OLDER];
    },
    create: [run('create', ...fixed, ...flags, `--labels=${LABEL}=${definition}`)],
    update: () => [run('update', ...flags, `--update-labels=${LABEL}=${definition}`)],
    remove: () => [run('delete')],
    isOwned: isLabelled,
    ...more,
  };
}
