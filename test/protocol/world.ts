import { decide, type Delivery, type DeliveryRecord, isAbandoned } from '../../functions/model/delivery.ts';

/** The rules of the protocol. The tests break one rule at a time and check that this is found. */
export interface Rules {
  /** The duration of a lease and of a request, in ticks of the clock. */
  readonly leaseTicks: number;
  readonly deadlineTicks: number;
  /** A commit requires that the record is as it was read. */
  readonly isConditional: boolean;
  /** The record comes before the message. */
  readonly recordsFirst: boolean;
  /** The message comes before the settlement. */
  readonly publishesFirst: boolean;
  /** A claim without a read compares its lease with the time of its commit, and renews one that is too short. */
  readonly confirmsLease: boolean;
  readonly decide: typeof decide;
}

/** A lease that is a little longer than the deadline: the fewer ticks, the fewer states, and their order is all that counts. */
export const RULES: Rules = {
  leaseTicks: 2,
  deadlineTicks: 1,
  isConditional: true,
  recordsFirst: true,
  publishesFirst: true,
  confirmsLease: true,
  decide,
};

type Step = 'idle' | 'read' | 'create' | 'confirm' | 'commit' | 'publish' | 'settle' | 'release' | 'quarantine';

/** Two deliveries may come under one webhook-id; what came first stays. */
const CONTENTS = ['same', 'other'] as const;
type Content = (typeof CONTENTS)[number];

/** Copies that can arrive: of the delivery, of another one with its id, and of the delivery with an old signature. */
export type Copies = Readonly<Record<Content | 'late', number>>;

/** A request, or a run of the reconciler, on one delivery. */
interface Actor {
  readonly step: Step;
  readonly content: Content;
  /** Ticks since it began. */
  readonly age: number;
  /** Which of its lives it is in: owners are never used again. */
  readonly life: number;
  readonly read: Stored | undefined;
  /** True once Pub/Sub has accepted its message. */
  readonly hasPublished: boolean;
}

interface Stored {
  readonly state: 'pending' | 'published' | 'quarantined';
  readonly content: Content;
  readonly owner: string;
  /** Ticks until its lease is over. */
  readonly lease: number;
  readonly version: number;
}

/** Everything that decides what can happen next, and what has happened that matters. */
export interface World {
  readonly record: Stored | undefined;
  readonly messages: Readonly<Record<Content, number>>;
  /** Crashes and lost answers after a message was accepted: each may cause one more. */
  readonly explained: number;
  /** Whose sender has a 2xx, and sends no more. */
  readonly acknowledged: Readonly<Record<Content, boolean>>;
  /** Copies that the sender has still to send. */
  readonly copies: Copies;
  /** Faults that have still to happen. */
  readonly faults: number;
  readonly actors: Readonly<Record<Name, Actor>>;
}

const NAMES = ['A', 'B', 'reconciler'] as const;
type Name = (typeof NAMES)[number];

const IDLE: Actor = { step: 'idle', content: 'same', age: 0, life: 0, read: undefined, hasPublished: false };

export function begin({ copies, faults }: { copies: Copies; faults: number }): World {
  const actors = { A: IDLE, B: IDLE, reconciler: IDLE };
  const [messages, acknowledged] = [
    { same: 0, other: 0 },
    { same: false, other: false },
  ];
  return { record: undefined, messages, explained: 0, acknowledged, copies, faults, actors };
}

/** Something that can happen next, in words, and the world after it. */
interface Next {
  readonly what: string;
  readonly world: World;
}

export function nextOf(world: World, rules: Rules): readonly Next[] {
  return [...tick(world, rules), ...NAMES.flatMap((name) => stepsOf(world, name, rules))];
}

const deliveryOf = ({ content }: Actor) => ({ bodySha256: content }) as Delivery;
const MILLIS = 1_000;

/** The record as the real functions see it; the clock stands at 0. */
function seen({ state, content, owner, lease }: Stored): DeliveryRecord {
  const quarantineReason = state === 'quarantined' ? 'TIMESTAMP_OUT_OF_TOLERANCE' : undefined;
  return { state, quarantineReason, bodySha256: content, leaseOwner: owner, leaseUntil: new Date(lease * MILLIS) };
}

const NOW = new Date(0);

/** Time passes for all actors. An actor whose time is over, because a dependency is slow, counts as a fault. */
function tick(world: World, { deadlineTicks }: Rules): readonly Next[] {
  const { record, actors } = world;
  const working = NAMES.filter((name) => actors[name].step !== 'idle');
  const late = working.filter((name) => actors[name].age === deadlineTicks).length;
  if ((working.length === 0 && (record?.lease ?? 0) === 0) || late > world.faults) return [];
  const older = mapped(actors, (actor) =>
    actor.step === 'idle' ? actor : { ...actor, age: Math.min(actor.age + 1, deadlineTicks + 1) },
  );
  const later = record && { ...record, lease: Math.max(0, record.lease - 1) };
  return [{ what: 'a tick', world: { ...world, record: later, actors: older, faults: world.faults - late } }];
}

function stepsOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const actor = world.actors[name];
  if (actor.step === 'idle') return startsOf(world, name);
  const crashed = end(world, name, explainedBy(actor));
  const crash =
    world.faults > 0 ? [{ what: `${name} is killed`, world: { ...crashed, faults: world.faults - 1 } }] : [];
  if (actor.age > rules.deadlineTicks) return [{ what: `${name} is out of time: 503`, world: crashed }, ...crash];
  return [...workOf(world, name, rules), ...crash];
}

/** The next owner may send a message again that was not settled. */
function explainedBy({ hasPublished }: Actor): number {
  return hasPublished ? 1 : 0;
}

function startsOf(world: World, name: Name): readonly Next[] {
  const { copies, acknowledged, actors, record } = world;
  const started = { ...IDLE, step: 'read' as const, life: actors[name].life + 1 };
  if (name === 'reconciler')
    return record && isAbandoned(seen(record), NOW)
      ? [{ what: 'the reconciler looks', world: withActor(world, name, { ...started, content: record.content }) }]
      : [];
  const kinds = [
    { kind: 'same', what: 'a copy comes', actor: started },
    { kind: 'same', what: 'a copy that seems the first comes', actor: { ...started, step: 'create' } },
    { kind: 'other', what: 'a copy of another delivery under its id comes', actor: { ...started, content: 'other' } },
    { kind: 'late', what: 'an old copy comes', actor: { ...started, step: 'quarantine' } },
  ] as const;
  return (
    kinds
      .filter(({ kind, actor }) => copies[kind] > 0 && !acknowledged[actor.content])
      // With a record, which is never removed, it is the same as one that reads.
      .filter(({ actor }) => actor.step !== 'create' || record === undefined)
      .map(({ kind, what, actor }) => {
        const left = { ...copies, [kind]: copies[kind] - 1 };
        return { what: `${what} to ${name}`, world: { ...withActor(world, name, actor), copies: left } };
      })
  );
}

function workOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const actor = world.actors[name];
  switch (actor.step) {
    case 'read':
      return [
        { what: `${name} reads`, world: withActor(world, name, { ...actor, step: 'commit', read: world.record }) },
      ];
    case 'create':
      return createsOf(world, name, rules);
    case 'confirm':
      return confirmationsOf(world, name, rules);
    case 'commit':
      return commitsOf(world, name, rules);
    case 'publish':
      return publishesOf(world, name, rules);
    case 'settle':
      return settlesOf(world, name, rules);
    case 'release':
      return [{ what: `${name} releases the lease: 503`, world: end(released(world, name), name, explainedBy(actor)) }];
    case 'quarantine':
      return [
        { what: `${name} quarantines it, unless its id is known: 401`, world: end(quarantined(world, name), name, 0) },
      ];
    case 'idle':
      return [];
  }
}

/** A claim without a read: its lease is right, or over at once where the estimate of the store's time is far behind. */
function createsOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const actor = world.actors[name];
  if (world.record !== undefined)
    return [{ what: `${name} finds a record: it reads`, world: withActor(world, name, { ...actor, step: 'read' }) }];
  const owner = `${name}${actor.life}`;
  return [rules.leaseTicks, 0].flatMap((lease) => {
    const record: Stored = { state: 'pending', content: actor.content, owner, lease, version: 1 };
    const created = { ...world, record };
    const step = lease > 0 || !rules.confirmsLease ? 'publish' : 'confirm';
    const what = `${name} creates the record with a lease of ${lease}`;
    const lost = { ...withActor(created, name, { ...actor, step: 'read' }), faults: world.faults - 1 };
    const held = { what, world: withActor(created, name, { ...actor, step, read: record }) };
    return world.faults > 0 ? [held, { what: `${what}, and its answer is lost`, world: lost }] : [held];
  });
}

/** The lease is renewed from the time of the commit, however long ago that was. */
function confirmationsOf(world: World, name: Name, { leaseTicks }: Rules): readonly Next[] {
  const actor = world.actors[name];
  const { record } = world;
  const read = withActor(world, name, { ...actor, step: 'read' });
  if (record === undefined || record.version !== actor.read?.version)
    return [{ what: `${name} renews too late: it reads`, world: read }];
  const renewed = { ...record, lease: Math.max(0, leaseTicks - actor.age), version: record.version + 1 };
  const held = { ...withActor(world, name, { ...actor, step: 'publish' }), record: renewed };
  const lost = { ...read, record: renewed, faults: world.faults - 1 };
  return [
    { what: `${name} renews the lease`, world: held },
    ...(world.faults > 0 ? [{ what: `${name} renews the lease, and the answer is lost`, world: lost }] : []),
  ];
}

function commitsOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const actor = world.actors[name];
  const owner = `${name}${actor.life}`;
  const stored = actor.read && seen(actor.read);
  const decision =
    name === 'reconciler'
      ? stored && isAbandoned(stored, NOW)
        ? 'resume'
        : 'none'
      : rules.decide(stored, deliveryOf(actor), owner, NOW);
  switch (decision) {
    case 'record':
    case 'resume': {
      if (rules.isConditional && world.record?.version !== actor.read?.version)
        return [{ what: `${name} has read too early`, world: withActor(world, name, { ...actor, step: 'read' }) }];
      const version = (world.record?.version ?? 0) + 1;
      const record: Stored = { state: 'pending', content: actor.content, owner, lease: rules.leaseTicks, version };
      const claimed = rules.recordsFirst ? { ...world, record } : world;
      const step = rules.publishesFirst ? 'publish' : 'settle';
      const lost = { ...withActor(claimed, name, { ...actor, step: 'read' }), faults: world.faults - 1 };
      return [
        { what: `${name} claims (${decision})`, world: withActor(claimed, name, { ...actor, step }) },
        ...(world.faults > 0 ? [{ what: `${name} claims (${decision}), and its answer is lost`, world: lost }] : []),
      ];
    }
    case 'done':
      return [{ what: `${name} finds it settled: 200`, world: acknowledge(end(world, name, 0), actor.content) }];
    case 'conflict':
      return [{ what: `${name} finds another delivery: 200`, world: acknowledge(end(world, name, 0), actor.content) }];
    case 'wait':
    case 'none':
      return [{ what: `${name} finds it leased: 503`, world: end(world, name, 0) }];
  }
}

function publishesOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const actor = world.actors[name];
  const { content } = actor;
  const sent = { ...world, messages: { ...world.messages, [content]: world.messages[content] + 1 } };
  const done = rules.publishesFirst
    ? withActor(sent, name, { ...actor, step: 'settle', hasPublished: true })
    : acknowledgeBy(end(sent, name, 0), name, content);
  if (world.faults === 0) return [{ what: `${name} publishes`, world: done }];
  const faults = world.faults - 1;
  return [
    { what: `${name} publishes`, world: done },
    {
      what: `${name} publishes, and the answer is lost`,
      world: { ...withActor(sent, name, { ...actor, step: 'release', hasPublished: true }), faults },
    },
    { what: `${name} cannot publish`, world: { ...withActor(world, name, { ...actor, step: 'release' }), faults } },
  ];
}

function settlesOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const actor = world.actors[name];
  const marked = markedBy(world, name, rules);
  if (!rules.publishesFirst)
    return [{ what: `${name} settles`, world: withActor(marked, name, { ...actor, step: 'publish' }) }];
  const answered = {
    what: `${name} settles: 200`,
    world: acknowledgeBy(end(marked, name, 0), name, actor.content),
  };
  const lost = { ...end(marked, name, 0), faults: world.faults - 1 };
  return [
    answered,
    ...(world.faults > 0 ? [{ what: `${name} settles, and the answer is lost: 503`, world: lost }] : []),
  ];
}

function markedBy(world: World, name: Name, { recordsFirst }: Rules): World {
  const { record, actors } = world;
  const version = (record?.version ?? 0) + 1;
  if (!recordsFirst) {
    const { content } = actors[name];
    return { ...world, record: { state: 'published', content, owner: '', lease: 0, version } };
  }
  return record && isOwner(world, name) ? { ...world, record: { ...record, state: 'published', version } } : world;
}

function isOwner({ record, actors }: World, name: Name): boolean {
  return record?.owner === `${name}${actors[name].life}`;
}

function quarantined(world: World, name: Name): World {
  if (world.record !== undefined) return world;
  const content = world.actors[name].content;
  return { ...world, record: { state: 'quarantined', content, owner: '', lease: 0, version: 1 } };
}

function released(world: World, name: Name): World {
  if (!isOwner(world, name) || world.record?.state !== 'pending') return world;
  return { ...world, record: { ...world.record, lease: 0, version: world.record.version + 1 } };
}

/** No sender waits for the reconciler. */
function acknowledgeBy(world: World, name: Name, content: Content): World {
  return name === 'reconciler' ? world : acknowledge(world, content);
}

function acknowledge(world: World, content: Content): World {
  return { ...world, acknowledged: { ...world.acknowledged, [content]: true } };
}

function end(world: World, name: Name, explained: number): World {
  const ended = withActor(world, name, { ...IDLE, life: world.actors[name].life });
  return { ...ended, explained: world.explained + explained };
}

function withActor(world: World, name: Name, actor: Actor): World {
  return { ...world, actors: { ...world.actors, [name]: actor } };
}

function mapped(actors: World['actors'], change: (actor: Actor) => Actor): World['actors'] {
  return { A: change(actors.A), B: change(actors.B), reconciler: change(actors.reconciler) };
}

/** Returns the promise that a world breaks. */
export function brokenIn(world: World, { deadlineTicks }: Rules): string | undefined {
  const { record, messages, acknowledged, actors } = world;
  // An actor that has published and has no time left to settle is about to end, as if it were killed.
  const late = NAMES.filter((name) => actors[name].hasPublished && actors[name].age > deadlineTicks).length;
  const explained = world.explained + late;
  const sum = messages.same + messages.other;
  const owed = record?.content ?? 'same';
  if (acknowledged[owed] && messages[owed] === 0) return '2xx without a record and a message';
  if (record?.state === 'published' && messages[record.content] === 0) return 'marked as published, and it is not';
  if (messages.same > 0 && messages.other > 0) return 'two deliveries under one webhook-id';
  if (sum > 0 && (record === undefined || messages[record.content] === 0)) return 'a message without its record';
  if (sum > 1 + explained) return `${sum} messages, and ${explained} faults that explain one each`;
  return undefined;
}
