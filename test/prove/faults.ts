import { setTimeout as sleep } from 'node:timers/promises';
import type { StepKills } from './stepKills.ts';
import type { World } from './world.ts';

/** A fault of a part of the system, which ends before the promise resolves. */
export interface Fault {
  readonly name: string;
  readonly inject: (world: World, kills: StepKills) => Promise<void> | void;
  /** Its recovery takes longer than a short run: leases of submissions, key refreshes, abandoned connections. */
  readonly isLong?: boolean;
  /** Counted for each step by `StepKills`. */
  readonly isCounted?: false;
}

/** Faults that exclude each other: the next one begins when the last one has ended. */
export interface FaultGroup {
  readonly name: string;
  readonly faults: readonly Fault[];
  /** Pauses between two faults, so that the parts work in between. */
  readonly pauses: number;
}

type Backend = 'firestore' | 'pubsub';

/** Time for which answers are held back before they are lost. */
const HELD_MILLIS = 100;

const PROCESSES: readonly Fault[] = [
  { name: 'kill -9 of geminiCallback', inject: ({ fleets, env }) => fleets.callback.kill(env) },
  { name: 'kill -9 of fetchResults', inject: ({ fleets, env }) => fleets.results.kill(env) },
  { name: 'kill -9 of reconcileJobs', inject: ({ fleets, env }) => fleets.reconcile.kill(env) },
  { name: 'kill -9 of submitJob', inject: ({ fleets, env }) => fleets.submit.kill(env), isLong: true },
  ...(['callback', 'results', 'reconcile', 'submit'] as const).map((fleet) => ({
    name: `kill -9 at a step of ${fleet}`,
    inject: (world: World, kills: StepKills) => kills.arm(world, fleet),
    isLong: fleet === 'submit',
    isCounted: false as const,
  })),
];

const LABELS: Readonly<Record<Backend, string>> = { firestore: 'Firestore', pubsub: 'Pub/Sub' };

const BACKENDS: readonly Fault[] = [
  ...(['firestore', 'pubsub'] as const).flatMap((backend) => faultsOf(backend)),
  {
    name: 'Firestore: restarted',
    inject: async (world) => await refuseDuring(world, 'firestore', () => world.restartFirestore()),
    isLong: true,
  },
  {
    name: 'Pub/Sub: restarted',
    inject: async (world) => await refuseDuring(world, 'pubsub', () => world.restartPubsub()),
    isLong: true,
  },
  {
    name: 'Firestore and Pub/Sub: slow',
    inject: async ({ firestore, pubsub }) => {
      for (const proxy of [firestore, pubsub]) proxy.delayMillis = { up: 40, down: 40 };
      await sleep(2_000);
      for (const proxy of [firestore, pubsub]) proxy.delayMillis = { up: 0, down: 0 };
    },
  },
];

const TRUST: readonly Fault[] = [
  {
    name: 'public keys: unavailable',
    inject: async ({ simulator }) => {
      simulator.settings.patch({ jwks: { available: false } });
      await sleep(2_000);
      simulator.settings.patch({ jwks: { available: true } });
    },
  },
  {
    name: 'public keys: slow',
    inject: async ({ simulator }) => {
      simulator.settings.patch({ jwks: { latencyMillis: 1_500 } });
      await sleep(2_000);
      simulator.settings.patch({ jwks: { latencyMillis: 0 } });
    },
  },
  { name: 'public keys: rotated', inject: ({ simulator }) => void simulator.jwks.rotate(), isLong: true },
  {
    name: 'public keys: rotated during a fetch',
    inject: async ({ simulator }) => {
      simulator.settings.patch({ jwks: { latencyMillis: 1_500 } });
      simulator.jwks.rotate();
      await sleep(700);
      simulator.jwks.rotate();
      await sleep(1_300);
      simulator.settings.patch({ jwks: { latencyMillis: 0 } });
    },
    isLong: true,
  },
  { name: 'signing secret: rotated', inject: async (world) => await world.rotateSecret('after_h24') },
  {
    name: 'signing secret: rotated, former ones revoked',
    inject: async (world) => await world.rotateSecret('immediately'),
  },
];

/** Groups run at the same time. */
export const FAULT_GROUPS: readonly FaultGroup[] = [
  { name: 'processes', faults: PROCESSES, pauses: 3 },
  { name: 'backends', faults: BACKENDS, pauses: 4 },
  { name: 'trust', faults: TRUST, pauses: 20 },
];

function faultsOf(backend: Backend): readonly Fault[] {
  const label = LABELS[backend];
  return [
    { name: `${label}: connections cut`, inject: (world) => disturbed(world, () => world[backend].cut()) },
    {
      name: `${label}: answers lost`,
      inject: async (world) => {
        world[backend].stall('down');
        await sleep(HELD_MILLIS);
        disturbed(world, () => world[backend].cut());
        await world[backend].forward();
      },
    },
    {
      name: `${label}: connections refused`,
      inject: async (world) => await refuseDuring(world, backend, async () => await sleep(1_000)),
    },
    {
      name: `${label}: stalled`,
      inject: async (world) => {
        world[backend].stall();
        await sleep(1_500);
        disturbed(world, () => {});
        await world[backend].forward();
      },
    },
    {
      name: `${label}: open connections lose every byte`,
      inject: (world) => disturbed(world, () => world[backend].swallow()),
      isLong: true,
    },
  ];
}

/** A message may have been accepted, or a record written, without its answer: each request in flight may repeat it. */
function disturbed({ fleets }: World, act: () => void): void {
  fleets.callback.disturb();
  act();
}

async function refuseDuring(world: World, backend: Backend, work: () => Promise<void>): Promise<void> {
  world.fleets.callback.disturb();
  await world[backend].refuse();
  await work();
  await world[backend].forward();
}
