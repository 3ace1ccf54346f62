import { ServiceError, type Reason } from './serviceError.ts';

/**
 * The time that is left for one request, on a monotonic clock, handed down to every call that can wait.
 *
 * Client libraries retry in silence for a minute and more when their backend is down, so nothing is awaited without it.
 */
export class Deadline {
  readonly #endsAt: number;

  private constructor(endsAt: number) {
    this.#endsAt = endsAt;
  }

  static inMillis(millis: number): Deadline {
    return new Deadline(performance.now() + millis);
  }

  /** Milliseconds left, never below zero. */
  get remainingMillis(): number {
    return Math.max(0, this.#endsAt - performance.now());
  }

  /** Aborted when the time is over. */
  get signal(): AbortSignal {
    return AbortSignal.timeout(Math.ceil(this.remainingMillis));
  }

  /**
   * Stops work that nobody waits for any more, before it takes effect.
   *
   * @throws {ServiceError} with `reason`, when the time is over.
   */
  requireTime(reason: Reason): void {
    if (this.remainingMillis === 0)
      throw new ServiceError(reason, 'The time for this delivery is over; send it again.');
  }

  /** An earlier deadline for one step; the whole request's where that comes first. */
  atMost(millis: number): Deadline {
    return new Deadline(Math.min(this.#endsAt, performance.now() + millis));
  }

  /** The same moment moved forward, so that something can still be done after a step has failed. */
  reserving(millis: number): Deadline {
    return new Deadline(this.#endsAt - millis);
  }

  /**
   * Waits for `work`, and no longer than the deadline. The work itself is not undone: what it does later must be safe.
   *
   * @throws {ServiceError} with `reason` when the time is over first; otherwise whatever `work` throws.
   */
  async race<T>(work: Promise<T>, reason: Reason, message: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new ServiceError(reason, message)), this.remainingMillis);
    });
    try {
      return await Promise.race([work, over]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Waits for a dependency, likewise, and gives each failure of it the same reason.
   *
   * @throws {ServiceError} with `reason`, and the failure as its cause.
   */
  async wait<T>(work: Promise<T>, reason: Reason, message: string): Promise<T> {
    try {
      return await this.race(work, reason, message);
    } catch (cause) {
      throw cause instanceof ServiceError ? cause : new ServiceError(reason, message, { cause });
    }
  }
}
