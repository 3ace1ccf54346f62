import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { GeminiHttp } from '../../../../../functions/gemini/http.ts';
import { resultJson } from '../../../../../functions/model/result.ts';
import { callsOf, interactionResult, readInteraction } from '../../../../../functions/results/sources/interaction.ts';
import { allText, outputText } from '../../../../../functions/results/sources/steps.ts';
import { decodeMessage, messagesAbout } from '../../../../support/messages.ts';
import { JSON_TEST_SUITE, jsonTexts, nested } from '../../../../support/json.ts';

/** Answers with these bytes. */
async function interaction(json: string) {
  const gemini = {
    open: async () =>
      await Promise.resolve({ status: 200, headers: new Headers(), body: ReadableStream.from([Buffer.from(json)]) }),
  } as unknown as GeminiHttp;
  return await readInteraction(gemini, 'interactions/v1_a', AbortSignal.timeout(1_000));
}

const job = { name: 'interactions/v1_a', kind: 'interaction' } as const;
const messages = messagesAbout(job);

const text = (words: string) => ({ type: 'model_output', content: [{ type: 'text', text: words }] });
const call = (id: string, name = 'f') => ({ type: 'function_call', id, name });
const answer = (id: string) => ({ type: 'function_result', call_id: id });
const video = { type: 'model_output', content: [{ type: 'video', uri: 'https://v' }] };

test('publishes steps, usage and errors as they came', async () => {
  await fc.assert(
    fc.asyncProperty(jsonTexts, async (value) => {
      const steps = `[{"type":"function_call","arguments":${value}},{"type":"other", "n":[${value}]}]`;
      for (const status of ['completed', 'incomplete']) {
        const json = `{"id":"v1_a","status":"${status}","steps":${steps},"usage":{"x":${value}},"labels":${value}}`;
        const published = resultJson(interactionResult(await interaction(json))).toString();
        expect(published).toContain(`"steps":${steps}`);
        expect(published).toContain(`"usage":{"x":${value}}`);
        expect(published).toContain(`"labels":${value}`);
      }
    }),
  );
});

test('keeps the digits of the other steps where a video becomes a separate result', async () => {
  const steps = `[${JSON.stringify(video)},{"type":"other","n":1234567890123456789,"x":1e999,"y":1.0}]`;
  const published = resultJson(interactionResult(await interaction(`{"status":"completed","steps":${steps}}`)));
  expect(published.toString()).toContain('{"type":"other","n":1234567890123456789,"x":1e999,"y":1.0}');
  expect(published.toString()).not.toContain('https://v');
});

test('keeps the digits of arguments', async () => {
  await fc.assert(
    fc.asyncProperty(jsonTexts, async (value) => {
      const steps = `[{"type":"function_call","id":"c","name":"f","arguments":{"a":${value}}}]`;
      const read = await interaction(`{"status":"requires_action","steps":${steps}}`);
      const { data } = decodeMessage(messages.actionRequired(callsOf(read), ''));
      expect(numbersIn(data.toString())).toEqual(numbersIn(`{"a":${value}}`));
    }),
  );
});

test('leaves the webhook configuration out', async () => {
  const json = '{"status":"completed","webhook_config":{"uris":["https://secret"]},"steps":[]}';
  expect(resultJson(interactionResult(await interaction(json))).toString()).not.toContain('secret');
});

test('counts the tokens of usage', async () => {
  const json = '{"status":"completed","usage":{"total_input_tokens":3,"total_tokens":"9"}}';
  expect(interactionResult(await interaction(json)).usage).toMatchObject({
    inputTokens: 3,
    totalTokens: 9,
    results: 1,
  });
});

test('publishes an interaction that is too deep as an error with its bytes', async () => {
  for (const status of ['completed', 'requires_action']) {
    const json = `{"status":"${status}","steps":[${nested(5_000)}]}`;
    const { data } = decodeMessage(messages.result(interactionResult(await interaction(json))));
    const { error, rawBase64 } = JSON.parse(data.toString()) as Record<string, unknown>;
    expect(error).toMatchObject({ code: 'NESTED_TOO_DEEP' });
    expect(Buffer.from(String(rawBase64), 'base64').toString()).toBe(json);
  }
});

test('publishes every valid text of JSONTestSuite in any field', async () => {
  for (const [name, value] of JSON_TEST_SUITE) {
    const json = `{"status":"completed","labels":${value},"steps":[${value},{"type":"model_output","content":${value}}]}`;
    try {
      JSON.parse(json);
    } catch {
      continue;
    }
    const { data } = decodeMessage(messages.result(interactionResult(await interaction(json))));
    expect([name, data.includes(Buffer.from(value))]).toEqual([name, true]);
  }
});

test.for([
  ['none', [text('a')], []],
  ['all', [call('1'), call('2')], ['1 f', '2 f']],
  ['those without a result', [call('1'), call('2'), answer('1')], ['2 f']],
  ['a later call of the same id', [call('0'), answer('0'), call('0', 'g')], ['0 g']],
  ['one of two calls of the same id', [call('0'), call('0', 'g'), answer('0')], ['0 g']],
  ['a call after a result that answers nothing', [answer('0'), call('0')], ['0 f']],
] as const)('finds the open calls: %s', async ([, steps, expected]) => {
  const open = callsOf(await interaction(JSON.stringify({ status: 'requires_action', steps })));
  expect(open.map(({ id, name }) => `${id} ${name}`)).toEqual(expected);
});

test.for([
  [[text('a'), { type: 'google_search_call' }, text('b'), text('c')], 'a\nb\nc', 'bc'],
  [[text('a'), { type: 'thought' }, text('b')], 'a\nb', 'ab'],
  [[text('a'), { type: 'user_input' }], 'a', undefined],
  [[text('a'), video, text('b')], 'a\nb', 'b'],
  [[], '', undefined],
] as const)('joins the text of steps (%#)', ([steps, all, last]) => {
  expect(allText(steps)).toBe(all);
  expect(outputText(steps)).toBe(last);
});

/** The numbers of a JSON text as they are written, sorted; strings aside. */
function numbersIn(json: string): readonly string[] {
  return (json.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').match(/-?\d[\d.eE+-]*/g) ?? []).toSorted();
}
