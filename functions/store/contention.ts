import { setTimeout as sleep } from 'node:timers/promises';
import type { Deadline } from '../runtime/deadline.ts';
import { isContention } from '../runtime/grpcStatus.ts';

/**
 * An optimistic transaction: where a document has changed between reading and writing, it is read and decided again.
 *
 * @throws {ServiceError} `STORE_UNAVAILABLE` when the time is over.
 */
export async function untilDecided<T>(deadline: Deadline, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    deadline.requireTime('STORE_UNAVAILABLE');
    try {
      return await attempt();
    } catch (error) {
      if (!isContention(error)) throw error;
      await sleep(Math.random() * Math.min(10 * tries, 100));
    }
  }
}
