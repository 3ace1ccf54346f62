import Table from 'cli-table3';
import type { FailureDetails } from './errors.ts';

/**
 * Prints a command's result to standard output, and everything else to standard error.
 *
 * With `json` each of the two holds at most one object, and nothing else. No output has colours, so `NO_COLOR` holds.
 */
export class Terminal {
  readonly json: boolean;

  constructor({ json }: { json: boolean }) {
    this.json = json;
  }

  /** Prints the result of a command: an object for programs, lines for people. */
  result(value: object, forPeople: () => string): void {
    process.stdout.write(`${this.json ? JSON.stringify(value, null, 2) : safe(forPeople())}\n`);
  }

  /** Prints one line of a stream: JSON for programs, as an object or as text that is JSON already; text for people. */
  line(value: object | string, forPeople: () => string): void {
    const json = typeof value === 'string' ? value : JSON.stringify(value);
    process.stdout.write(`${this.json ? json : safe(forPeople())}\n`);
  }

  /** Prints progress and advice, for people only. */
  note(text: string): void {
    if (!this.json) process.stderr.write(`${safe(text)}\n`);
  }

  failure(code: string, message: string, details: FailureDetails = {}): void {
    const error = { code, message, ...details };
    process.stderr.write(this.json ? `${JSON.stringify({ error })}\n` : `error: ${safe(message)}\n`);
  }
}

/** Replaces control characters: text of events could move the cursor or change colours. */
export function safe(text: string): string {
  return text.replaceAll(/(?!\n)\p{Cc}/gu, '\u{FFFD}');
}

const PLAIN = {
  chars: Object.fromEntries(
    ['top', 'bottom', 'left', 'right'].flatMap((side) => [
      [side, ''],
      [`${side}-mid`, ''],
      [`${side}-left`, ''],
      [`${side}-right`, ''],
    ]),
  ),
  style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] },
};

type Cell = string | number | undefined;

/** Aligns rows under a heading. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const text = new Table({ ...PLAIN, chars: { ...PLAIN.chars, mid: '', 'mid-mid': '', middle: '' }, head: [...head] });
  // The table would interpret escape sequences in a cell.
  text.push(...rows.map((row) => row.map((cell = '') => safe(String(cell)))));
  return trimmed(text.toString());
}

/** A line for each field that has a value. */
export function fields(entries: Readonly<Record<string, Cell>>): string {
  const present = Object.entries(entries).filter(([, value]) => value !== undefined && value !== '');
  return table([], present);
}

/** Quotes a word for a shell. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Prints how to list the next page, if any. */
export function nextPage(token: string | undefined, terminal: Terminal): void {
  if (token !== undefined) terminal.note(`More items exist. Add --page-token=${quoted(token)}`);
}

function trimmed(text: string): string {
  return text.replaceAll(/[ \t]+$/gm, '');
}
