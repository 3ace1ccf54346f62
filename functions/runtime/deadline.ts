import { withTimeout } from './race.ts';
import { ServiceError, type Reason } from './serviceError.ts';

/**
 * The end of the time for one request, on a monotonic clock. Every call that can wait takes it, because client libraries
 * retry for a minute and more without a word while their backend is down.
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

  /** Aborts at the deadline. */
  get signal(): AbortSignal {
    return AbortSignal.timeout(Math.ceil(this.remainingMillis));
  }

  /**
   * Stops work before it takes effect, once its request has ended.
   *
   * @throws {ServiceError} with `reason`, after the deadline.
   */
  requireTime(reason: Reason): void {
    if (this.remainingMillis === 0)
      throw new ServiceError(reason, 'The time for this request is over. Send the request again.');
  }

  /** Returns an earlier deadline for one step, or this one where it comes first. */
  atMost(millis: number): Deadline {
    return new Deadline(Math.min(this.#endsAt, performance.now() + millis));
  }

  /** Returns an earlier deadline that reserves `millis` for cleanup. */
  reserving(millis: number): Deadline {
    return new Deadline(this.#endsAt - millis);
  }

  /**
   * Waits for work no longer than the deadline. The work itself continues: what it does later must be safe.
   *
   * @throws {ServiceError} with `reason` at the deadline; otherwise the failure of the work.
   */
  async race<T>(work: Promise<T>, reason: Reason, message: string): Promise<T> {
    return await withTimeout(work, this.remainingMillis, () => new ServiceError(reason, message));
  }

  /**
   * Waits for a dependency in the same way, and gives every failure of it the same reason.
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
