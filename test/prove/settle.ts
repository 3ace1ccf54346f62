import { setTimeout as sleep } from 'node:timers/promises';
import { NEWEST, newestOf } from '../../functions/store/queries.ts';
import type { Ledger } from '../../simulator/ledger.ts';
import type { World } from './world.ts';

/** Pause between two progress lines, in milliseconds. */
const PROGRESS_MILLIS = 5_000;

/**
 * Waits until every delivery is accepted, no record is pending and the results of all submitted jobs are published.
 *
 * @returns the reason where that takes longer than `millis`.
 */
export async function settle(
  world: World,
  { jobs, millis }: { readonly jobs: number; readonly millis: number },
  report: (text: string) => void,
): Promise<string | undefined> {
  const startedAt = performance.now();
  let reportedAt = -Infinity;
  for (;;) {
    const open = await openWork(world, jobs).catch((error: unknown) => String(error));
    if (open === undefined) return undefined;
    const now = performance.now();
    if (now - startedAt > millis) return `not within ${Math.round(millis / 1_000)} s: ${open}`;
    if (now - reportedAt > PROGRESS_MILLIS) {
      report(`  waiting for ${open}`);
      reportedAt = now;
    }
    await sleep(500);
  }
}

async function openWork({ simulator, project }: World, jobs: number): Promise<string | undefined> {
  const { firestore } = project;
  const waiting = countWaiting(simulator.ledger);
  const [pending, complete] = await Promise.all([
    newestOf(firestore, NEWEST.deliveries, { state: 'pending' }).count().get(),
    newestOf(firestore, NEWEST.results, { 'results.state': 'complete' }).count().get(),
  ]);
  const missing = jobs - complete.data().count;
  if (waiting === 0 && pending.data().count === 0 && missing <= 0) return undefined;
  return `${waiting} deliveries, ${pending.data().count} pending records, the results of ${missing} jobs`;
}

/** By ledger, the number of its first deliveries that are no longer waiting. */
const finished = new WeakMap<Ledger, number>();

/** Counts the deliveries that wait for their next attempt. */
export function countWaiting(ledger: Ledger): number {
  const { deliveries } = ledger;
  let from = finished.get(ledger) ?? 0;
  while (from < deliveries.length && deliveries[from]?.state !== 'waiting') from++;
  finished.set(ledger, from);
  return deliveries.slice(from).filter(({ state }) => state === 'waiting').length;
}
