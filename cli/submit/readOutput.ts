import type { GeminiSettings } from '../../functions/config/settings.ts';
import { GeminiError } from '../../functions/gemini/errors.ts';
import type { JsonObject } from '../../functions/model/json.ts';
import { CliError } from '../errors.ts';
import type { JobRecord } from '../jobs/records.ts';
import { openResults } from '../jobs/resultSource.ts';
import { messageOf } from '../jobs/resultText.ts';

/** A batch can have millions of results, which do not belong on a terminal. */
const MAX_RESULTS = 1_000;

const READ_MILLIS = 300_000;

/** The output of a job. Results have the members of their messages: `index`, `key`, and `response` or `error`. */
export interface JobOutput {
  readonly results: readonly JsonObject[];
  readonly remark?: string;
  readonly failure?: CliError;
}

/** Reads the output of a job whose record says that it has succeeded. */
export async function readOutput(record: JobRecord, settings: GeminiSettings): Promise<JobOutput> {
  const results: JsonObject[] = [];
  try {
    const output = await openResults(record, settings, undefined, AbortSignal.timeout(READ_MILLIS));
    if (output.kind !== 'results') return { results };
    for await (const items of output.results) {
      for (const item of items) if ('result' in item) results.push(messageOf(item.result));
      if (results.length > MAX_RESULTS) {
        const remark = `These are the first ${MAX_RESULTS} results; all are on the topic of results.`;
        return { results: results.slice(0, MAX_RESULTS), remark };
      }
    }
    return { results };
  } catch (error) {
    if (!(error instanceof GeminiError || (error instanceof Error && error.name === 'TimeoutError'))) throw error;
    const message = `${record.jobId} has succeeded, but its output cannot be read: ${error.message}`;
    return { results, failure: new CliError('OUTPUT_UNREAD', message, { cause: error }) };
  }
}
