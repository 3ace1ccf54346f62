import type { Firestore } from '@google-cloud/firestore';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { withinAnswerTime, withStore } from '../store.ts';
import { jobLines } from './jobText.ts';
import { type JobProgress, progressOn } from './progress.ts';
import { type FoundJob, followJob } from './records.ts';
import { watchOutcomeOf } from './watchOutcome.ts';

/** The exit code of shells after Ctrl-C: 128 and the number of the signal. */
const EXIT_INTERRUPTED = 130;

interface Ending {
  /** The last record that was read. */
  readonly found: FoundJob | undefined;
  readonly failure?: CliError | undefined;
  readonly remark?: string | undefined;
}

interface WatchOptions {
  /** Without it the watch has no end. */
  readonly timeoutSeconds?: number | undefined;
}

/** Follows a job to its end and prints its record. @throws {CliError} where it has not succeeded. */
export async function watchCommand(id: string, options: WatchOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const { found, failure, remark } = await watchJob(id, options, context);
  if (remark) terminal.note(remark);
  if (found) terminal.result(found.record, () => jobLines(found));
  if (failure) throw failure;
}

/** Follows a job until it has ended and its results are published, or the timeout, or Ctrl-C. */
export async function watchJob(id: string, options: WatchOptions, context: Context): Promise<Ending> {
  const progress = progressOn(context.terminal);
  try {
    return await withStore(context, async (firestore) => {
      using limits = new Limits(id, options);
      using watch = new Watch(firestore, id, progress);
      const ended = Promise.race([watch.ended, limits.reached.then((failure) => ({ found: watch.last, failure }))]);
      await withinAnswerTime(Promise.race([watch.connected, ended]));
      return await ended;
    });
  } finally {
    progress.end();
  }
}

class Watch {
  readonly #id: string;
  readonly #progress: JobProgress;
  readonly #connected = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<Ending>();
  readonly #stop: () => void;
  #timer: NodeJS.Timeout | undefined;
  #last: FoundJob | undefined;

  constructor(firestore: Firestore, id: string, progress: JobProgress) {
    this.#id = id;
    this.#progress = progress;
    this.#stop = followJob(firestore, id, (found) => this.#onChange(found), this.#ended.reject);
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
    const outcome = watchOutcomeOf(found);
    if (outcome.isOver) this.#ended.resolve({ ...outcome, found });
    else if (outcome.forMillis !== undefined) this.#lookAgain(found, outcome.forMillis);
  }

  /** A record whose results never start causes no snapshot. */
  #lookAgain(found: FoundJob, millis: number): void {
    const later = { ...found, readAt: new Date(found.readAt.getTime() + millis) };
    this.#timer = setTimeout(() => this.#onRecord(later), millis);
  }
}

/** Ends a watch at its timeout and on Ctrl-C. */
class Limits {
  readonly #reached = Promise.withResolvers<CliError>();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #interrupt: () => void;

  constructor(id: string, { timeoutSeconds }: WatchOptions) {
    const continues = 'The job itself continues.';
    this.#interrupt = () =>
      this.#reached.resolve(new CliError('INTERRUPTED', `Stopped. ${continues}`, { exitCode: EXIT_INTERRUPTED }));
    process.on('SIGINT', this.#interrupt);
    if (timeoutSeconds === undefined) return;
    const timeout = new CliError('TIMEOUT', `${id} had not ended after ${timeoutSeconds} s. ${continues}`);
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
