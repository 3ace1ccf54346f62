import { type Delivery, type DeliveryRecord, isAbandoned } from '../../functions/model/delivery.ts';
import { type Actor, type Content, IDLE, type Name, NAMES, type Rules, type Stored, type World } from './world.ts';

/** A step that can happen next, in words, and the world after it. */
interface Next {
  readonly what: string;
  readonly world: World;
}

export function nextOf(world: World, rules: Rules): readonly Next[] {
  return [...tick(world, rules), ...NAMES.flatMap((name) => stepsOf(world, name, rules))];
}

/** Returns a step and, while faults are left, its faulty forms, each of which uses one up. */
function orFault(world: World, step: Next, ...faulty: readonly Next[]): readonly Next[] {
  const faults = world.faults - 1;
  return faults < 0 ? [step] : [step, ...faulty.map((next) => ({ what: next.what, world: { ...next.world, faults } }))];
}

const deliveryOf = ({ content }: Actor) => ({ bodySha256: content }) as Delivery;
const MILLIS = 1_000;
const NOW = new Date(0);

/** The record as the product's functions see it; the clock is at 0. */
function seen({ state, content, owner, lease }: Stored): DeliveryRecord {
  const quarantineReason = state === 'quarantined' ? 'TIMESTAMP_OUT_OF_TOLERANCE' : undefined;
  return { state, quarantineReason, bodySha256: content, leaseOwner: owner, leaseUntil: new Date(lease * MILLIS) };
}

/** Time passes for all actors. An actor whose time is over, because a dependency is slow, counts as a fault. */
function tick(world: World, { deadlineTicks }: Rules): readonly Next[] {
  const { record, actors } = world;
  const working = NAMES.filter((name) => actors[name].step !== 'idle');
  const late = working.filter((name) => actors[name].age === deadlineTicks).length;
  if ((working.length === 0 && (record?.lease ?? 0) === 0) || late > world.faults) return [];
  const older = (actor: Actor): Actor =>
    actor.step === 'idle' ? actor : { ...actor, age: Math.min(actor.age + 1, deadlineTicks + 1) };
  const later = {
    ...world,
    record: record && { ...record, lease: Math.max(0, record.lease - 1) },
    actors: { A: older(actors.A), B: older(actors.B), reconciler: older(actors.reconciler) },
    faults: world.faults - late,
  };
  return [{ what: 'a tick', world: later }];
}

function stepsOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const actor = world.actors[name];
  if (actor.step === 'idle') return startsOf(world, name);
  const killed = { what: `${name} is killed`, world: end(world, name, explainedBy(actor)) };
  if (actor.age > rules.deadlineTicks)
    return orFault(world, { what: `${name} is out of time: 503`, world: killed.world }, killed);
  return [...workOf(world, name, rules), ...orFault(world, killed, killed).slice(1)];
}

/** The next owner can send a message again that was not settled. */
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
    { kind: 'same', what: 'a copy arrives', actor: started },
    { kind: 'same', what: 'a copy that seems the first arrives', actor: { ...started, step: 'create' } },
    { kind: 'other', what: 'a copy of another delivery under its id arrives', actor: { ...started, content: 'other' } },
    { kind: 'late', what: 'a copy with an old signature arrives', actor: { ...started, step: 'quarantine' } },
  ] as const;
  return (
    kinds
      .filter(({ kind, actor }) => copies[kind] > 0 && !acknowledged[actor.content])
      // Where there is a record, which is never removed, it is the same as one that reads.
      .filter(({ actor }) => actor.step !== 'create' || record === undefined)
      .map(({ kind, what, actor }) => {
        const left = { ...copies, [kind]: copies[kind] - 1 };
        return { what: `${what} at ${name}`, world: { ...withActor(world, name, actor), copies: left } };
      })
  );
}

function workOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const actor = world.actors[name];
  switch (actor.step) {
    case 'read':
      return [{ what: `${name} reads`, world: withStep(world, name, 'commit', { read: world.record }) }];
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
        { what: `${name} quarantines it, unless its id is known: 401`, world: end(quarantined(world, name), name) },
      ];
    case 'idle':
      return [];
  }
}

/** Claims without a read: the lease is right, or over at once where the estimate of the store's time is far behind. */
function createsOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const { content } = world.actors[name];
  if (world.record !== undefined)
    return [{ what: `${name} finds a record: it reads`, world: withStep(world, name, 'read') }];
  return [rules.leaseTicks, 0].flatMap((lease) => {
    const record: Stored = { state: 'pending', content, owner: ownerOf(world, name), lease, version: 1 };
    const created = { ...world, record };
    const step = lease > 0 || !rules.confirmsLease ? 'publish' : 'confirm';
    const what = `${name} creates the record with a lease of ${lease}`;
    return orFault(
      world,
      { what, world: withStep(created, name, step, { read: record }) },
      { what: `${what}, and its answer is lost`, world: withStep(created, name, 'read') },
    );
  });
}

/** Renews the lease from the time of the commit, however long ago that was. */
function confirmationsOf(world: World, name: Name, { leaseTicks }: Rules): readonly Next[] {
  const { read, age } = world.actors[name];
  const { record } = world;
  if (record === undefined || record.version !== read?.version)
    return [{ what: `${name} renews too late: it reads`, world: withStep(world, name, 'read') }];
  const renewed = {
    ...world,
    record: { ...record, lease: Math.max(0, leaseTicks - age), version: record.version + 1 },
  };
  return orFault(
    world,
    { what: `${name} renews the lease`, world: withStep(renewed, name, 'publish') },
    { what: `${name} renews the lease, and the answer is lost`, world: withStep(renewed, name, 'read') },
  );
}

function commitsOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const actor = world.actors[name];
  const stored = actor.read && seen(actor.read);
  const isReconcilable = name === 'reconciler' && stored !== undefined && isAbandoned(stored, NOW);
  const decision =
    name === 'reconciler'
      ? isReconcilable && 'resume'
      : rules.decide(stored, deliveryOf(actor), ownerOf(world, name), NOW);
  switch (decision) {
    case 'record':
    case 'resume':
      return claimsOf(world, name, rules, decision);
    case 'done':
      return [{ what: `${name} finds it settled: 200`, world: acknowledge(end(world, name), actor.content) }];
    case 'conflict':
      return [{ what: `${name} finds another delivery: 200`, world: acknowledge(end(world, name), actor.content) }];
    case 'wait':
    case false:
      return [{ what: `${name} finds it leased: 503`, world: end(world, name) }];
  }
}

function claimsOf(world: World, name: Name, rules: Rules, decision: 'record' | 'resume'): readonly Next[] {
  const { content, read } = world.actors[name];
  if (rules.isConditional && world.record?.version !== read?.version)
    return [{ what: `${name} has read too early`, world: withStep(world, name, 'read') }];
  const version = (world.record?.version ?? 0) + 1;
  const record = { state: 'pending', content, owner: ownerOf(world, name), lease: rules.leaseTicks, version } as const;
  const claimed = rules.recordsFirst ? { ...world, record } : world;
  const what = `${name} claims (${decision})`;
  return orFault(
    world,
    { what, world: withStep(claimed, name, rules.publishesFirst ? 'publish' : 'settle') },
    { what: `${what}, and its answer is lost`, world: withStep(claimed, name, 'read') },
  );
}

function publishesOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const { content } = world.actors[name];
  const sent = { ...world, messages: { ...world.messages, [content]: world.messages[content] + 1 } };
  const published = rules.publishesFirst
    ? withStep(sent, name, 'settle', { hasPublished: true })
    : acknowledgeBy(end(sent, name), name, content);
  const unanswered = withStep(sent, name, 'release', { hasPublished: true });
  return orFault(
    world,
    { what: `${name} publishes`, world: published },
    { what: `${name} publishes, and the answer is lost`, world: unanswered },
    { what: `${name} cannot publish`, world: withStep(world, name, 'release') },
  );
}

function settlesOf(world: World, name: Name, rules: Rules): readonly Next[] {
  const settled = settledBy(world, name, rules);
  if (!rules.publishesFirst) return [{ what: `${name} settles`, world: withStep(settled, name, 'publish') }];
  const ended = end(settled, name);
  return orFault(
    world,
    { what: `${name} settles: 200`, world: acknowledgeBy(ended, name, world.actors[name].content) },
    { what: `${name} settles, and the answer is lost: 503`, world: ended },
  );
}

function settledBy(world: World, name: Name, { recordsFirst }: Rules): World {
  const { record, actors } = world;
  const version = (record?.version ?? 0) + 1;
  if (!recordsFirst) {
    const { content } = actors[name];
    return { ...world, record: { state: 'published', content, owner: '', lease: 0, version } };
  }
  return record && isOwner(world, name) ? { ...world, record: { ...record, state: 'published', version } } : world;
}

const ownerOf = ({ actors }: World, name: Name) => `${name}${actors[name].life}`;

function isOwner(world: World, name: Name): boolean {
  return world.record?.owner === ownerOf(world, name);
}

function quarantined(world: World, name: Name): World {
  if (world.record !== undefined) return world;
  const { content } = world.actors[name];
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

function end(world: World, name: Name, explained = 0): World {
  const ended = withActor(world, name, { ...IDLE, life: world.actors[name].life });
  return { ...ended, explained: world.explained + explained };
}

function withStep(world: World, name: Name, step: Actor['step'], changes: Partial<Actor> = {}): World {
  return withActor(world, name, { ...world.actors[name], step, ...changes });
}

function withActor(world: World, name: Name, actor: Actor): World {
  return { ...world, actors: { ...world.actors, [name]: actor } };
}
