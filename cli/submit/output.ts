import { geminiByKey } from '../../functions/gemini/client.ts';
import { GeminiError } from '../../functions/gemini/errors.ts';
import { isJsonObject, type JsonObject, stringAt, textOf } from '../../functions/model/json.ts';
import { Log } from '../../functions/observability/log.ts';
import type { GeminiSettings } from '../../functions/config/settings.ts';
import { batchResults } from '../../functions/results/sources/batch.ts';
import { readInteraction } from '../../functions/results/sources/interaction.ts';
import type { Receipt } from '../../functions/submit/pipeline.ts';
import { CliError } from '../errors.ts';

/** A batch can have millions, which nobody reads on a terminal. */
const MAX_RESULTS = 1_000;

const READ_MILLIS = 300_000;

/** What a job has given, each as the message about it says it: `index`, `key`, and `response` or `error`. */
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
  const { ai, gemini } = await geminiByKey(settings, new Log(undefined, () => {}))();
  const signal = AbortSignal.timeout(READ_MILLIS);
  if (kind === 'interaction') {
    yield { index: 0, response: (await readInteraction(ai, jobId, signal)).fields };
    return;
  }
  const batch = { name: jobId, pointer: undefined, hasSucceeded: true, eventTime: new Date() };
  const start = { position: 0, published: 0 };
  for await (const { result } of batchResults(gemini, batch, start, signal)) {
    yield { index: result.index, ...result.fields };
  }
}

/** A line for each result: its key or number, and what it says. */
export function outputText(results: readonly JsonObject[]): readonly string[] {
  return results.map((result) => {
    const name = stringAt(result, 'key') ?? textOf(result['index']);
    return `\n${name}: ${textIn(result)}`;
  });
}

function textIn({ response, error }: JsonObject): string {
  if (isJsonObject(error)) return `error ${[error['code'], error['message']].map(textOf).join(' ')}`;
  if (!isJsonObject(response)) return JSON.stringify(response);
  return stringAt(response, 'output_text') ?? (textOfParts(response) || JSON.stringify(response));
}

/** The texts of the first candidate, which a batch's response holds its answer in. */
function textOfParts({ candidates }: JsonObject): string {
  const [first] = listOf(candidates);
  const content = first?.['content'];
  const parts = isJsonObject(content) ? listOf(content['parts']) : [];
  return parts.map((part) => stringAt(part, 'text') ?? '').join('');
}

function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
