import { type Firestore, Timestamp } from '@google-cloud/firestore';
import type { Deadline } from '../runtime/deadline.ts';

const UNAVAILABLE = ['STORE_UNAVAILABLE', 'Firestore did not answer in time.'] as const;

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

/**
 * Returns a clock that starts at Firestore's time, by one read of a document that need not exist.
 *
 * @throws {ServiceError} `STORE_UNAVAILABLE`
 */
export async function readClock(firestore: Firestore, deadline: Deadline): Promise<() => Date> {
  const { readTime } = await deadline.wait(firestore.doc('jobs/clock').get(), ...UNAVAILABLE);
  const clock = new FirestoreClock();
  clock.set(readTime);
  return () => (clock.now() ?? readTime).toDate();
}
