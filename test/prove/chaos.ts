import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from './world.ts';

/** What happens to the world now and then; each ends by itself. */
type Disaster = (world: World, random: () => number) => Promise<void>;

/** Between which steps of a delivery an instance is killed: just before these bytes go on. */
const STEPS = [
  ['firestore', 'up', 'leaseOwner'],
  ['firestore', 'down', ''],
  ['pubsub', 'up', 'ce-specversion'],
  ['pubsub', 'down', ''],
  ['firestore', 'up', 'publishedAt'],
] as const;

const DISASTERS: Readonly<Record<string, Disaster>> = {
  'kill -9 of geminiCallback': async ({ fleets, env }) => fleets.callback.kill(env),
  'kill -9 of fetchResults': async ({ fleets, env }) => fleets.results.kill(env),
  'kill -9 of reconcileJobs': async ({ fleets, env }) => fleets.reconcile.kill(env),
  'kill -9 of submitJob': async ({ fleets, env }) => fleets.submit.kill(env),
  'kill -9 between two steps': async (world, random) => {
    const [backend, direction, text] = STEPS[Math.floor(random() * STEPS.length)] ?? STEPS[0];
    const struck = world[backend].at(direction, text, () => world.fleets.callback.kill(world.env));
    await Promise.race([struck, sleep(2_000)]);
  },
  'Firestore: connections cut': async (world) => disturbed(world, () => world.firestore.cut()),
  'Pub/Sub: connections cut': async (world) => disturbed(world, () => world.pubsub.cut()),
  'Pub/Sub: answers lost': async (world) => {
    world.pubsub.stall('down');
    await sleep(300);
    disturbed(world, () => world.pubsub.cut());
    await world.pubsub.pass();
  },
  'Firestore: answers lost': async (world) => {
    world.firestore.stall('down');
    await sleep(300);
    disturbed(world, () => world.firestore.cut());
    await world.firestore.pass();
  },
  'Firestore: refused': async (world) => await away(world, 'firestore'),
  'Pub/Sub: refused': async (world) => await away(world, 'pubsub'),
  'Firestore: stalled': async (world) => await held(world, 'firestore'),
  'Pub/Sub: stalled': async (world) => await held(world, 'pubsub'),
  'both slow': async (world) => {
    for (const proxy of [world.firestore, world.pubsub]) proxy.delayMillis = { up: 40, down: 40 };
    await sleep(2_000);
    for (const proxy of [world.firestore, world.pubsub]) proxy.delayMillis = { up: 0, down: 0 };
  },
  'public keys: away': async ({ simulator }) => {
    simulator.settings.patch({ jwks: { available: false } });
    await sleep(2_000);
    simulator.settings.patch({ jwks: { available: true } });
  },
  'public keys: slow': async ({ simulator }) => {
    simulator.settings.patch({ jwks: { latencyMillis: 1_500 } });
    await sleep(2_000);
    simulator.settings.patch({ jwks: { latencyMillis: 0 } });
  },
  'public keys: rotated': async ({ simulator }) => void simulator.jwks.rotate(),
  'signing secret: rotated': async (world) => await world.rotateSecret(),
};

/** Brings disasters, one after the other, in an order that the seed decides, until it is told to end. */
export async function rage(
  world: World,
  random: () => number,
  pauseMillis: number,
  until: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const happened = new Map<string, number>();
  let deck: string[] = [];
  while (!until.aborted) {
    if (deck.length === 0) deck = Object.keys(DISASTERS).toSorted(() => random() - 0.5);
    const name = deck.pop() ?? '';
    await DISASTERS[name]?.(world, random);
    happened.set(name, (happened.get(name) ?? 0) + 1);
    await sleep(pauseMillis * (0.5 + random()), undefined, { signal: until }).catch(() => {});
  }
  return happened;
}

/** A message may have been accepted, or a record written, whose answer nobody gets. */
function disturbed({ fleets }: World, act: () => void): void {
  fleets.callback.disturb();
  act();
}

async function away(world: World, backend: 'firestore' | 'pubsub'): Promise<void> {
  world.fleets.callback.disturb();
  await world[backend].refuse();
  await sleep(1_000);
  await world[backend].pass();
}

async function held(world: World, backend: 'firestore' | 'pubsub'): Promise<void> {
  world[backend].stall();
  await sleep(1_500);
  world.fleets.callback.disturb();
  await world[backend].pass();
}
