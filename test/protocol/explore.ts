import { begin, brokenIn, type Copies, nextOf, type Rules, type World } from './world.ts';

interface Explored {
  readonly states: number;
  /** The broken promise, and the shortest way to it. */
  readonly counterexample?: { readonly broken: string; readonly steps: readonly string[] };
}

interface Seen {
  readonly world: World;
  readonly what: string;
  readonly from: string | undefined;
}

/** Explores every interleaving to its end, the short ones first. */
export function explore(rules: Rules, bound: { copies: Copies; faults: number }): Explored {
  const start = begin(bound);
  const seen = new Map<string, Seen>([[keyOf(start), { world: start, what: 'the beginning', from: undefined }]]);
  const ending = new Set<string>();
  for (const [key, { world }] of seen) {
    const broken = brokenIn(world, rules) ?? stuckIn(world, rules, ending);
    if (broken !== undefined) return { states: seen.size, counterexample: { broken, steps: wayTo(seen, key) } };
    for (const next of nextOf(world, rules)) {
      const nextKey = keyOf(next.world);
      if (!seen.has(nextKey)) seen.set(nextKey, { world: next.world, what: next.what, from: key });
    }
  }
  return { states: seen.size };
}

/** Without further faults, and with retries of the sender and the reconciler, the delivery must be published. */
function stuckIn(world: World, rules: Rules, ending: Set<string>): string | undefined {
  const passed: string[] = [];
  const copies = { same: 1, other: 1, late: 0 };
  let now: World = { ...world, faults: 0, copies };
  for (let steps = 0; steps < 100; steps++) {
    const key = keyOf(now);
    if (isAtItsEnd(now) || ending.has(key)) {
      for (const each of passed) ending.add(each);
      return undefined;
    }
    passed.push(key);
    const ways = nextOf({ ...now, copies }, rules);
    // Actors that work continue; then a new copy arrives; time passes where no actor can do anything.
    const working = ways.find(({ what }) => !what.startsWith('a tick') && !what.startsWith('a copy'));
    const copy = ways.find(({ what }) => what.startsWith('a copy'));
    const isIdle = Object.values(now.actors).every(({ step }) => step === 'idle');
    const isFree = now.record === undefined || now.record.lease === 0 || now.record.state === 'published';
    const next = working ?? (isIdle && isFree ? copy : undefined) ?? ways.find(({ what }) => what === 'a tick') ?? copy;
    if (next === undefined) break;
    now = next.world;
  }
  return isAtItsEnd(now) ? undefined : 'it is never published';
}

function isAtItsEnd({ record, acknowledged }: World): boolean {
  return record?.state === 'published' && acknowledged[record.content];
}

/** Owners and versions matter only as far as they differ: worlds that are equal except for their numbers are one. */
function keyOf(world: World): string {
  const names = new Map<string, number>();
  const short = (text: string) => {
    if (!names.has(text)) names.set(text, names.size);
    return names.get(text);
  };
  const versions = new Map<number, number>();
  const record = (stored: World['record']) =>
    stored && [
      stored.state,
      stored.content,
      short(stored.owner),
      stored.lease,
      versions.get(stored.version) ?? versions.set(stored.version, versions.size).get(stored.version),
    ];
  const actors = Object.entries(world.actors).map(([name, { step, content, age, life, read, hasPublished }]) => [
    step,
    step === 'idle' ? 0 : content,
    age,
    step === 'idle' ? 0 : short(`${name}${life}`),
    step === 'commit' || step === 'confirm' ? (record(read) ?? null) : 0,
    hasPublished,
  ]);
  const { messages, explained, acknowledged, copies, faults } = world;
  return JSON.stringify([record(world.record), messages, explained, acknowledged, copies, faults, actors]);
}

function wayTo(seen: ReadonlyMap<string, Seen>, key: string): readonly string[] {
  const steps: string[] = [];
  for (let at = seen.get(key); at?.from !== undefined; at = seen.get(at.from)) steps.unshift(at.what);
  return steps;
}
