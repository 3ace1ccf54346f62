import type { Consumer, Demand, Lease, Queue } from './queue.ts';

/**
 * Waits until a queue has messages.
 *
 * @param signal ends the wait when the caller disconnects, so that nothing is leased to it.
 * @returns no lease when `millis` have passed.
 */
export async function pull(
  queue: Queue,
  demand: Demand,
  millis: number,
  signal: AbortSignal,
): Promise<readonly Lease[]> {
  const ready = queue.take(demand);
  if (ready.length > 0 || millis === 0) return ready;
  return await new Promise((resolve, reject) => {
    const finish = () => {
      queue.detach(waiting);
      clearTimeout(timer);
      signal.removeEventListener('abort', empty);
    };
    const empty = () => {
      finish();
      resolve([]);
    };
    const timer = setTimeout(empty, millis);
    const waiting: Consumer = {
      deliver: () => {
        const leases = queue.take(demand);
        if (leases.length === 0) return;
        finish();
        resolve(leases);
      },
      close: (reason) => {
        finish();
        reject(reason);
      },
    };
    signal.addEventListener('abort', empty);
    queue.attach(waiting);
  });
}
