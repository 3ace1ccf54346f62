import { canHaveOutput, isFinal, stateOf } from './eventTypes.ts';
import { isLeased, type Lease } from './lease.ts';
import type { TokenUsage } from './tokenUsage.ts';

/** The progress of publishing the results of a job. */
export interface Progress {
  /** The place from which the next attempt reads: a byte of the output file, or without a file the number of results. */
  readonly position: number;
  /** The number of published results. */
  readonly published: number;
  /** The number of errors among them. */
  readonly failed: number;
  /** The number of all results, as far as it is known. */
  readonly total?: number | undefined;
  /** The number of the job's requests, where Gemini gives it. */
  readonly expected?: number | undefined;
  /** Tokens of the published results that name them. */
  readonly usage?: TokenUsage | undefined;
  /**
   * For inline responses, 8 bytes a response that identify it by its index, because Gemini may return them in another order on the
   * next read (docs/gemini-wire.md 7.4). It can be ahead of `published`: an index is recorded before it is published.
   */
  readonly order?: Buffer | undefined;
}

/** Returns how many requests have no result once all results are published; `undefined` where none is missing. */
export function missingResults({ expected, published }: Progress): number | undefined {
  return expected !== undefined && expected > published ? expected - published : undefined;
}

export const NOTHING_YET: Progress = { position: 0, published: 0, failed: 0 };

/** The results in a job's record, as far as they decide about an attempt. */
export interface ResultsRecord extends Progress, Lease {
  readonly state: 'pending' | 'running' | 'complete' | 'failed';
  /** The type of the event whose results these are. */
  readonly event?: string | undefined;
}

/** The decision about an attempt: read on from a point, wait for another instance, or nothing because it is done. */
type ResultsDecision =
  { readonly action: 'read'; readonly from: Progress } | { readonly action: 'wait' } | { readonly action: 'done' };

/** Returns true where an event announces results that the record does not have or await yet. */
export function announcesResults(stored: ResultsRecord | undefined, eventType: string): boolean {
  return canHaveOutput(eventType) && (stored === undefined || isSuperseded(stored.event, eventType));
}

/**
 * Decides about an attempt to read results.
 *
 * @param now by the clock that wrote `leaseUntil`.
 */
export function decideResults(
  stored: ResultsRecord | undefined,
  eventType: string,
  owner: string,
  now: Date,
): ResultsDecision {
  if (stored === undefined) return { action: 'read', from: NOTHING_YET };
  if (stored.leaseOwner !== owner && isLeased(stored, now)) return { action: 'wait' };
  if (isSuperseded(stored.event, eventType)) return { action: 'read', from: NOTHING_YET };
  const isOver = stored.state === 'complete' || stored.state === 'failed';
  if (isOver || isSuperseded(eventType, stored.event)) return { action: 'done' };
  const { position, published, failed, total, expected, usage, order } = stored;
  return { action: 'read', from: { position, published, failed, total, expected, usage, order } };
}

/** Function calls are not an interaction's output, so its final event replaces them; the reverse is a late event. */
function isSuperseded(before: string | undefined, after: string | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return !isFinal(stateOf(before)) && isFinal(stateOf(after));
}
