import { createLogUpdate } from 'log-update';
import { safe, type Terminal } from '../terminal.ts';
import { resultsText } from './describe.ts';
import type { JobRecord, JobResults } from './records.ts';
import { resultsOf } from './watchOutcome.ts';

const BAR_WIDTH = 30;

/** What people see of a job while they wait for it. */
export interface Progress {
  waiting(id: string): void;
  job(record: JobRecord): void;
  end(): void;
}

/** A line and a bar that change on a terminal; elsewhere, and where a terminal has no size, a line for each change. */
export function progressOn(terminal: Terminal): Progress {
  const { isTTY, rows } = process.stderr;
  return isTTY && rows > 0 ? new LiveLine() : new Lines(terminal);
}

class LiveLine implements Progress {
  readonly #line = createLogUpdate(process.stderr);

  waiting(id: string): void {
    this.#line(safe(waitingText(id)));
  }

  job(record: JobRecord): void {
    const results = resultsOf(record);
    const bar = results?.total === undefined ? '' : `\n${barOf(results)}`;
    this.#line(`${safe(statusText(record))}${bar}`);
  }

  end(): void {
    this.#line.done();
  }
}

class Lines implements Progress {
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
  const results = resultsOf(record);
  return `${record.jobId}: ${record.state}${results ? `; results ${resultsText(results)}` : ''}`;
}

function barOf({ published = 0, total = 0 }: JobResults): string {
  const part = total === 0 ? 1 : Math.min(1, published / total);
  const filled = Math.floor(part * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${Math.floor(part * 100)} %  ${published}/${total}`;
}
