import type { Direction } from '../support/proxy.ts';
import { seeded, shuffled } from '../support/random.ts';
import type { World } from './world.ts';

/** A moment at which a function is killed: just before bytes that hold `text` are forwarded to a backend or back. */
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
    up('before the claim', 'firestore', 'bodySha256'),
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
    up('before a recovered event', 'pubsub', 'reconciled_'),
  ],
  submit: [
    up('before the claim', 'firestore', 'fingerprint'),
    down('before the claim is answered', 'firestore', 'submissions'),
    up('before the job is recorded', 'firestore', 'submittedAt'),
  ],
};

const TARGETS: Readonly<Record<FleetName, string>> = {
  callback: 'geminiCallback',
  results: 'fetchResults',
  reconcile: 'reconcileJobs',
  submit: 'submitJob',
};

/** Kills functions between two steps: all steps of a function in turn, in the seed's order. */
export class StepKills {
  readonly #random: () => number;
  readonly #next = new Map<FleetName, readonly Step[]>();
  readonly #armed = new Set<Step>();
  readonly #counts = new Map<string, number>();

  constructor(seed: string) {
    this.#random = seeded(`${seed} steps`);
  }

  /** The number of kills at each step that was armed: 0 where the function never reached it. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Arms the next step: when an instance reaches it, all instances of the function are killed, unless the faults have ended. */
  arm(world: World, fleet: FleetName): void {
    const waiting = this.#next.get(fleet) ?? [];
    const [step, ...later] = waiting.length > 0 ? waiting : shuffled(STEPS[fleet], this.#random);
    this.#next.set(fleet, later);
    if (step === undefined || this.#armed.has(step)) return;
    const label = `kill -9 of ${TARGETS[fleet]} ${step.name}`;
    const count = (more: number) => this.#counts.set(label, (this.#counts.get(label) ?? 0) + more);
    this.#armed.add(step);
    count(0);
    void world[step.backend].at(step.direction, step.text, () => {
      this.#armed.delete(step);
      if (world.faultsEnded.aborted) return;
      count(1);
      world.fleets[fleet].killAll(world.env);
    });
  }
}
