import { type JobKind, jobKindOf } from './jobName.ts';

export const JOB_STATES = [
  'submitted',
  'running',
  'requires_action',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
  'unknown',
] as const;

export type JobState = (typeof JOB_STATES)[number];

/** The facts about one type of event that the code decides by. */
interface EventType {
  /** The state that the event announces; absent for a remark, which changes no state. */
  readonly state?: JobState;
  /** Set where the job can have results that fetchResults reads. An expired batch has none (docs/gemini-wire.md 7.3). */
  readonly hasOutput: boolean;
  /**
   * `subscription`: a registered webhook can subscribe to it. `documented`: Gemini's guide lists it, but the API refuses
   * a subscription to it (docs/gemini-wire.md 1.5). `reconciler`: only reconcileJobs announces it.
   */
  readonly source: 'subscription' | 'documented' | 'reconciler';
}

/** The event types of Gemini (docs/gemini-wire.md 4.3) and of reconcileJobs. Types outside the table are passed on. */
const EVENT_TYPES = {
  'batch.succeeded': { state: 'succeeded', hasOutput: true, source: 'subscription' },
  'batch.failed': { state: 'failed', hasOutput: true, source: 'subscription' },
  'batch.expired': { state: 'expired', hasOutput: false, source: 'subscription' },
  'batch.cancelled': { state: 'cancelled', hasOutput: true, source: 'documented' },
  'interaction.completed': { state: 'succeeded', hasOutput: true, source: 'subscription' },
  'interaction.requires_action': { state: 'requires_action', hasOutput: true, source: 'subscription' },
  'interaction.failed': { state: 'failed', hasOutput: false, source: 'subscription' },
  'interaction.cancelled': { state: 'cancelled', hasOutput: false, source: 'documented' },
  'interaction.incomplete': { state: 'failed', hasOutput: true, source: 'reconciler' },
  'interaction.budget_exceeded': { state: 'failed', hasOutput: true, source: 'reconciler' },
  'video.generated': { state: 'succeeded', hasOutput: true, source: 'subscription' },
  'video.failed': { state: 'failed', hasOutput: false, source: 'reconciler' },
  'job.overdue': { hasOutput: false, source: 'reconciler' },
} as const satisfies Record<string, EventType>;

export type KnownEventType = keyof typeof EVENT_TYPES;

/** The types that Gemini's API accepts in `subscribed_events`. */
export const SUBSCRIBABLE_TYPES: readonly KnownEventType[] = knownTypes().filter(
  (type) => EVENT_TYPES[type].source === 'subscription',
);

const FINAL_STATES: ReadonlySet<JobState> = new Set(['succeeded', 'failed', 'cancelled', 'expired']);

/** The state by an event type's last part, which means the same for every kind of job: `tuning.completed` too. */
const STATE_BY_VERB: ReadonlyMap<string, JobState> = new Map([
  ['running', 'running'],
  ...knownTypes().flatMap((type) => {
    const { state }: EventType = EVENT_TYPES[type];
    return state === undefined ? [] : [[verbOf(type), state] as const];
  }),
]);

/** Returns the state that an event of this type announces: `unknown` where the type does not say. */
export function stateOf(eventType: string): JobState {
  return STATE_BY_VERB.get(verbOf(eventType)) ?? 'unknown';
}

export function isFinal(state: JobState): boolean {
  return FINAL_STATES.has(state);
}

/** Returns true for a type that announces no state. */
export function isRemark(eventType: string): boolean {
  return isKnownType(eventType) && !('state' in EVENT_TYPES[eventType]);
}

/** Returns true where fetchResults has results to read after an event of this type. */
export function canHaveOutput(eventType: string): boolean {
  return isKnownType(eventType) && EVENT_TYPES[eventType].hasOutput;
}

/**
 * Returns the type of the event that announces a status of Gemini's, such as `batch.succeeded`.
 *
 * @param status the status in lower case, without the prefix `BATCH_STATE_`.
 * @returns `undefined` for a status that is not an end, and for one that is not known.
 */
export function announcementOf(kind: JobKind, status: string): KnownEventType | undefined {
  const type = `${kind}.${status === 'partially_succeeded' ? 'succeeded' : status}`;
  return isKnownType(type) && jobKindOf(type) !== 'unknown' ? type : undefined;
}

function isKnownType(eventType: string): eventType is KnownEventType {
  return Object.hasOwn(EVENT_TYPES, eventType);
}

function knownTypes(): readonly KnownEventType[] {
  return Object.keys(EVENT_TYPES) as KnownEventType[];
}

function verbOf(eventType: string): string {
  return eventType.slice(eventType.lastIndexOf('.') + 1);
}
