import DataLoader from 'dataloader';

/** So many events of the largest size that we take fit into one call of 10 MB. */
const MOST_IN_A_CALL = 20;

/**
 * Does in one call what is asked for in the same turn of the event loop: under load, calls are what processor time goes
 * into. One that is asked for alone goes out as it is.
 *
 * What fails together is tried again alone, each for itself: one that is refused keeps no other back.
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

/** The library tells failures from results by their class. */
function errorOf(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason), { cause: reason });
}
