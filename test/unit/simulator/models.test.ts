import { describe, expect, test } from 'vitest';
import { call, given, JOB_MILLIS, prompt, setUp } from './harness.ts';

const model = 'gemini-3.8-flash';
const schema = {
  type: 'object',
  properties: {
    title: { type: 'string' },
    level: { enum: ['low', 'high'] },
    score: { type: 'integer', minimum: 3, maximum: 5 },
    tags: { type: 'array', items: { type: 'string' }, minItems: 2 },
    next: { anyOf: [{ $ref: '#' }, { type: 'null' }] },
  },
};
const fitting = {
  title: expect.any(String) as string,
  level: expect.stringMatching(/^(low|high)$/) as string,
  score: expect.any(Number) as number,
  tags: [expect.any(String) as string, expect.any(String) as string],
};

/** The first bytes that each media type begins with. */
const SIGNATURES: Readonly<Record<string, string>> = { image: '89504e470d0a1a0a', audio: '52494646' };

function startOf(data: string | undefined, bytes: number): string {
  return Buffer.from(given(data), 'base64').subarray(0, bytes).toString('hex');
}

describe('generateContent', () => {
  test('answers text, and JSON that fits a schema', async () => {
    const { ai } = await setUp();
    expect((await ai.models.generateContent({ model, contents: 'hello' })).text).toContain('hello');
    const config = { responseMimeType: 'application/json', responseJsonSchema: schema };
    const { text } = await ai.models.generateContent({ model, contents: 'hello', config });
    const value = JSON.parse(given(text)) as { score: number };
    expect(value).toMatchObject(fitting);
    expect([3, 4, 5]).toContain(value.score);
  });

  test('answers the requested modalities', async () => {
    const { ai } = await setUp();
    const config = { responseModalities: ['TEXT', 'IMAGE', 'AUDIO'] };
    const { candidates } = await ai.models.generateContent({ model, contents: 'hello', config });
    const parts = given(candidates?.[0]?.content?.parts);
    expect(parts.map(({ inlineData }) => inlineData?.mimeType)).toEqual([
      undefined,
      'image/png',
      'audio/L16;codec=pcm;rate=24000',
    ]);
    expect(startOf(parts[1]?.inlineData?.data, 8)).toBe(SIGNATURES['image']);
  });

  test('refuses a prompt with [error]', async () => {
    const { ai } = await setUp();
    await expect(ai.models.generateContent({ model, contents: '[error]' })).rejects.toMatchObject({ status: 400 });
  });

  test('answers the requests of a batch file in snake_case', async () => {
    const { simulator, ai } = await setUp();
    const generation_config = { response_mime_type: 'application/json', response_schema: schema };
    const line = JSON.stringify({ key: 'r1', request: { ...prompt('hello'), generation_config } });
    const file = await ai.files.upload({ file: new Blob([line]), config: { mimeType: 'jsonl' } });
    const { name } = await ai.batches.create({ model, src: given(file.name) });
    await simulator.finish(given(name));
    const { dest } = await ai.batches.get({ name: given(name) });
    const output = await (await call(simulator, `/v1/${dest?.fileName}:download?alt=media`)).json();
    const { response } = output as { response: { candidates: { content: { parts: { text: string }[] } }[] } };
    expect(JSON.parse(given(response.candidates[0]?.content.parts[0]?.text))).toMatchObject(fitting);
  });
});

describe('a batch of embeddings', () => {
  test('answers inline requests with unit vectors of the wanted length', async () => {
    const { simulator, ai, receiver } = await setUp();
    await ai.webhooks.create({ uri: receiver.url, subscribed_events: ['batch.succeeded'] });
    const src = { inlinedRequests: { contents: ['one', 'two'], config: { outputDimensionality: 8 } } };
    const { name } = await ai.batches.createEmbeddings({ model: 'gemini-embedding-001', src });
    await simulator.clock.advance(JOB_MILLIS);
    const { dest, state } = await ai.batches.get({ name: given(name) });
    expect(state).toBe('JOB_STATE_SUCCEEDED');
    const vectors = given(dest?.inlinedEmbedContentResponses).map(({ response }) => given(response?.embedding?.values));
    expect(vectors.map((values) => values.length)).toEqual([8, 8]);
    expect(Math.hypot(...given(vectors[0]))).toBeCloseTo(1);
    expect(vectors[0]).not.toEqual(vectors[1]);
    expect(receiver.received).toHaveLength(1);
  });

  test('answers a file line by line', async () => {
    const { simulator, ai } = await setUp();
    const line = JSON.stringify({ key: 'r1', request: { content: { parts: [{ text: 'one' }] } } });
    const file = await ai.files.upload({ file: new Blob([line]), config: { mimeType: 'jsonl' } });
    const { name } = await ai.batches.createEmbeddings({ model: 'm', src: { fileName: given(file.name) } });
    await simulator.finish(given(name));
    const { dest } = await ai.batches.get({ name: given(name) });
    const output = await (await call(simulator, `/v1/${dest?.fileName}:download?alt=media`)).json();
    expect(output).toMatchObject({ key: 'r1', response: { embedding: { values: expect.any(Array) as number[] } } });
  });
});

describe('an interaction', () => {
  test('answers JSON that fits a schema', async () => {
    const { ai } = await setUp();
    const response_format = { type: 'text' as const, mime_type: 'application/json', schema };
    const { output_text } = await ai.interactions.create({ model, input: 'hello', response_format });
    expect(JSON.parse(given(output_text))).toMatchObject(fitting);
  });

  test.each([
    [{ response_format: { type: 'image' as const } }, ['image']],
    [{ response_format: [{ type: 'text' as const }, { type: 'audio' as const }] }, ['text', 'audio']],
    [{ response_modalities: ['image', 'audio'] }, ['image', 'audio']],
  ])('answers the media of %o', async (fields, types) => {
    const { ai } = await setUp();
    const { steps } = await ai.interactions.create({ model, input: 'hello', ...fields });
    const output = given(steps.find((step) => step.type === 'model_output'));
    const content = 'content' in output ? (output.content as { type: string; data?: string }[]) : [];
    expect(content.map(({ type }) => type)).toEqual(types);
    for (const { type, data } of content) {
      expect(startOf(data ?? '', 8)).toMatch(new RegExp(`^${SIGNATURES[type] ?? ''}`));
    }
  });
});
