import { rage } from './chaos.ts';
import { emitAll, end, forge, reconcileUntil, settle, type Size, submitJobs, watchUntil } from './load.ts';
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
  const world = await World.open(seed, size);
  const startedAt = performance.now();
  const [over, settled] = [new AbortController(), new AbortController()];
  try {
    // Whoever is disturbed while it submits keeps its key for 20 s, or for 40 s.
    const early = size.isShort ? await submitJobs(world, size) : undefined;
    world.beginFaults();
    const left: string[] = [];
    const watching = watchUntil(world, settled.signal, (change) => left.push(change));
    const raging = rage(world, seed, { pauseMillis, isShort: size.isShort }, over.signal);
    const reconciling = reconcileUntil(world, settled.signal);
    const forging = forge(world, settled.signal);
    for (const [job, [receipt]] of early ?? []) end(world, job, receipt?.jobId ?? '');
    const submitting = early ?? submitJobs(world, size, (job, jobId) => end(world, job, jobId));
    const [submitted] = await Promise.all([submitting, emitAll(world, size, seeded(`${seed} load`), tell)]);
    tell('everything is sent; the faults end');
    over.abort();
    const disasters = await raging;
    await world.endFaults();
    const unsettled = await settle(world, size, tell).then(
      () => [],
      (error: unknown) => [String(error)],
    );
    settled.abort();
    await Promise.all([reconciling, forging, watching]);
    const found = await judge(world, submitted, { left, unsettled });
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
