import type { FunctionCall, JobResult } from '../../model/result.ts';

/** A result and where its source resumes after it. */
export interface SourcedResult {
  readonly result: JobResult;
  /** In bytes of the output file, or the number of results where there is no file. */
  readonly position: number;
  /** The number of all results, where it is known. */
  readonly total?: number | undefined;
  /** See `Progress.order`: identifies the results up to this one. */
  readonly order?: Buffer | undefined;
}

/** A result, or the number of the job's requests, as soon as Gemini gives it. */
export type SourceItem = SourcedResult | { readonly expected: number };

/** Items in lists, those that arrive together: an asynchronous step for each would take as long as reading it. */
export type SourceItems = AsyncIterable<readonly SourceItem[]>;

/** The place from which a source is read. */
export interface ResumePoint {
  readonly position: number;
  /** The number of published results. */
  readonly published: number;
  readonly order?: Buffer | undefined;
}

/** The output of a finished job. */
export type Output =
  | { readonly kind: 'results'; readonly results: SourceItems }
  | { readonly kind: 'calls'; readonly calls: readonly FunctionCall[]; readonly text: string }
  /** No results; the event has said that the job ended. */
  | { readonly kind: 'none' };
