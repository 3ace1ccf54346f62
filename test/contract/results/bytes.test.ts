import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ReceivedMessage } from '../../../local/project.ts';
import { jsonNumbers } from '../../support/json.ts';
import { deliver, eventMessage, Stage, tokensOf } from './harness.ts';

/** Longer than a JavaScript number holds. */
const LONG = '1234567890123456789';

/** Publishes the output of a batch or an interaction whose resource at Gemini is this text. */
async function publish(stage: Stage, type: string, job: string, resource: string): Promise<readonly string[]> {
  const method = type.startsWith('batch') ? 'batches.get' : 'interactions.get';
  stage.simulator.settings.patch({ api: { faults: [{ method, body: resource }] } });
  await stage.forget(job);
  const [running] = [...stage.running];
  if (running === undefined) throw new Error('Start fetchResults first.');
  expect(await deliver(running, eventMessage(type, job))).toBe(204);
  const isLast = ({ attributes }: ReceivedMessage) => attributes['ce-type'] !== 'job.result';
  return (await stage.project.messagesUntil('gemini-results', isLast)).map(({ data }) => data.toString());
}

function inlineOperation(entries: readonly string[], requests = entries.length): string {
  const output = `{"inlinedResponses":{"inlinedResponses":[${entries.join(',')}]}}`;
  const stats = `"batchStats":{"requestCount":"${requests}"},"state":"BATCH_STATE_SUCCEEDED"`;
  return `{"metadata":{"output":${output},${stats}},"done":true,"response":${output}}`;
}

test('numbers keep their digits in every kind of message', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const numbers = [LONG, '-0', '1e999', '1.0', '0.1234567890123456789', ...fc.sample(jsonNumbers, 30)];
  const object = `{${numbers.map((number, place) => `"n${place}":${number}`).join(',')}}`;
  const lines = [
    `{"key":"a","response":${object}}`,
    `{"response":${object},"metadata":{"key":${LONG}}}`,
    `{"index":${LONG},"jobId":"batches/other","key":"i","response":${object}}`,
    `{"key":${LONG},"error":${object}}`,
    `{"key":"none","other":${object}}`,
  ];
  const batch = await stage.finishedBatch({ output: { text: lines.join('\n') } });
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  const published = (await stage.project.messages('gemini-results')).slice(0, -1);
  expect(published.map(({ attributes }) => attributes['result_key'])).toEqual(['a', LONG, 'i', LONG, 'none']);
  const inline = await publish(stage, 'batch.succeeded', batch, inlineOperation(lines));
  for (const messages of [published.map(({ data }) => data.toString()), inline.slice(0, -1)]) {
    expect(messages).toHaveLength(lines.length);
    for (const message of messages) expect(message).toContain(object);
    expect(messages[2]).toMatch(/^\{"jobId":"batches\/\w+","index":2,"key":"i","response":\{"n0"/);
    expect(messages[2]?.match(/"index"|"jobId"/g)).toHaveLength(2);
  }

  const call = `{"type":"function_call","id":"c","name":"f","arguments":${object}}`;
  const text = '{"type":"model_output","content":[{"type":"text","text":"Wait."}]}';
  const steps = `[${text},${call}]`;
  const resource = (status: string) => `{"id":"v1_a","status":"${status}","steps":${steps},"usage":{"n":${LONG}}}`;
  const job = 'interactions/v1_a';
  for (const status of ['completed', 'incomplete']) {
    const [message] = await publish(stage, 'interaction.completed', job, resource(status));
    expect(message).toContain(`"steps":${steps},"usage":{"n":${LONG}}`);
  }
  const [message = ''] = await publish(stage, 'interaction.requires_action', job, resource('requires_action'));
  expect(message).toContain(object);
  expect(JSON.parse(message)).toMatchObject({ text: 'Wait.', calls: [{ id: 'c' }] });
});

test('an inline entry that is not JSON is an error with its bytes, beside the others', async () => {
  const stage = await Stage.open();
  await stage.start();
  const entries = ['{"response":1}', '{"response":nan}', '[1,]', 'null', '{"response":2}'];
  const published = await publish(stage, 'batch.succeeded', 'batches/odd', inlineOperation(entries));
  const data = published.map((message) => JSON.parse(message) as Record<string, unknown>);
  expect(data.map(({ response, error }) => response ?? (error as { code?: unknown }).code)).toEqual([
    1,
    'INVALID_RESPONSE',
    'INVALID_RESPONSE',
    'INVALID_RESPONSE',
    2,
    undefined,
  ]);
  expect(Buffer.from(String(data[1]?.['rawBase64']), 'base64').toString()).toBe(entries[1]);
});

test.for([
  ['three of five lines', '{"key":"a","response":1}\n'.repeat(3), 3],
  ['none of five lines', '', 0],
] as const)('a succeeded batch with %s reports how many are missing', async ([, text, total]) => {
  const stage = await Stage.open();
  const running = await stage.start();
  const batch = await stage.finishedBatch({ output: { text, requests: 5 } });
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  const counts = { total, expected: 5, missing: 5 - total };
  expect((await stage.results()).at(-1)?.data).toEqual({ jobId: batch, ok: total, error: 0, ...counts });
  expect((await stage.record(batch))?.['results']).toMatchObject({ state: 'complete', published: total, ...counts });
  expect(running.log).toContainEqual(
    expect.objectContaining({ severity: 'WARNING', event: 'results_missing', jobId: batch, missing: 5 - total }),
  );
});

test('an empty list of inline responses is an output', async () => {
  const stage = await Stage.open();
  await stage.start();
  const operation = inlineOperation([], 2);
  const [completed] = await publish(stage, 'batch.succeeded', 'batches/empty', operation);
  expect(JSON.parse(completed ?? '')).toMatchObject({ total: 0, expected: 2, missing: 2 });
});

test('tokens are summed over the results that name them', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const usage = (count: number) =>
    `{"promptTokenCount":${count},"candidatesTokenCount":"2","thoughtsTokenCount":3,"cachedContentTokenCount":4,"totalTokenCount":9}`;
  const lines = [1, 2, 3].map((count) => `{"key":"k${count}","response":{"usageMetadata":${usage(count)}}}`);
  const batch = await stage.finishedBatch({ output: { text: [...lines, '{"key":"x","error":{}}'].join('\n') } });
  expect(await deliver(running, eventMessage('batch.succeeded', batch))).toBe(204);
  const sum = { inputTokens: 6, outputTokens: 6, thoughtTokens: 9, cachedTokens: 12, totalTokens: 27, results: 3 };
  expect((await stage.results()).at(-1)?.data['usage']).toEqual(sum);
  expect((await stage.record(batch))?.['results']).toMatchObject({ usage: sum });
  const { id } = await stage.ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hi', background: true });
  await stage.simulator.finish(id);
  expect(await deliver(running, eventMessage('interaction.completed', `interactions/${id}`))).toBe(204);
  expect((await stage.results()).at(-1)?.data['usage']).toEqual(tokensOf(1));
});
