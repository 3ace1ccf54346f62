import { canHaveOutput, isFinal, stateOf } from './eventTypes.ts';

/** How far the results of a job have been published. */
export interface Progress {
  /** Where to read on: a byte of the output file, or the number of results where there is no file. */
  readonly position: number;
  /** How many are out, which is the index of the next. */
  readonly published: number;
  /** Of them, errors. */
  readonly failed: number;
  /** How many there are in all, as far as Gemini has said it. */
  readonly total?: number | undefined;
}

export const NOTHING_YET: Progress = { position: 0, published: 0, failed: 0 };

/** What a decision needs of the results in a job's record. */
export interface ResultsRecord extends Progress {
  readonly state: 'pending' | 'running' | 'complete' | 'failed';
  /** The type of the event whose results these are. */
  readonly event?: string | undefined;
  readonly leaseUntil?: Date | undefined;
  readonly leaseOwner?: string | undefined;
}

/** What to do about a job's results: read them from there, leave them to somebody who is at it, or nothing any more. */
export type ResultsDecision =
  | { readonly action: 'read'; readonly from: Progress }
  | { readonly action: 'wait'; readonly until: Date }
  | { readonly action: 'done' };

/** Whether results are still to come with an event, beside those that are there or to come already. */
export function announcesResults(stored: ResultsRecord | undefined, eventType: string): boolean {
  return canHaveOutput(eventType) && (stored === undefined || isSuperseded(stored.event, eventType));
}

/** @param now by the clock that `leaseUntil` was written by. */
export function decideResults(
  stored: ResultsRecord | undefined,
  eventType: string,
  owner: string,
  now: Date,
): ResultsDecision {
  if (stored === undefined) return { action: 'read', from: NOTHING_YET };
  const { leaseUntil, leaseOwner } = stored;
  if (leaseUntil && leaseOwner !== owner && now < leaseUntil) return { action: 'wait', until: leaseUntil };
  if (isSuperseded(stored.event, eventType)) return { action: 'read', from: NOTHING_YET };
  const isOver = stored.state === 'complete' || stored.state === 'failed';
  if (isOver || isSuperseded(eventType, stored.event)) return { action: 'done' };
  const { position, published, failed, total } = stored;
  return { action: 'read', from: { position, published, failed, total } };
}

/** Calls that an interaction waited for are not its output; a late event of less weight changes nothing. */
function isSuperseded(before: string | undefined, after: string | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return !isFinal(stateOf(before)) && isFinal(stateOf(after));
}
