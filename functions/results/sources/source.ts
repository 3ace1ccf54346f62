import type { FunctionCall, JobResult } from '../../model/result.ts';

/** A result, and where to go on after it. */
export interface Found {
  readonly result: JobResult;
  /** In bytes of the output file, or the number of results where there is no file. */
  readonly position: number;
  /** How many there are in all, where Gemini has said it. */
  readonly total?: number | undefined;
}

/** Where a reader begins: at nothing, or where the last one left off. */
export interface Start {
  readonly position: number;
  /** The index of the next result. */
  readonly published: number;
}

/** What a job has given. */
export type Output =
  | { readonly kind: 'results'; readonly results: AsyncIterable<Found> }
  | { readonly kind: 'calls'; readonly calls: readonly FunctionCall[] }
  /** It ended without results, which its event has said already. */
  | { readonly kind: 'none' };
