import { createHash } from 'node:crypto';
import { quoted } from '../terminal.ts';

/** A shell line: printed as it is, and run as it is. */
export type Line = string;

/** What the reads have found out, by the names of shell variables. */
export type Variables = Readonly<Record<string, string>>;

/** Something in the cloud that has to be there, and to be as described. */
export interface Resource {
  readonly kind: 'resource';
  readonly title: string;
  /** Prints JSON, a list where it can only be looked for; fails with NOT_FOUND where there is nothing. */
  readonly read: Line;
  readonly isCurrent: (found: never, variables: Variables) => boolean;
  readonly create: readonly Line[];
  /** Of what is there and is not as described; the same as `create` where that does both. */
  readonly update?: (found: never, variables: Variables) => readonly Line[];
  /** Takes it away; absent where that is not ours to do. */
  readonly remove?: (found: never, variables: Variables) => readonly Line[];
  /** Whether it is asked for only when all before it is done, which may change it. */
  readonly isLate?: true;
  /** Whether it holds data that nothing can bring back. */
  readonly holdsData?: true;
}

/** A value that later lines need, and that only the cloud knows. */
export interface Variable {
  readonly kind: 'variable';
  readonly name: string;
  readonly value: { readonly fixed: string } | { readonly read: Line };
  /** Kept where the environment has it already. */
  readonly unlessSet?: true;
}

/** A line that is run every time. */
export interface Task {
  readonly kind: 'task';
  readonly title: string;
  readonly line: Line;
}

export type Item = Resource | Variable | Task;

export interface Step {
  readonly name: string;
  readonly title: string;
  readonly items: readonly Item[];
}

/** The label by which a second run knows that nothing has to be done. */
export const LABEL = 'gemini-callbacks';

/** A digest of everything that describes a resource, short enough for a label. */
export function definitionOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/** @param words that may hold `${VARIABLE}`, which the shell fills in. */
export function line(...words: readonly string[]): Line {
  return words.map(quote).join(' ');
}

function quote(word: string): string {
  return word.includes('${') ? `"${word.replaceAll(/["\\`]/g, '\\$&')}"` : quoted(word);
}

/** A resource whose label says by which definition it was made. */
export function labelled(
  title: string,
  definition: string,
  parts: {
    readonly read: Line;
    readonly create: Line;
    readonly update: Line;
    readonly remove: Line;
    readonly isReady?: (found: never) => boolean;
    readonly holdsData?: true;
  },
): Resource {
  const { read, create, update, remove, isReady = () => true, holdsData } = parts;
  return {
    kind: 'resource',
    title,
    read,
    isCurrent: (found: { labels?: Record<string, string> }) =>
      found.labels?.[LABEL] === definition && isReady(found as never),
    create: [create],
    update: () => [update],
    remove: () => [remove],
    ...(holdsData ? { holdsData } : {}),
  };
}
