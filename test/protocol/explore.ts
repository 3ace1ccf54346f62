import { nextOf } from './steps.ts';
import { begin, brokenIn, type Copies, type Rules, type World } from './world.ts';

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

/**
 * Owners and versions matter only as far as they differ, and the two instances are interchangeable: worlds that are equal
 * except for these are one.
 */
function keyOf(world: World): string {
  const names = new Map<string, number>();
  const versions = new Map<number, number>();
  const record = (stored: World['record']) =>
    stored &&
    `${stored.state}${stored.content}${numberIn(names, stored.owner)} ${stored.lease}v${numberIn(versions, stored.version)}`;
  const { A, B, reconciler } = world.actors;
  const instances = [
    ['A', A],
    ['B', B],
  ] as const;
  const rank = ([name, { step, content, age, life, hasPublished }]: (typeof instances)[number]) =>
    `${step}${content}${age}${hasPublished}${world.record?.owner === `${name}${life}`}`;
  const [first, second] = rank(instances[0]) > rank(instances[1]) ? instances.toReversed() : instances;
  const stored = record(world.record);
  const actors = [first, second, ['reconciler', reconciler] as const].map((each) => {
    if (each === undefined) return '';
    const [name, { step, content, age, life, read, hasPublished }] = each;
    if (step === 'idle') return 'idle';
    const known = step === 'commit' || step === 'confirm' ? record(read) : '';
    return `${step}${content}${age}o${numberIn(names, `${name}${life}`)}${known}${hasPublished}`;
  });
  const { messages, explained, acknowledged, copies, faults } = world;
  const counts = [messages.same, messages.other, explained, copies.same, copies.other, copies.late, faults];
  return `${stored}|${actors.join('|')}|${counts.join()}|${acknowledged.same}${acknowledged.other}`;
}

/** Returns the place at which a value was first asked for. */
function numberIn<T>(seen: Map<T, number>, value: T): number {
  const known = seen.get(value);
  if (known !== undefined) return known;
  seen.set(value, seen.size);
  return seen.size - 1;
}

function wayTo(seen: ReadonlyMap<string, Seen>, key: string): readonly string[] {
  const steps: string[] = [];
  for (let at = seen.get(key); at?.from !== undefined; at = seen.get(at.from)) steps.unshift(at.what);
  return steps;
}
