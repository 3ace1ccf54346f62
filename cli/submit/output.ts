import { geminiByKey } from '../../functions/gemini/client.ts';
import { GeminiError } from '../../functions/gemini/errors.ts';
import { isJsonObject, type JsonObject, objectsIn, parseExact, stringAt, textOf } from '../../functions/model/json.ts';
import { type JobResult, resultJson } from '../../functions/model/result.ts';
import { Log } from '../../functions/observability/log.ts';
import type { GeminiSettings } from '../../functions/config/settings.ts';
import { batchResults } from '../../functions/results/sources/batch.ts';
import { interactionResult, readInteraction } from '../../functions/results/sources/interaction.ts';
import { allText } from '../../functions/results/sources/steps.ts';
import type { Receipt } from '../../functions/submit/pipeline.ts';
import { CliError } from '../errors.ts';

/** A batch can have millions of results, which do not belong on a terminal. */
const MAX_RESULTS = 1_000;

const READ_MILLIS = 300_000;

/** The output of a job. Results have the members of their messages: `index`, `key`, and `response` or `error`. */
export interface Output {
  readonly results: readonly JsonObject[];
  readonly remark?: string;
  readonly failure?: CliError;
}

type Finished = Pick<Receipt, 'jobId' | 'kind'>;

/** Reads the output of a job whose record says that it has succeeded. */
export async function readOutput(job: Finished, settings: GeminiSettings): Promise<Output> {
  const results: JsonObject[] = [];
  try {
    for await (const result of resultsOf(job, settings)) {
      if (results.length === MAX_RESULTS) {
        return { results, remark: `These are the first ${MAX_RESULTS} results; all are on the topic of results.` };
      }
      results.push(result);
    }
    return { results };
  } catch (error) {
    if (!(error instanceof GeminiError || (error instanceof Error && error.name === 'TimeoutError'))) throw error;
    const message = `${job.jobId} has succeeded, but its output cannot be read: ${error.message}`;
    return { results, failure: new CliError('OUTPUT_UNREAD', message, { cause: error }) };
  }
}

async function* resultsOf({ jobId, kind }: Finished, settings: GeminiSettings): AsyncGenerator<JsonObject> {
  const { gemini } = await geminiByKey(settings, new Log(undefined, () => {}))();
  const signal = AbortSignal.timeout(READ_MILLIS);
  if (kind === 'interaction') {
    yield messageOf(interactionResult(await readInteraction(gemini, jobId, signal)));
    return;
  }
  const batch = { name: jobId, pointer: undefined, hasSucceeded: true, eventTime: new Date() };
  const start = { position: 0, published: 0 };
  for await (const items of batchResults(gemini, batch, start, signal)) {
    for (const item of items) if ('result' in item) yield messageOf(item.result);
  }
}

/** Returns the members of the result's message; `JSON.stringify` writes its numbers as Gemini sent them. */
export function messageOf(result: JobResult): JsonObject {
  const members = parseExact(resultJson(result).toString());
  return { index: result.index, ...(isJsonObject(members) ? members : {}) };
}

/** Returns a paragraph for each result: its key or index, and its text. */
export function outputLines(results: readonly JsonObject[]): readonly string[] {
  return results.map((result) => {
    const { key, index } = result;
    const name = typeof key === 'string' ? key : JSON.stringify(key ?? index);
    return `\n${name}: ${textIn(result)}`;
  });
}

/** Returns the text of a result, or its response as JSON where it has none. */
export function textIn({ response, error }: JsonObject): string {
  if (isJsonObject(error)) return `error ${[error['code'], error['message']].map(textOf).join(' ')}`;
  if (!isJsonObject(response)) return JSON.stringify(response);
  return allText(objectsIn(response['steps'])) || textOfParts(response) || JSON.stringify(response);
}

/** Returns the text of the first candidate in a batch's response. */
function textOfParts({ candidates }: JsonObject): string {
  const [first] = objectsIn(candidates);
  const content = first?.['content'];
  const parts = isJsonObject(content) ? objectsIn(content['parts']) : [];
  return parts.map((part) => stringAt(part, 'text') ?? '').join('');
}
