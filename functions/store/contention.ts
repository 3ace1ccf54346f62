import type { Deadline } from '../runtime/deadline.ts';
import { isContention } from '../runtime/grpcStatus.ts';
import { retrying } from '../runtime/retry.ts';

const PAUSES = { firstMillis: 5, maxMillis: 100 };

/**
 * Runs an optimistic transaction: where a document has changed between the read and the write, the attempt is repeated.
 *
 * @throws {ServiceError} `STORE_UNAVAILABLE` at the deadline.
 */
export async function untilDecided<T>(deadline: Deadline, attempt: () => Promise<T>): Promise<T> {
  return await retrying(
    async () => {
      deadline.requireTime('STORE_UNAVAILABLE');
      return await attempt();
    },
    { pauses: PAUSES, transienceOf: (error) => (isContention(error) ? {} : undefined) },
  );
}
