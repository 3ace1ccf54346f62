import { isJsonObject, type JsonObject, stringAt } from '../../model/json.ts';

/** Returns the text of all `model_output` steps in order, one line a step. */
export function allText(steps: readonly JsonObject[]): string {
  return steps
    .filter(({ type }) => type === 'model_output')
    .map((step) => contentOf(step).flatMap(textOf).join(''))
    .filter((text) => text !== '')
    .join('\n');
}

/**
 * Returns the SDK's `output_text`: the last unbroken run of text in the output since the last input; `undefined` where
 * there is none.
 */
export function outputText(steps: readonly JsonObject[]): string | undefined {
  const lastInput = steps.findLastIndex(({ type }) => type === 'user_input');
  const parts = steps
    .slice(lastInput + 1)
    .filter(({ type }) => type !== 'thought')
    .flatMap((step) => (step['type'] === 'model_output' ? contentOf(step) : [step]))
    .toReversed();
  const from = parts.findIndex(({ type }) => type === 'text');
  if (from === -1) return undefined;
  const length = parts.slice(from).findIndex(({ type }) => type !== 'text');
  const run = length === -1 ? parts.slice(from) : parts.slice(from, from + length);
  return run.toReversed().flatMap(textOf).join('') || undefined;
}

function contentOf({ content }: JsonObject): readonly JsonObject[] {
  return Array.isArray(content) ? content.filter(isJsonObject) : [];
}

function textOf(part: JsonObject): readonly string[] {
  const text = part['type'] === 'text' ? stringAt(part, 'text') : undefined;
  return text === undefined ? [] : [text];
}
