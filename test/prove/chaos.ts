import { setTimeout as sleep } from 'node:timers/promises';
import { seeded, shuffled } from '../support/random.ts';
import { type Fault, FAULT_GROUPS, type FaultGroup } from './faults.ts';
import { StepKills } from './stepKills.ts';
import type { World } from './world.ts';

interface ChaosOptions {
  readonly seed: string;
  /** The unit of the pauses between faults: half of it doubles their number. */
  readonly pauseMillis: number;
  /** Leaves out faults whose recovery takes longer than a short run. */
  readonly isShort?: boolean | undefined;
}

/**
 * Injects faults until the signal aborts: of each group one at a time, in the seed's order.
 *
 * @returns the number of times of each fault; 0 for a step that was never reached.
 */
export async function injectFaults(
  world: World,
  { seed, pauseMillis, isShort = false }: ChaosOptions,
  until: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const kills = new StepKills(seed);
  const counts = new Map<string, number>();
  const injecting = FAULT_GROUPS.map(async (group) => {
    for await (const fault of faultsOf(group, { seed, pauseMillis, isShort }, until)) {
      await fault.inject(world, kills);
      if (fault.isCounted !== false) counts.set(fault.name, (counts.get(fault.name) ?? 0) + 1);
    }
  });
  await Promise.all(injecting);
  return new Map([...counts, ...kills.counts]);
}

async function* faultsOf(
  { name, faults, pauses }: FaultGroup,
  { seed, pauseMillis, isShort }: ChaosOptions,
  until: AbortSignal,
): AsyncGenerator<Fault> {
  const random = seeded(`${seed} ${name}`);
  const chosen = faults.filter(({ isLong = false }) => !(isShort && isLong));
  for (;;) {
    for (const fault of shuffled(chosen, random)) {
      await sleep(pauseMillis * pauses * (0.5 + random()), undefined, { signal: until }).catch(() => {});
      if (until.aborted) return;
      yield fault;
    }
  }
}
