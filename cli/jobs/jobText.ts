import type { JobError } from '../../functions/model/job.ts';
import type { JsonObject } from '../../functions/model/json.ts';
import type { TokenUsage } from '../../functions/model/tokenUsage.ts';
import { fields, table } from '../terminal.ts';
import type { FoundJob, JobRecord, RecordedResults } from './records.ts';

export function tableOf(jobs: readonly JobRecord[]): string {
  return table(
    ['ID', 'KIND', 'STATE', 'RESULTS', 'UPDATED'],
    jobs.map(({ jobId, kind, state, results, updatedAt }) => [
      jobId,
      kind,
      state,
      results && resultsText(results),
      updatedAt,
    ]),
  );
}

/** All fields of a record, unknown ones included, and its timeline as a table. */
export function jobLines({ path, record }: FoundJob): string {
  const { jobId, kind, state, results, error, timeline = [], lastEvent, ...others } = record;
  const { userMetadata, outputFileUri, fileName, submittedAt, createdAt, finishedAt, updatedAt, ...unknown } = others;
  const lines = fields({
    id: jobId,
    record: path,
    kind,
    state,
    error: errorText(error),
    ...resultsLines(results),
    output: outputFileUri,
    file: fileName,
    metadata: userMetadata && JSON.stringify(userMetadata),
    'last event': lastEvent && `${lastEvent.type} at ${lastEvent.time}`,
    submitted: submittedAt,
    created: createdAt,
    finished: finishedAt,
    updated: updatedAt,
    ...unknownLines(unknown),
  });
  return timeline.length === 0 ? lines : `${lines}\n\n${timelineTable(timeline)}`;
}

/** `running, 3 of 10 published, 1 failed`; `pending` until fetchResults reads them. */
export function resultsText({ state, total, published = 0, failed = 0, missing = 0 }: RecordedResults): string {
  if (state === 'pending') return state;
  const all = total === undefined ? '' : ` of ${total}`;
  const errors = failed === 0 ? '' : `, ${failed} failed`;
  const lacking = missing === 0 ? '' : `, ${missing} missing`;
  return `${state}, ${published}${all} published${errors}${lacking}`;
}

/** `code: message`; empty without an error. */
export function errorText(error: JobError | undefined): string {
  return [error?.code, error?.message].filter((part) => part !== undefined).join(': ');
}

function resultsLines(results: RecordedResults | undefined): Record<string, string | undefined> {
  if (!results) return {};
  return {
    results: resultsText(results),
    'results error': errorText(results.error),
    'results updated': results.updatedAt,
    tokens: results.usage && tokensText(results.usage),
  };
}

function tokensText({ totalTokens, inputTokens, outputTokens, results }: TokenUsage): string {
  return `${totalTokens} (${inputTokens} in, ${outputTokens} out) in ${results} results`;
}

function unknownLines(unknown: JsonObject): Record<string, string | undefined> {
  const line = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return Object.fromEntries(Object.entries(unknown).map(([name, value]) => [name, line(value)]));
}

function timelineTable(timeline: NonNullable<JobRecord['timeline']>): string {
  return table(
    ['TIME', 'EVENT', 'WEBHOOK-ID'],
    timeline.map(({ time, type, webhookId }) => [time, type, webhookId]),
  );
}
