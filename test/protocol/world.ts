import { decide } from '../../functions/model/delivery.ts';

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

/** Two deliveries can arrive under one webhook-id; the first one stays. */
const CONTENTS = ['same', 'other'] as const;
export type Content = (typeof CONTENTS)[number];

/** Copies that can arrive: of the delivery, of another one with its id, and of the delivery with an old signature. */
export type Copies = Readonly<Record<Content | 'late', number>>;

/** A request, or a run of the reconciler, on one delivery. */
export interface Actor {
  readonly step: Step;
  readonly content: Content;
  /** Ticks since it began. */
  readonly age: number;
  /** The number of its life: an owner is never used again. */
  readonly life: number;
  readonly read: Stored | undefined;
  /** True once Pub/Sub has accepted its message. */
  readonly hasPublished: boolean;
}

export interface Stored {
  readonly state: 'pending' | 'published' | 'quarantined';
  readonly content: Content;
  readonly owner: string;
  /** Ticks until its lease expires. */
  readonly lease: number;
  readonly version: number;
}

/** The state of the model: all that decides the next steps and the promises. */
export interface World {
  readonly record: Stored | undefined;
  readonly messages: Readonly<Record<Content, number>>;
  /** Crashes and lost answers after a message was accepted: each can cause one more. */
  readonly explained: number;
  /** The deliveries whose sender has a 2xx, and stops sending. */
  readonly acknowledged: Readonly<Record<Content, boolean>>;
  /** Copies that the sender has yet to send. */
  readonly copies: Copies;
  /** Faults that have yet to happen. */
  readonly faults: number;
  readonly actors: Readonly<Record<Name, Actor>>;
}

export const NAMES = ['A', 'B', 'reconciler'] as const;
export type Name = (typeof NAMES)[number];

export const IDLE: Actor = { step: 'idle', content: 'same', age: 0, life: 0, read: undefined, hasPublished: false };

export function begin({ copies, faults }: { copies: Copies; faults: number }): World {
  const actors = { A: IDLE, B: IDLE, reconciler: IDLE };
  const [messages, acknowledged] = [
    { same: 0, other: 0 },
    { same: false, other: false },
  ];
  return { record: undefined, messages, explained: 0, acknowledged, copies, faults, actors };
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
