/** Work that falls due at a time. The clock awaits its promise before it advances. */
type Task = () => void | Promise<void>;

export interface Timer {
  cancel(): void;
}

export interface ClockOptions {
  /** Stops time between calls of `advance`. Default: it runs with the machine's. */
  readonly manual?: boolean;
  /** Unix time in milliseconds to start from. Default: the machine's time. */
  readonly startMillis?: number | undefined;
}

interface Entry {
  readonly dueMillis: number;
  readonly task: Task;
  cancelled: boolean;
}

/** The longest delay that `setTimeout` takes. */
const LONGEST_TIMEOUT_MILLIS = 2 ** 31 - 1;

/**
 * The simulator's only source of time: real by default, and movable. `advance` runs tasks in the order of their due times,
 * and tasks of the same instant together in the order in which they were scheduled.
 */
export class Clock {
  readonly manual: boolean;
  /** Sorted by time; entries of the same instant in the order in which they were scheduled. */
  readonly #queue: Entry[] = [];
  readonly #running = new Set<Promise<void>>();
  #offsetMillis: number;
  /** The time at which the clock stands: a manual clock between calls of `advance`, any clock during one. */
  #standingMillis: number | undefined;
  #turn: Promise<void> = Promise.resolve();
  #timeout: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ manual = false, startMillis = Date.now() }: ClockOptions = {}) {
    this.manual = manual;
    this.#offsetMillis = startMillis - Date.now();
    this.#standingMillis = manual ? startMillis : undefined;
  }

  /** Unix time in whole milliseconds. */
  now(): number {
    return this.#standingMillis ?? Date.now() + this.#offsetMillis;
  }

  at(dueMillis: number, task: Task): Timer {
    const entry: Entry = { dueMillis, task, cancelled: false };
    this.#queue.splice(this.#queue.findLastIndex((other) => other.dueMillis <= dueMillis) + 1, 0, entry);
    this.#arm();
    return { cancel: () => this.#cancel(entry) };
  }

  after(delayMillis: number, task: Task): Timer {
    return this.at(this.now() + delayMillis, task);
  }

  /**
   * Moves time forward and resolves after all due tasks, deliveries included; 0 runs the tasks that are due now.
   * Calls run one after another. Rejects with the first error of a task.
   */
  async advance(millis: number): Promise<void> {
    if (!(millis >= 0)) throw new RangeError(`The clock cannot go back: ${millis} ms. Give 0 or more.`);
    const turn = this.#turn.then(async () => await this.#advance(millis));
    this.#turn = turn.catch(() => undefined);
    await turn;
  }

  /** Cancels pending tasks and waits for running ones. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#queue.length = 0;
    clearTimeout(this.#timeout);
    await Promise.allSettled([...this.#running, this.#turn]);
  }

  async #advance(millis: number): Promise<void> {
    clearTimeout(this.#timeout);
    const target = this.now() + millis;
    this.#standingMillis = this.now();
    try {
      await Promise.all(this.#running);
      for (let due = this.#takeDue(target); due.length > 0; due = this.#takeDue(target)) {
        this.#standingMillis = Math.max(this.#standingMillis, due[0]?.dueMillis ?? 0);
        await Promise.all(due.map(runTask));
      }
    } finally {
      // The time that passed during the advance counts too.
      this.#offsetMillis += millis;
      this.#standingMillis = this.manual ? target : undefined;
      this.#arm();
    }
  }

  /** All entries of the earliest instant until the given time. */
  #takeDue(untilMillis: number): Entry[] {
    const first = this.#queue[0]?.dueMillis ?? Infinity;
    if (first > untilMillis) return [];
    const end = this.#queue.findIndex(({ dueMillis }) => dueMillis > first);
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end);
  }

  #arm(): void {
    clearTimeout(this.#timeout);
    const next = this.#queue[0];
    if (next === undefined || this.#standingMillis !== undefined || this.#closed) return;
    const delay = Math.min(Math.max(next.dueMillis - this.now(), 0), LONGEST_TIMEOUT_MILLIS);
    this.#timeout = setTimeout(() => this.#tick(), delay);
  }

  #tick(): void {
    for (let due = this.#takeDue(this.now()); due.length > 0; due = this.#takeDue(this.now())) {
      for (const entry of due) this.#track(runTask(entry));
    }
    this.#arm();
  }

  /** Logs errors of tasks that the running clock started, because no caller awaits them and they must not end the process. */
  #track(work: Promise<void>): void {
    const ended = work.catch(console.error).finally(() => this.#running.delete(ended));
    this.#running.add(ended);
  }

  #cancel(entry: Entry): void {
    entry.cancelled = true;
    const index = this.#queue.indexOf(entry);
    if (index !== -1) this.#queue.splice(index, 1);
  }
}

async function runTask(entry: Entry): Promise<void> {
  if (!entry.cancelled) await entry.task();
}

/** Formats a time as RFC 3339 with `Z`. */
export function isoTime(millis: number): string {
  return new Date(millis).toISOString();
}
