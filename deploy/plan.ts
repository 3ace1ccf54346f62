import { createHash } from 'node:crypto';
import { quoted } from '../cli/terminal.ts';

/** A shell line: printed as it is, and run as it is. */
export type Line = string;

/** What the reads have found out, by the names of shell variables. */
export type Variables = Readonly<Record<string, string>>;

/** Something in the cloud that can be looked for, and taken away. */
export interface Removable {
  readonly title: string;
  /** Prints JSON, a list where it can only be looked for; fails with NOT_FOUND where there is nothing. */
  readonly read: Line;
  /** Takes it away; absent where that is not ours to do. */
  readonly remove?: (found: never, variables: Variables) => readonly Line[];
  /** Whether a deployment has made it: what was there before is never taken away. */
  readonly isOurs?: (found: never) => boolean;
  /** A variable that it is known by: where nothing tells that, there is nothing to take away. */
  readonly knownBy?: string;
  readonly staysUnless?: DataFlag;
}

/** What `destroy` must be told to take away, since nothing brings its data back. */
export type DataFlag = '--with-data' | '--with-database';

/** Something that has to be there, and to be as described. */
export interface Resource extends Removable {
  readonly kind: 'resource';
  readonly isCurrent: (found: never, variables: Variables) => boolean;
  /** Why what is there cannot be brought to what is described, and what to do; then nothing is changed. */
  readonly refusal?: (found: never) => string | undefined;
  readonly create: readonly Line[];
  /** Of what is there and is not as described; the same as `create` where that does both. */
  readonly update?: (found: never, variables: Variables) => readonly Line[];
  /** Whether it is asked for only when all before it is done, which may change it. */
  readonly isLate?: true;
}

/** What deployments may have made under names that only their options had. */
export interface Remnant extends Removable {
  readonly kind: 'remnant';
}

/** A value that later lines need, and that only the cloud knows. */
export interface Variable {
  readonly kind: 'variable';
  readonly name: string;
  readonly value: { readonly fixed: string } | { readonly read: Line };
  /** Kept where the environment has it already. */
  readonly unlessSet?: true;
  /** Whether it is only compared with what is there: no line needs it. */
  readonly isCompared?: true;
}

/** A line that is run every time. */
export interface Task {
  readonly kind: 'task';
  readonly title: string;
  readonly line: Line;
}

export type Item = Resource | Remnant | Variable | Task;

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

/** A text with the values of the variables that it names. */
export function filled(text: string, variables: Variables): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_all, name: string) => variables[name] ?? '');
}

interface Labelled {
  readonly labels?: Readonly<Record<string, string>>;
}

const isLabelled = ({ labels }: Labelled) => labels?.[LABEL] !== undefined;

/** A resource whose label says by which definition it was made. */
export function labelled(
  title: string,
  definition: string,
  parts: {
    readonly read: Line;
    readonly create: Line;
    readonly update: Line;
    readonly remove?: Line;
    readonly isReady?: (found: never) => boolean;
    readonly refusal?: (found: never) => string | undefined;
    /** Whether one that was there before is used as it is. */
    readonly mayBeForeign?: true;
    readonly staysUnless?: DataFlag;
  },
): Resource {
  const { read, create, update, remove, isReady = () => true, refusal = () => undefined } = parts;
  const { mayBeForeign = false, staysUnless } = parts;
  return {
    kind: 'resource',
    title,
    read,
    isCurrent: (found: Labelled) =>
      isLabelled(found) ? found.labels?.[LABEL] === definition && isReady(found as never) : mayBeForeign,
    refusal: (found: Labelled) => (isLabelled(found) ? refusal(found as never) : FOREIGN),
    create: [create],
    update: () => [update],
    ...(remove === undefined ? {} : { remove: () => [remove] }),
    isOurs: isLabelled,
    ...(staysUnless ? { staysUnless } : {}),
  };
}

/** A refusal of what has the name of ours. */
export const FOREIGN =
  'It was there before, and is left as it is. Take other names for this installation, with --prefix.';
