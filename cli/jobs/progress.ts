import { createLogUpdate } from 'log-update';
import { bar } from '../progress.ts';
import { safe, type Terminal } from '../terminal.ts';
import { resultsText } from './jobText.ts';
import type { JobRecord } from './records.ts';
import { currentResults } from './watchOutcome.ts';

/** Prints the state of a job while a command waits for it. */
export interface JobProgress {
  waiting(id: string): void;
  job(record: JobRecord): void;
  end(): void;
}

/** A line and a bar that change on a terminal; elsewhere a line for each change. */
export function progressOn(terminal: Terminal): JobProgress {
  const { isTTY, rows } = process.stderr;
  return isTTY && rows > 0 ? new LiveLine() : new Lines(terminal);
}

class LiveLine implements JobProgress {
  readonly #line = createLogUpdate(process.stderr);

  waiting(id: string): void {
    this.#line(safe(waitingText(id)));
  }

  job(record: JobRecord): void {
    const results = currentResults(record);
    const line = results?.total === undefined ? '' : `\n${bar(results.published ?? 0, results.total)}`;
    this.#line(`${safe(statusText(record))}${line}`);
  }

  end(): void {
    this.#line.done();
  }
}

class Lines implements JobProgress {
  readonly #terminal: Terminal;
  #last = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  waiting(id: string): void {
    this.#print(waitingText(id));
  }

  job(record: JobRecord): void {
    this.#print(statusText(record));
  }

  end(): void {}

  #print(text: string): void {
    if (text !== this.#last) this.#terminal.note(text);
    this.#last = text;
  }
}

function waitingText(id: string): string {
  return `There is no record of ${id} yet; waiting for it …`;
}

function statusText(record: JobRecord): string {
  const results = currentResults(record);
  return `${record.jobId}: ${record.state}${results ? `; results ${resultsText(results)}` : ''}`;
}
