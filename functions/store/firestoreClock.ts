import { Timestamp } from '@google-cloud/firestore';

/**
 * Firestore's time, estimated from the time in its latest answer and the monotonic clock since then. The instance's wall
 * clock has no part in it. The estimate is behind by the duration of that answer, and by any time that the instance was
 * suspended; it is never ahead.
 */
export class FirestoreClock {
  #latest: { readonly millis: number; readonly at: number } | undefined;

  /** @param time of a read or a write, by Firestore. */
  set(time: Timestamp): void {
    this.#latest = { millis: time.toMillis(), at: performance.now() };
  }

  /** @returns `undefined` before the first answer. */
  now(): Timestamp | undefined {
    if (this.#latest === undefined) return undefined;
    const { millis, at } = this.#latest;
    return Timestamp.fromMillis(Math.floor(millis + performance.now() - at));
  }
}
