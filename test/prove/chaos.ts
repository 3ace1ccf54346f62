import { setTimeout as sleep } from 'node:timers/promises';
import { seeded, shuffled } from '../support/random.ts';
import type { World } from './world.ts';

/** What happens to the world now and then; each ends by itself, and is false where it has not come to it. */
type Disaster = (world: World, random: () => number) => Promise<boolean | void>;

/** Between which steps the instances of a function are killed: just before bytes that hold this go on, in either way. */
const STEPS = {
  callback: [
    ['firestore', 'up', 'leaseOwner'],
    ['firestore', 'down', ''],
    ['pubsub', 'up', 'ce-specversion'],
    ['pubsub', 'down', ''],
    ['firestore', 'up', 'publishedAt'],
  ],
  results: [
    ['firestore', 'up', 'results.leaseOwner'],
    ['pubsub', 'up', 'job.result'],
    ['pubsub', 'down', ''],
    ['firestore', 'up', 'results.position'],
    ['pubsub', 'up', 'job.results.completed'],
  ],
  reconcile: [
    ['firestore', 'up', 'createdAt'],
    ['firestore', 'up', 'reconcile'],
    ['pubsub', 'up', 'reconciled_'],
  ],
  submit: [
    ['firestore', 'up', 'fingerprint'],
    ['firestore', 'down', 'submissions'],
    ['firestore', 'up', 'submittedAt'],
  ],
} as const satisfies Readonly<
  Record<keyof World['fleets'], readonly (readonly ['firestore' | 'pubsub', 'up' | 'down', string])[]>
>;

/** For how long answers are held back before they are lost. */
const LOST_MILLIS = 100;

/** How long a step is waited for. */
const STEP_MILLIS = 2_000;

/** What happens to the functions. */
const PROCESSES: Readonly<Record<string, Disaster>> = {
  'kill -9 of geminiCallback': async ({ fleets, env }) => fleets.callback.kill(env),
  'kill -9 of fetchResults': async ({ fleets, env }) => fleets.results.kill(env),
  'kill -9 of reconcileJobs': async ({ fleets, env }) => fleets.reconcile.kill(env),
  'kill -9 of submitJob': async ({ fleets, env }) => fleets.submit.kill(env),
  'kill -9 between two steps of geminiCallback': async (world, random) => await strike(world, 'callback', random),
  'kill -9 between two steps of fetchResults': async (world, random) => await strike(world, 'results', random),
  'kill -9 between two steps of reconcileJobs': async (world, random) => await strike(world, 'reconcile', random),
  'kill -9 between two steps of submitJob': async (world, random) => await strike(world, 'submit', random),
};

/** To what they depend on. Of these one at a time: two would hide each other. */
const BACKENDS: Readonly<Record<string, Disaster>> = {
  'Firestore: connections cut': async (world) => disturbed(world, () => world.firestore.cut()),
  'Pub/Sub: connections cut': async (world) => disturbed(world, () => world.pubsub.cut()),
  'Pub/Sub: answers lost': async (world) => {
    world.pubsub.stall('down');
    await sleep(LOST_MILLIS);
    disturbed(world, () => world.pubsub.cut());
    await world.pubsub.pass();
  },
  'Firestore: answers lost': async (world) => {
    world.firestore.stall('down');
    await sleep(LOST_MILLIS);
    disturbed(world, () => world.firestore.cut());
    await world.firestore.pass();
  },
  'Firestore: refused': async (world) => await away(world, 'firestore'),
  'Pub/Sub: refused': async (world) => await away(world, 'pubsub'),
  'Firestore: stalled': async (world) => await held(world, 'firestore'),
  'Pub/Sub: stalled': async (world) => await held(world, 'pubsub'),
  'Firestore: restarted': async (world) => {
    world.fleets.callback.disturb();
    await world.firestore.refuse();
    await world.backends.restartFirestore(world.project);
    await world.firestore.pass();
  },
  'Pub/Sub: restarted': async (world) => {
    world.fleets.callback.disturb();
    await world.pubsub.refuse();
    await world.restartPubsub();
    await world.pubsub.pass();
  },
  'both slow': async (world) => {
    for (const proxy of [world.firestore, world.pubsub]) proxy.delayMillis = { up: 40, down: 40 };
    await sleep(2_000);
    for (const proxy of [world.firestore, world.pubsub]) proxy.delayMillis = { up: 0, down: 0 };
  },
};

/** To what signatures are checked with. */
const TRUST: Readonly<Record<string, Disaster>> = {
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

/** Each with how many pauses stand between two: an instance that is never alive for long proves nothing. */
const DECKS = [
  { name: 'processes', disasters: PROCESSES, pauses: 3 },
  { name: 'backends', disasters: BACKENDS, pauses: 1 },
  { name: 'trust', disasters: TRUST, pauses: 3 },
];

/** Brings disasters of all kinds at once, each kind in an order that the seed decides, until it is told to end. */
export async function rage(
  world: World,
  seed: string,
  { pauseMillis, without }: { readonly pauseMillis: number; readonly without?: RegExp | undefined },
  until: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const happened = new Map<string, number>();
  const raging = DECKS.map(async ({ name, disasters, pauses }) => {
    const chosen = Object.entries(disasters).filter(([disaster]) => without?.test(disaster) !== true);
    await deal(world, new Map(chosen), seeded(`${seed} ${name}`), pauseMillis * pauses, until, happened);
  });
  await Promise.all(raging);
  return happened;
}

async function deal(
  world: World,
  disasters: ReadonlyMap<string, Disaster>,
  random: () => number,
  pauseMillis: number,
  until: AbortSignal,
  happened: Map<string, number>,
): Promise<void> {
  let deck: string[] = [];
  while (!until.aborted) {
    if (deck.length === 0) deck = shuffled([...disasters.keys()], random);
    const name = deck.pop() ?? '';
    const took = (await disasters.get(name)?.(world, random)) !== false;
    if (took) happened.set(name, (happened.get(name) ?? 0) + 1);
    await sleep(pauseMillis * (0.5 + random()), undefined, { signal: until }).catch(() => {});
  }
}

/** Whoever is at the step is killed with the others of its function: nobody knows which of them it is. */
async function strike(world: World, fleet: keyof World['fleets'], random: () => number): Promise<boolean> {
  const steps = STEPS[fleet];
  const [backend, direction, text] = steps[Math.floor(random() * steps.length)] ?? steps[0];
  const over = new AbortController();
  let isStruck = false;
  const struck = world[backend].at(direction, text, () => {
    if (over.signal.aborted) return;
    isStruck = true;
    world.fleets[fleet].killAll(world.env);
  });
  await Promise.race([struck, sleep(STEP_MILLIS)]);
  over.abort();
  return isStruck;
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
