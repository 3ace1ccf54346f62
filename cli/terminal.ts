import Table from 'cli-table3';
import type { FailureDetails } from './errors.ts';

/**
 * Where a command's results and its remarks go: results to standard output, all else to standard error.
 *
 * With `json` each of the two has one object at most, and nothing else.
 */
export class Terminal {
  readonly json: boolean;

  constructor({ json }: { json: boolean }) {
    this.json = json;
  }

  /** The one result of a command: an object for programs, lines for people. */
  result(value: object, forPeople: () => string): void {
    process.stdout.write(`${this.json ? JSON.stringify(value, null, 2) : safe(forPeople())}\n`);
  }

  /** What happens meanwhile, and what to do next: for people only. */
  note(text: string): void {
    if (!this.json) process.stderr.write(`${safe(text)}\n`);
  }

  failure(code: string, message: string, details: FailureDetails = {}): void {
    const error = { code, message, ...details };
    process.stderr.write(this.json ? `${JSON.stringify({ error })}\n` : `error: ${safe(message)}\n`);
  }
}

/** What came from elsewhere could move the cursor or change colours. */
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

/** Rows under a heading. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const text = new Table({ ...PLAIN, chars: { ...PLAIN.chars, mid: '', 'mid-mid': '', middle: '' }, head: [...head] });
  // The table would close colours that a cell opens, and count their codes as no characters.
  text.push(...rows.map((row) => row.map((cell = '') => safe(String(cell)))));
  return trimmed(text.toString());
}

/** One thing, a line for each of its fields that has a value. */
export function fields(entries: Readonly<Record<string, Cell>>): string {
  const present = Object.entries(entries).filter(([, value]) => value !== undefined && value !== '');
  return table([], present);
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function trimmed(text: string): string {
  return text.replaceAll(/[ \t]+$/gm, '');
}
