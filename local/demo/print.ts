import { stripVTControlCharacters, styleText } from 'node:util';

/** Lines for a person at a terminal; colours only where there is one. */
const paint = (style: Parameters<typeof styleText>[0], text: string) =>
  styleText(style, text, { stream: process.stdout });

const startedAt = performance.now();

export function title(text: string): void {
  console.log(`\n${paint('bold', text)}`);
}

/** A part that runs now. */
export function done(what: string, detail: string): void {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(5);
  console.log(`${paint('green', '✓')} ${what.padEnd(22)} ${paint('dim', detail)} ${paint('dim', `${seconds} s`)}`);
}

export function answered(status: number, text: string): void {
  console.log(`  answer   ${paint(status < 300 ? 'green' : 'yellow', String(status))} ${text}`);
}

export function fact(name: string, text: string): void {
  console.log(`  ${name.padEnd(8)} ${text}`);
}

export function failed(text: string): void {
  console.log(`  ${paint('red', '✗')} ${text}`);
}

export function lastLine(text: string): void {
  console.log(`\n${paint('bold', stripVTControlCharacters(text))}`);
}
