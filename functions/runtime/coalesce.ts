import DataLoader from 'dataloader';

/** The number of events of the largest accepted size that fit into one call of 10 MB. */
const MOST_IN_A_CALL = 20;

/**
 * Returns a function whose calls of one turn of the event loop share one call to a service, because under load most
 * processor time goes into calls (docs/design/0001-coalesced-firestore-calls.md). A single call is sent as it is.
 *
 * Where a shared call fails, each item is sent again alone, so that none fails because of another.
 */
export function coalesce<Item, Result>(
  call: (items: readonly Item[]) => Promise<readonly Result[]>,
): (item: Item) => Promise<Result> {
  const alone = async (item: Item): Promise<Result> => {
    const [result] = await call([item]);
    return result as Result;
  };
  const each = async (items: readonly Item[]) => {
    const settled = await Promise.allSettled(items.map(alone));
    return settled.map((one) => (one.status === 'fulfilled' ? one.value : errorOf(one.reason)));
  };
  const all = async (items: readonly Item[]) => {
    if (items.length === 1) return await each(items);
    return await call(items).catch(async () => await each(items));
  };
  const loader = new DataLoader<Item, Result>(all, {
    cache: false,
    maxBatchSize: MOST_IN_A_CALL,
    batchScheduleFn: setImmediate,
  });
  return async (item) => await loader.load(item);
}

/** DataLoader distinguishes failures from results by their class. */
function errorOf(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason), { cause: reason });
}
