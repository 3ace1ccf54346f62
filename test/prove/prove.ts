import { seeded } from '../support/random.ts';
import type { BackendKind } from './backends.ts';
import { settleMillis } from './bounds.ts';
import { injectFaults } from './chaos.ts';
import { end, forge, reconcileUntil, sendAll, type Size, submitJobs, watchUntil } from './load.ts';
import { describeLoad, isStarved, MachineMonitor } from './machine.ts';
import { settle } from './settle.ts';
import { type Found, judge } from './verdict.ts';
import { World } from './world.ts';

interface Options {
  readonly seed: string;
  readonly size: Size;
  /** The unit of the pauses between faults. */
  readonly pauseMillis: number;
  readonly backends?: BackendKind;
  readonly report?: (text: string) => void;
}

export interface Proof extends Found {
  readonly seed: string;
  readonly size: Size;
  readonly seconds: number;
  readonly kills: number;
  /** The number of times of each fault; 0 for a step that was never reached. */
  readonly faults: ReadonlyMap<string, number>;
  readonly attempts: number;
  /** The machine's load during the run, in words. */
  readonly load: string;
}

/** Runs the whole system under a seeded load with seeded faults, waits until it settles, and checks the guarantees. */
export async function prove({
  seed,
  size,
  pauseMillis,
  backends = 'official',
  report = () => {},
}: Options): Promise<Proof> {
  const world = await World.open(seed, backends);
  const startedAt = performance.now();
  const [over, settled] = [new AbortController(), new AbortController()];
  try {
    const running = new MachineMonitor();
    // A short run has no time for the leases that disturbed submissions leave: it submits before the faults.
    const early = size.isShort ? await submitJobs(world, size) : undefined;
    world.beginFaults();
    const faultsAt = performance.now();
    const reverted: string[] = [];
    const watching = watchUntil(world, settled.signal, (change) => reverted.push(change));
    const injecting = injectFaults(world, { seed, pauseMillis, isShort: size.isShort }, over.signal);
    const background = [injecting, watching, reconcileUntil(world, settled.signal), forge(world, settled.signal)];
    for (const [job, [receipt]] of early?.receipts ?? []) end(world, job, receipt?.jobId ?? '');
    const submitting = early ?? submitJobs(world, size, (job, jobId) => end(world, job, jobId));
    const [submitted] = await Promise.all([submitting, sendAll(world, size, seeded(`${seed} load`), report)]);
    report('everything is sent; the faults end');
    over.abort();
    const faults = await injecting;
    await world.endFaults();

    const settling = new MachineMonitor();
    const millis = settleMillis(performance.now() - faultsAt);
    const late = await settle(world, { jobs: submitted.receipts.size, millis }, report);
    settled.abort();
    await Promise.all(background);
    const [whole, last] = [running.stop(), settling.stop()];
    const unsettled = [...submitted.unanswered, ...(late === undefined ? [] : [late])];
    const busy = [last, whole].find(isStarved);
    const tooBusy = busy && describeLoad(busy);
    const found = await judge(world, submitted, { reverted, unsettled, tooBusy });
    return {
      ...found,
      seed,
      size,
      faults,
      seconds: (performance.now() - startedAt) / 1_000,
      kills: Object.values(world.fleets).reduce((sum, { kills }) => sum + kills, 0),
      attempts: world.simulator.ledger.attempts().length,
      load: describeLoad(whole),
    };
  } finally {
    over.abort();
    settled.abort();
    await world.close();
  }
}
