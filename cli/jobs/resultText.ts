import { isJsonObject, type JsonObject, objectsIn, parseExact, stringAt, textOf } from '../../functions/model/json.ts';
import { type JobResult, resultJson } from '../../functions/model/result.ts';
import { allText } from '../../functions/results/sources/steps.ts';

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
