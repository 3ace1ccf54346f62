import { rage } from './chaos.ts';
import { emitAll, reconcileUntil, runJobs, settle, type Size } from './load.ts';
import { seeded } from '../support/random.ts';
import { type Found, judge } from './verdict.ts';
import { World } from './world.ts';

export interface Proof extends Found {
  readonly seed: string;
  readonly size: Size;
  readonly seconds: number;
  readonly kills: number;
  readonly disasters: ReadonlyMap<string, number>;
  readonly attempts: number;
}

/** Everything at once, by a seed, until it has settled; then what must hold is looked at. */
export async function prove(
  seed: string,
  size: Size,
  pauseMillis: number,
  tell: (text: string) => void,
): Promise<Proof> {
  const random = seeded(seed);
  const world = await World.open(seed, random);
  const startedAt = performance.now();
  const [over, settled] = [new AbortController(), new AbortController()];
  try {
    world.beginFaults();
    const raging = rage(world, random, pauseMillis, over.signal);
    const reconciling = reconcileUntil(world, settled.signal);
    const jobs = runJobs(world, size);
    await Promise.all([emitAll(world, size, random), jobs]);
    tell('everything is sent; the faults end');
    over.abort();
    const disasters = await raging;
    await world.endFaults();
    await settle(world, size, tell);
    settled.abort();
    await reconciling;
    const found = await judge(world, size, await jobs);
    return {
      ...found,
      seed,
      size,
      disasters,
      seconds: (performance.now() - startedAt) / 1_000,
      kills: Object.values(world.fleets).reduce((sum, { kills }) => sum + kills, 0),
      attempts: world.simulator.ledger.attempts().length,
    };
  } finally {
    over.abort();
    settled.abort();
    await world.close();
  }
}
