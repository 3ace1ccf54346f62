import { createLogUpdate } from 'log-update';
import type { Terminal } from './terminal.ts';

const BAR_WIDTH = 30;

/** Lines that are printed where a terminal cannot rewrite one: for each tenth of the work. */
const STEPS = 10;

/** Progress through a known number of things. */
export interface Counter {
  advance(done: number): void;
  end(): void;
}

/** A bar that changes on a terminal; elsewhere a line for each tenth. Programs see nothing. */
export function progressOf(terminal: Terminal, total: number, things: string): Counter {
  if (terminal.json) return { advance: () => {}, end: () => {} };
  const { isTTY, rows } = process.stderr;
  if (isTTY && rows > 0) {
    const line = createLogUpdate(process.stderr);
    return { advance: (done) => line(`${bar(done, total)} ${things}`), end: () => line.done() };
  }
  let printed = 0;
  return {
    advance: (done) => {
      const step = Math.floor((done / total) * STEPS);
      if (step > printed) terminal.note(`${done} of ${total} ${things}`);
      printed = Math.max(printed, step);
    },
    end: () => {},
  };
}

/** Draws `████░░ 66 %  2/3`. */
export function bar(done: number, total: number): string {
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.floor(part * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${Math.floor(part * 100)} %  ${done}/${total}`;
}
