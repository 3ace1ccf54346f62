import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

const TITLE_WIDTH = 54;
const OUTCOME_WIDTH = 30;
const ID_LENGTH = 8;

/** Styles the text where standard output is a terminal and NO_COLOR is not set. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

export function heading(text: string): void {
  console.log(`\n${paint('bold', text)}`);
}

/** Prints a line that starts with ✓ or ✗. */
export function check(isAsExpected: boolean, title: string, outcome: string, detail = ''): void {
  const mark = isAsExpected ? paint('green', '✓') : paint('red', '✗');
  const columns = [title.padEnd(TITLE_WIDTH), outcome.padEnd(OUTCOME_WIDTH), paint('dim', detail)];
  console.log(`${mark} ${columns.join(' ').trimEnd()}`);
}

/** Prints commands with their explanations, in two columns. */
export function commands(list: readonly (readonly [command: string, meaning: string])[]): void {
  const width = Math.max(...list.map(([command]) => command.length));
  for (const [command, meaning] of list) console.log(`  ${command.padEnd(width)}  ${paint('dim', meaning)}`.trimEnd());
}

/** Shortens a job's name: its collection and the first characters of its id. */
export function shortName(name: string): string {
  const id = name.slice(name.lastIndexOf('/') + 1);
  const [, prefix = ''] = /^(v1_|msg_)/.exec(id) ?? [];
  const end = prefix.length + ID_LENGTH;
  return id.length <= end + 1 ? name : `${name.slice(0, name.length - id.length + end)}…`;
}

/** Returns a number with its noun: `1 result`, `2 results`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}
