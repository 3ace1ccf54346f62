import { setTimeout as sleep } from 'node:timers/promises';
import { seeded, shuffled } from '../support/random.ts';
import type { Direction } from '../support/proxy.ts';
import type { World } from './world.ts';

/** What happens to the world now and then; each ends by itself, and is false where it has not come to it, or tells which. */
type Disaster = (world: World, strikes: Strikes) => Promise<boolean | string | void>;

/** Where a function is killed: just before bytes that hold a text go on, towards a backend or back. */
interface Step {
  readonly name: string;
  readonly backend: 'firestore' | 'pubsub';
  readonly direction: Direction;
  readonly text: string;
}

type FleetName = keyof World['fleets'];

const up = (name: string, backend: Step['backend'], text: string): Step => ({ name, backend, direction: 'up', text });
const down = (name: string, backend: Step['backend'], text = ''): Step => ({ name, backend, direction: 'down', text });

const STEPS: Readonly<Record<FleetName, readonly Step[]>> = {
  callback: [
    up('before the claim', 'firestore', 'leaseOwner'),
    down('before the claim is known', 'firestore'),
    up('before the message', 'pubsub', 'ce-specversion'),
    down('before the message is known', 'pubsub'),
    up('before the mark', 'firestore', 'publishedAt'),
  ],
  results: [
    up('before the claim', 'firestore', 'results.leaseOwner'),
    up('before results', 'pubsub', 'job.result'),
    down('before results are known', 'pubsub'),
    up('before a checkpoint', 'firestore', 'results.position'),
    up('before the summary', 'pubsub', 'job.results.completed'),
  ],
  reconcile: [
    up('before a look', 'firestore', 'createdAt'),
    up('before a claim', 'firestore', 'reconcile'),
    up('before a message', 'pubsub', 'reconciled_'),
  ],
  submit: [
    up('before the claim', 'firestore', 'fingerprint'),
    down('before the claim is known', 'firestore', 'submissions'),
    up('before the start is written', 'firestore', 'submittedAt'),
  ],
};

/** Which step of each function is next: all of them in turn, in an order that the seed decides. */
class Strikes {
  readonly #random: () => number;
  readonly #next = new Map<FleetName, Step[]>();

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Whoever is at the step is killed with the others of its function: nobody knows which of them it is. */
  async strike(world: World, fleet: FleetName): Promise<string | false> {
    const waiting = this.#next.get(fleet) ?? [];
    const [step, ...later] = waiting.length > 0 ? waiting : shuffled(STEPS[fleet], this.#random);
    if (step === undefined) return false;
    const isStruck = await killAt(world, fleet, step);
    // One that nobody came to is waited for again after the others.
    this.#next.set(fleet, isStruck ? later : [...later, step]);
    return isStruck && step.name;
  }
}

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
  'kill -9 between two steps of geminiCallback': async (world, strikes) => await strikes.strike(world, 'callback'),
  'kill -9 between two steps of fetchResults': async (world, strikes) => await strikes.strike(world, 'results'),
  'kill -9 between two steps of reconcileJobs': async (world, strikes) => await strikes.strike(world, 'reconcile'),
  'kill -9 between two steps of submitJob': async (world, strikes) => await strikes.strike(world, 'submit'),
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
  'Firestore: connections that swallow everything': async (world) => disturbed(world, () => world.firestore.swallow()),
  'Pub/Sub: connections that swallow everything': async (world) => disturbed(world, () => world.pubsub.swallow()),
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
  'public keys: rotated while they are fetched': async ({ simulator }) => {
    simulator.settings.patch({ jwks: { latencyMillis: 1_500 } });
    simulator.jwks.rotate();
    await sleep(700);
    simulator.jwks.rotate();
    await sleep(1_300);
    simulator.settings.patch({ jwks: { latencyMillis: 0 } });
  },
  'signing secret: rotated': async (world) => await world.rotateSecret('after_h24'),
  'signing secret: rotated, the old ones revoked': async (world) => await world.rotateSecret('immediately'),
};

/** Each with how many pauses stand between two: an instance that is never alive for long proves nothing. */
const DECKS = [
  { name: 'processes', disasters: PROCESSES, pauses: 3 },
  { name: 'backends', disasters: BACKENDS, pauses: 4 },
  { name: 'trust', disasters: TRUST, pauses: 20 },
];

/** What is waited for longer than a short run lasts: leases of submissions, the next look for keys, connections given up. */
const LONG = /submitJob|restarted|swallow|keys: rotated/;

/** Brings disasters of all kinds at once, each kind in an order that the seed decides, until it is told to end. */
export async function rage(
  world: World,
  seed: string,
  { pauseMillis, isShort }: { readonly pauseMillis: number; readonly isShort?: boolean | undefined },
  until: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const happened = new Map<string, number>();
  const raging = DECKS.map(async ({ name, disasters, pauses }) => {
    const chosen = Object.entries(disasters).filter(([disaster]) => !(isShort && LONG.test(disaster)));
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
  const strikes = new Strikes(random);
  let deck: string[] = [];
  for (;;) {
    await sleep(pauseMillis * (0.5 + random()), undefined, { signal: until }).catch(() => {});
    if (until.aborted) return;
    if (deck.length === 0) deck = shuffled([...disasters.keys()], random);
    const name = deck.pop() ?? '';
    const took = await disasters.get(name)?.(world, strikes);
    const what = typeof took === 'string' ? `${name}, ${took}` : name;
    if (took !== false) happened.set(what, (happened.get(what) ?? 0) + 1);
  }
}

async function killAt(world: World, fleet: FleetName, { backend, direction, text }: Step): Promise<boolean> {
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
