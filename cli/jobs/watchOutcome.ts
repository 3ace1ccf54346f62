import { isFinal, type JobState, stateOf } from '../../functions/model/eventTypes.ts';
import { CliError } from '../errors.ts';
import { errorText } from './jobText.ts';
import type { FoundJob, JobRecord, RecordedResults } from './records.ts';

/** The decision to keep watching a job, or how it ended. */
type WatchOutcome =
  | { readonly isOver: false; readonly forMillis?: number }
  | { readonly isOver: true; readonly failure?: CliError; readonly remark?: string };

/** Time after a job's success within which fetchResults starts, with a cold start. */
const RESULTS_BEGIN_MILLIS = 15_000;

const ONGOING: WatchOutcome = { isOver: false };

export function watchOutcomeOf(found: FoundJob): WatchOutcome {
  const { record } = found;
  const results = currentResults(record);
  if (!results || results.state === 'pending') return withoutResults(found);
  if (!isFinal(record.state) && record.state !== 'requires_action') return ONGOING;
  return results.state === 'complete' || results.state === 'failed' ? over(record, results) : ONGOING;
}

/** Returns the results of the job's present state: a resumed interaction may still show those of its last pause. */
export function currentResults({ results, state }: JobRecord): RecordedResults | undefined {
  const isPresent = results?.event === undefined || stateOf(results.event) === state || !hasEnded(results);
  return isPresent ? results : undefined;
}

function withoutResults({ record, readAt }: FoundJob): WatchOutcome {
  if (!isFinal(record.state)) return ONGOING;
  if (record.state !== 'succeeded') return over(record);
  const changedAt = Date.parse(record.updatedAt ?? '') || 0;
  const forMillis = changedAt + RESULTS_BEGIN_MILLIS - readAt.getTime();
  if (forMillis > 0) return { isOver: false, forMillis };
  return { isOver: true, remark: 'No results were fetched for it.' };
}

function over(record: JobRecord, results?: RecordedResults): WatchOutcome {
  const failure = failureOf(record, results);
  return failure ? { isOver: true, failure } : { isOver: true };
}

function failureOf({ jobId, state, error }: JobRecord, results?: RecordedResults): CliError | undefined {
  if (results?.state === 'failed' && !isFailure(state)) {
    const reason = errorText(results.error) || 'The reason was not recorded.';
    return new CliError('RESULTS_FAILED', `The results of ${jobId} cannot be fetched. ${reason}`);
  }
  if (state === 'succeeded') return undefined;
  if (state === 'requires_action')
    return new CliError(
      'JOB_REQUIRES_ACTION',
      `${jobId} waits for function results. Show its calls: gemini-callbacks jobs results ${jobId}`,
    );
  return new CliError('JOB_FAILED', [`${jobId} ended as ${state}.`, errorText(error)].join(' ').trim());
}

function isFailure(state: JobState): boolean {
  return isFinal(state) && state !== 'succeeded';
}

function hasEnded({ state }: RecordedResults): boolean {
  return state === 'complete' || state === 'failed';
}
