import { setTimeout as sleep } from 'node:timers/promises';
import type { Direction } from '../support/proxy.ts';
import { seeded, shuffled } from '../support/random.ts';
import type { World } from './world.ts';

/** A moment at which a function is killed: just before bytes that hold `text` are forwarded to a backend or back. */
interface Step {
  readonly name: string;
  readonly backend: 'firestore' | 'pubsub';
  readonly direction: Direction;
  readonly text: string;
  /** Reached a few times in a run: the kill stays armed while other faults follow. */
  readonly isRare?: boolean;
}

type FleetName = keyof World['fleets'];

const up = (name: string, backend: Step['backend'], text: string): Step => ({ name, backend, direction: 'up', text });
const down = (name: string, backend: Step['backend'], text = ''): Step => ({ name, backend, direction: 'down', text });

const STEPS: Readonly<Record<FleetName, readonly Step[]>> = {
  callback: [
    up('before the claim', 'firestore', 'leaseOwner'),
    down('before the claim is answered', 'firestore'),
    up('before the message', 'pubsub', 'ce-specversion'),
    down('before the message is answered', 'pubsub'),
    up('before the record is settled', 'firestore', 'publishedAt'),
  ],
  results: [
    up('before the claim', 'firestore', 'results.leaseOwner'),
    up('before results', 'pubsub', 'job.result'),
    down('before results are answered', 'pubsub'),
    up('before a checkpoint', 'firestore', 'results.position'),
    up('before the summary', 'pubsub', 'job.results.completed'),
  ],
  reconcile: [
    up('before a query', 'firestore', 'createdAt'),
    up('before a claim', 'firestore', 'reconcile'),
    { ...up('before a recovered event', 'pubsub', 'reconciled_'), isRare: true },
  ],
  submit: [
    up('before the claim', 'firestore', 'fingerprint'),
    down('before the claim is answered', 'firestore', 'submissions'),
    up('before the job is recorded', 'firestore', 'submittedAt'),
  ],
};

/** Time to reach a step before the next fault, in milliseconds. */
const STEP_MILLIS = 2_000;

const TARGETS: Readonly<Record<FleetName, string>> = {
  callback: 'geminiCallback',
  results: 'fetchResults',
  reconcile: 'reconcileJobs',
  submit: 'submitJob',
};

/** Kills functions between two steps: all steps of a function in turn, in the seed's order. */
export class StepKills {
  readonly #random: () => number;
  readonly #next = new Map<FleetName, Step[]>();
  readonly #kills = new Map<string, number>();
  readonly #armed = new Set<Step>();

  constructor(seed: string) {
    this.#random = seeded(`${seed} steps`);
  }

  /** Kills all instances of the function at its next step. A step that is not reached moves to the back of the queue. */
  async kill(world: World, fleet: FleetName): Promise<void> {
    const waiting = this.#next.get(fleet) ?? [];
    const [step, ...later] = waiting.length > 0 ? waiting : shuffled(STEPS[fleet], this.#random);
    if (step === undefined) return;
    const isStruck = step.isRare ? this.#arm(world, fleet, step) : await this.#killAt(world, fleet, step);
    this.#next.set(fleet, isStruck ? later : [...later, step]);
  }

  /** The number of kills at each step that was tried, with 0 for those that were never reached. */
  get counts(): ReadonlyMap<string, number> {
    return this.#kills;
  }

  #arm(world: World, fleet: FleetName, step: Step): true {
    if (!this.#armed.has(step)) {
      this.#armed.add(step);
      void this.#killAt(world, fleet, step, world.faultsEnded).finally(() => this.#armed.delete(step));
    }
    return true;
  }

  async #killAt(world: World, fleet: FleetName, step: Step, until?: AbortSignal): Promise<boolean> {
    const { name, backend, direction, text } = step;
    const label = `kill -9 of ${TARGETS[fleet]} ${name}`;
    this.#kills.set(label, this.#kills.get(label) ?? 0);
    const over = new AbortController();
    let isStruck = false;
    const struck = world[backend].at(direction, text, () => {
      if (over.signal.aborted) return;
      isStruck = true;
      this.#kills.set(label, (this.#kills.get(label) ?? 0) + 1);
      world.fleets[fleet].killAll(world.env);
    });
    await Promise.race([struck, until ? aborted(until) : sleep(STEP_MILLIS)]);
    over.abort();
    return isStruck;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
