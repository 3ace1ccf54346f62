import { CliError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { type Progress, progressOn } from './progress.ts';
import { type FoundJob, JobRecords } from './records.ts';
import { watchOutcomeOf } from './watchOutcome.ts';
import { answered, withStore } from './store.ts';

/** What shells give for a program that Ctrl-C ended: 128 and the number of the signal. */
const EXIT_INTERRUPTED = 130;

interface Ending {
  /** As it stood last, where there was one. */
  readonly found: FoundJob | undefined;
  readonly failure?: CliError | undefined;
  readonly remark?: string | undefined;
}

export interface WatchOptions {
  /** Endless where it is absent. */
  readonly timeoutSeconds?: number | undefined;
}

/** Follows a job until there is nothing more to come, or the time is over, or Ctrl-C. */
export async function watchJob(
  id: string,
  options: WatchOptions,
  terminal: Terminal,
  variables: NodeJS.ProcessEnv,
): Promise<Ending> {
  const progress = progressOn(terminal);
  try {
    return await withStore(variables, async (firestore) => {
      using limits = new Limits(id, options);
      using watch = new Watch(new JobRecords(firestore), id, progress);
      const ended = Promise.race([watch.ended, limits.reached.then((failure) => ({ found: watch.last, failure }))]);
      await answered(Promise.race([watch.connected, ended]));
      return await ended;
    });
  } finally {
    progress.end();
  }
}

class Watch {
  readonly #id: string;
  readonly #progress: Progress;
  readonly #connected = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<Ending>();
  readonly #stop: () => void;
  #timer: NodeJS.Timeout | undefined;
  #last: FoundJob | undefined;

  constructor(records: JobRecords, id: string, progress: Progress) {
    this.#id = id;
    this.#progress = progress;
    this.#stop = records.follow(id, (found) => this.#onChange(found), this.#ended.reject);
  }

  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  get ended(): Promise<Ending> {
    return this.#ended.promise;
  }

  get last(): FoundJob | undefined {
    return this.#last;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#stop();
  }

  #onChange(found: FoundJob | undefined): void {
    this.#connected.resolve();
    clearTimeout(this.#timer);
    this.#last = found;
    if (found) this.#onRecord(found);
    else this.#progress.waiting(this.#id);
  }

  #onRecord(found: FoundJob): void {
    this.#progress.job(found.record);
    const standing = watchOutcomeOf(found);
    if (standing.isOver) this.#ended.resolve({ ...standing, found });
    else if (standing.forMillis !== undefined) this.#lookAgain(found, standing.forMillis);
  }

  /** Nothing changes when results do not begin, so that no snapshot would say it. */
  #lookAgain(found: FoundJob, millis: number): void {
    const later = { ...found, readAt: new Date(found.readAt.getTime() + millis) };
    this.#timer = setTimeout(() => this.#onRecord(later), millis);
  }
}

/** What ends a watch from outside: its time-out, and Ctrl-C. */
class Limits {
  readonly #reached = Promise.withResolvers<CliError>();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #interrupt: () => void;

  constructor(id: string, { timeoutSeconds }: WatchOptions) {
    const goesOn = 'The job itself goes on.';
    this.#interrupt = () =>
      this.#reached.resolve(new CliError('INTERRUPTED', `Stopped. ${goesOn}`, { exitCode: EXIT_INTERRUPTED }));
    process.on('SIGINT', this.#interrupt);
    if (timeoutSeconds === undefined) return;
    const timeout = new CliError('TIMEOUT', `${id} was not at its end after ${timeoutSeconds} s. ${goesOn}`);
    this.#timer = setTimeout(() => this.#reached.resolve(timeout), timeoutSeconds * 1_000);
  }

  get reached(): Promise<CliError> {
    return this.#reached.promise;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    process.off('SIGINT', this.#interrupt);
  }
}
