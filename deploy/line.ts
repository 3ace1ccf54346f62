import { createHash } from 'node:crypto';
import { quoted } from '../cli/terminal.ts';

/** A shell line: printed and run in the same form. */
export type Line = string;

/** Values found at run time, by the names of shell variables. */
export type Variables = Readonly<Record<string, string>>;

/** Joins words to a line. Words may hold `${VARIABLE}`, which the shell replaces. */
export function line(...words: readonly string[]): Line {
  return words
    .map((word) => (word.includes('${') ? `"${word.replaceAll(/["\\`]/g, '\\$&')}"` : quoted(word)))
    .join(' ');
}

/** Replaces `${VARIABLE}` by the variable's value, as the shell does. */
export function substitute(text: string, variables: Variables): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_all, name: string) => variables[name] ?? '');
}

/** Digest of a resource's description, short enough for a label. */
export function digestOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

/** Lines for `gcloud` in one project. */
export class Gcloud {
  readonly #project: string;

  constructor(project: string) {
    this.#project = project;
  }

  run(...words: readonly string[]): Line {
    return line('gcloud', ...words, `--project=${this.#project}`, '--quiet');
  }

  read(...words: readonly string[]): Line {
    return line('gcloud', ...words, `--project=${this.#project}`, '--format=json');
  }

  value(path: string, ...words: readonly string[]): Line {
    return line('gcloud', ...words, `--project=${this.#project}`, `--format=value(${path})`);
  }
}
