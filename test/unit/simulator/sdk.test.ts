import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSimulator } from '../../../simulator/simulator.ts';
import type { Simulator } from '../../../simulator/simulator.ts';
import { prompt } from './harness.ts';

const model = 'gemini-3.8-flash';
const embedder = 'gemini-embedding-001';
const jsonl = 'application/vnd.google.generativeai.jsonl';
const src = [prompt('say hello')];
const input = 'Why is the sky blue?';
const hook = { uri: 'https://example.com/webhook', subscribed_events: ['batch.succeeded' as const] };
const uris = ['https://example.com/webhook'];
const unknown = 'batches/0yew7plxupyybd7appsrq5vw7w0lp3l79lab';
const auth = {
  getRequestHeaders: async () => await Promise.resolve(new Headers({ authorization: 'Bearer t' })),
} as never;
const meeting = {
  type: 'function' as const,
  name: 'schedule_meeting',
  parameters: { type: 'object', properties: { attendees: { type: 'array', items: { type: 'string' } } } },
};
const config = {
  safetySettings: [{ category: 'HARM_CATEGORY_HATE_SPEECH', threshold: 'BLOCK_ONLY_HIGH' }] as never,
  systemInstruction: 'I say high, you say low',
  thinkingConfig: { includeThoughts: true, thinkingBudget: 4_000 },
  tools: [{ googleSearch: {} }],
};

/** What the calls of the tables work on; everything has ended. */
interface World {
  readonly ai: GoogleGenAI;
  readonly file: string;
  readonly batch: string;
  readonly output: string;
  readonly interaction: string;
  readonly hook: string;
}

type Row = readonly [name: string, call: (world: World) => Promise<unknown>];

/** Calls that have to do with long jobs and their files. */
const SERVED: readonly Row[] = [
  ['batches.create', ({ ai }) => ai.batches.create({ model, src })],
  ['batches.create, models/ in the name', ({ ai }) => ai.batches.create({ model: `models/${model}`, src })],
  ['batches.create, requests', ({ ai }) => ai.batches.create({ model, src: { inlinedRequests: src } })],
  ['batches.create, metadata', ({ ai }) => ai.batches.create({ model, src: [{ ...src[0], metadata: { key: '1' } }] })],
  ['batches.create, configuration', ({ ai }) => ai.batches.create({ model, src: [{ ...src[0], config }] })],
  ['batches.create, display name', ({ ai }) => ai.batches.create({ model, src, config: { displayName: 'Mine' } })],
  ['batches.create, webhook', ({ ai }) => ai.batches.create({ model, src, config: { webhookConfig: { uris } } })],
  ['batches.create, file', ({ ai, file }) => ai.batches.create({ model, src: file })],
  ['batches.create, file by field', ({ ai, file }) => ai.batches.create({ model, src: { fileName: file } })],
  [
    'batches.createEmbeddings',
    ({ ai }) => ai.batches.createEmbeddings({ model: embedder, src: { inlinedRequests: { contents: ['1', '2'] } } }),
  ],
  [
    'batches.createEmbeddings, dimensions',
    ({ ai }) =>
      ai.batches.createEmbeddings({
        model: embedder,
        src: { inlinedRequests: { contents: ['1'], config: { outputDimensionality: 5 } } },
      }),
  ],
  [
    'batches.createEmbeddings, file',
    ({ ai, file }) =>
      ai.batches.createEmbeddings({ model: embedder, src: { fileName: file }, config: { displayName: 'Mine' } }),
  ],
  ['batches.get', ({ ai, batch }) => ai.batches.get({ name: batch })],
  ['batches.list', ({ ai }) => all(ai.batches.list())],
  ['batches.list, pages', ({ ai }) => all(ai.batches.list({ config: { pageSize: 1 } }))],
  ['batches.cancel', ({ ai, batch }) => ai.batches.cancel({ name: batch })],
  [
    'batches.delete',
    async ({ ai }) => await ai.batches.delete({ name: (await ai.batches.create({ model, src })).name ?? '' }),
  ],
  ['files.upload, Blob', ({ ai }) => ai.files.upload({ file: new Blob(['x'], { type: 'text/plain' }) })],
  ['files.upload, path', ({ ai }) => ai.files.upload({ file: 'package.json', config: { displayName: 'package' } })],
  ['files.upload, requests', ({ ai }) => ai.files.upload({ file: new Blob(['{}']), config: { mimeType: 'jsonl' } })],
  [
    'files.upload, requests by Google’s type',
    ({ ai }) => ai.files.upload({ file: new Blob(['{}']), config: { mimeType: jsonl } }),
  ],
  ['files.upload, image', ({ ai }) => ai.files.upload({ file: new Blob(['x']), config: { mimeType: 'image/png' } })],
  [
    'files.upload, PDF',
    ({ ai }) => ai.files.upload({ file: new Blob(['x']), config: { mimeType: 'application/pdf' } }),
  ],
  ['files.upload, video', ({ ai }) => ai.files.upload({ file: new Blob(['x']), config: { mimeType: 'video/mp4' } })],
  ['files.upload, audio', ({ ai }) => ai.files.upload({ file: new Blob(['x']), config: { mimeType: 'audio/mp4' } })],
  [
    'files.upload, name',
    ({ ai }) => ai.files.upload({ file: new Blob(['x']), config: { name: 'mine', mimeType: 'text/plain' } }),
  ],
  ['files.get', ({ ai, file }) => ai.files.get({ name: file })],
  ['files.get, by id', ({ ai, file }) => ai.files.get({ name: file.slice('files/'.length) })],
  ['files.list', ({ ai }) => all(ai.files.list())],
  ['files.list, pages', ({ ai }) => all(ai.files.list({ config: { pageSize: 2 } }))],
  ['files.delete', async ({ ai }) => await ai.files.delete({ name: (await upload(ai)).name ?? '' })],
  ['files.download', ({ ai, output }) => ai.files.download({ file: output, downloadPath: '/dev/null' })],
  ['files.registerFiles', ({ ai }) => ai.files.registerFiles({ auth, uris: ['gs://bucket/object'] })],
  ['models.generateContent', ({ ai }) => ai.models.generateContent({ model, contents: input })],
  ['models.generateContent, configuration', ({ ai }) => ai.models.generateContent({ model, contents: input, config })],
  ['interactions.create', ({ ai }) => ai.interactions.create({ model, input })],
  ['interactions.create, agent', ({ ai }) => ai.interactions.create({ agent: 'some-agent', input })],
  [
    'interactions.create, deep research',
    ({ ai }) =>
      ai.interactions.create({
        agent: 'deep-research-pro-preview-12-2025',
        input,
        background: true,
        agent_config: { type: 'deep-research', thinking_summaries: 'auto' },
      }),
  ],
  ['interactions.create, background', ({ ai }) => ai.interactions.create({ model, input, background: true })],
  [
    'interactions.create, webhook',
    ({ ai }) => ai.interactions.create({ model, input, background: true, webhook_config: { uris } }),
  ],
  [
    'interactions.create, streamed',
    async ({ ai }) => await all(ai.interactions.create({ model, input, stream: true })),
  ],
  [
    'interactions.create, not stored',
    ({ ai }) =>
      ai.interactions.create({
        model,
        input: [{ type: 'user_input', content: [{ type: 'text', text: input }] }],
        store: false,
      }),
  ],
  [
    'interactions.create, continued',
    ({ ai, interaction }) => ai.interactions.create({ model, input, previous_interaction_id: interaction }),
  ],
  [
    'interactions.create, instruction',
    ({ ai }) => ai.interactions.create({ model, input, system_instruction: 'You are helpful' }),
  ],
  [
    'interactions.create, audio in',
    ({ ai }) =>
      ai.interactions.create({
        model,
        input: [
          { type: 'text', text: input },
          { type: 'audio', data: 'AAAA', mime_type: 'audio/mp3' },
        ],
      }),
  ],
  [
    'interactions.create, image in',
    ({ ai }) => ai.interactions.create({ model, input: [{ type: 'image', data: 'AAAA', mime_type: 'image/png' }] }),
  ],
  [
    'interactions.create, audio out',
    ({ ai }) =>
      ai.interactions.create({
        model,
        input,
        response_modalities: ['audio'],
        generation_config: { speech_config: [{ voice: 'achernar', language: 'en-US' }] },
      }),
  ],
  [
    'interactions.create, image out',
    ({ ai }) => ai.interactions.create({ model, input, response_modalities: ['image'] }),
  ],
  [
    'interactions.create, schema',
    ({ ai }) =>
      ai.interactions.create({ model, input, response_format: { type: 'array', description: 'A list of colors' } }),
  ],
  [
    'interactions.create, code',
    ({ ai }) => ai.interactions.create({ model, input, tools: [{ type: 'code_execution' }] }),
  ],
  [
    'interactions.create, computer',
    ({ ai }) => ai.interactions.create({ model, input, tools: [{ type: 'computer_use', environment: 'browser' }] }),
  ],
  [
    'interactions.create, search',
    ({ ai }) => ai.interactions.create({ model, input, tools: [{ type: 'google_search' }] }),
  ],
  ['interactions.create, URLs', ({ ai }) => ai.interactions.create({ model, input, tools: [{ type: 'url_context' }] })],
  [
    'interactions.create, MCP',
    ({ ai }) =>
      ai.interactions.create({
        model,
        input,
        tools: [{ type: 'mcp_server', name: 'weather', url: 'https://example.com/mcp' }],
      }),
  ],
  ['interactions.create, function', ({ ai }) => ai.interactions.create({ model, input, tools: [meeting] })],
  ['interactions.create, function answered', async ({ ai }) => await answerFunction(ai, true)],
  [
    'interactions.create, function answered without the server’s history',
    async ({ ai }) => await answerFunction(ai, false),
  ],
  ['interactions.get', ({ ai, interaction }) => ai.interactions.get(interaction)],
  ['interactions.get, input', ({ ai, interaction }) => ai.interactions.get(interaction, { include_input: true })],
  [
    'interactions.get, streamed',
    async ({ ai, interaction }) => await all(ai.interactions.get(interaction, { stream: true })),
  ],
  [
    'interactions.cancel',
    async ({ ai }) =>
      await ai.interactions.cancel((await ai.interactions.create({ model, input, background: true })).id),
  ],
  [
    'interactions.delete',
    async ({ ai }) => await ai.interactions.delete((await ai.interactions.create({ model, input })).id),
  ],
  ['webhooks.create', ({ ai }) => ai.webhooks.create(hook)],
  ['webhooks.create, name', ({ ai }) => ai.webhooks.create({ ...hook, name: 'Mine' })],
  ['webhooks.get', ({ ai, hook: id }) => ai.webhooks.get(id)],
  ['webhooks.list', ({ ai }) => ai.webhooks.list()],
  ['webhooks.list, pages', ({ ai }) => ai.webhooks.list({ page_size: 1 })],
  ['webhooks.update', ({ ai, hook: id }) => ai.webhooks.update(id, { state: 'disabled' })],
  ['webhooks.update, mask', ({ ai, hook: id }) => ai.webhooks.update(id, { state: 'enabled', update_mask: 'state' })],
  ['webhooks.rotateSigningSecret', ({ ai, hook: id }) => ai.webhooks.rotateSigningSecret(id)],
  [
    'webhooks.rotateSigningSecret, at once',
    ({ ai, hook: id }) =>
      ai.webhooks.rotateSigningSecret(id, { revocation_behavior: 'revoke_previous_secrets_immediately' }),
  ],
  ['webhooks.ping', ({ ai, hook: id }) => ai.webhooks.ping(id)],
  ['webhooks.delete', async ({ ai }) => await ai.webhooks.delete((await ai.webhooks.create(hook)).id ?? '')],
];

/** Calls that have nothing to do with long jobs. */
const UNIMPLEMENTED: readonly Row[] = [
  ['models.list', ({ ai }) => ai.models.list()],
  ['models.get', ({ ai }) => ai.models.get({ model })],
  ['models.generateContentStream', ({ ai }) => ai.models.generateContentStream({ model, contents: input })],
  ['models.countTokens', ({ ai }) => ai.models.countTokens({ model, contents: input })],
  ['models.embedContent', ({ ai }) => ai.models.embedContent({ model: embedder, contents: input })],
  ['caches.create', ({ ai }) => ai.caches.create({ model, config: { contents: input } })],
  ['caches.get', ({ ai }) => ai.caches.get({ name: 'cachedContents/x' })],
  ['caches.list', ({ ai }) => ai.caches.list()],
  ['fileSearchStores.create', ({ ai }) => ai.fileSearchStores.create({})],
  ['fileSearchStores.list', ({ ai }) => ai.fileSearchStores.list()],
  ['tunings.get', ({ ai }) => ai.tunings.get({ name: 'tunedModels/x' })],
  ['environments.list', ({ ai }) => ai.environments.list()],
  ['triggers.list', ({ ai }) => ai.triggers.list()],
  ['voices.list', ({ ai }) => ai.voices.list()],
  ['credentials.list', ({ ai }) => ai.credentials.list()],
  ['agents.list', ({ ai }) => ai.agents.list()],
];

/** Requests that the API refuses. */
const REFUSED: readonly (readonly [status: number, ...Row])[] = [
  [404, 'batches.get', ({ ai }) => ai.batches.get({ name: unknown })],
  [404, 'batches.cancel', ({ ai }) => ai.batches.cancel({ name: unknown })],
  [404, 'batches.delete', ({ ai }) => ai.batches.delete({ name: unknown })],
  [400, 'batches.create, no requests', ({ ai }) => ai.batches.create({ model, src: [] })],
  [403, 'batches.create, no such file', ({ ai }) => ai.batches.create({ model, src: 'files/s0pa54alni6w' })],
  [
    400,
    'batches.create, webhook on a private address',
    ({ ai }) => ai.batches.create({ model, src, config: { webhookConfig: { uris: ['http://example.com/'] } } }),
  ],
  [403, 'files.get', ({ ai }) => ai.files.get({ name: 'files/vjvu9fwk2qj8' })],
  [403, 'files.delete', ({ ai }) => ai.files.delete({ name: 'files/1g583ke2xdsn' })],
  [400, 'files.get, a batch’s output', ({ ai, output }) => ai.files.get({ name: output })],
  [
    400,
    'files.upload, bad type',
    ({ ai }) => ai.files.upload({ file: new Blob(['x']), config: { mimeType: 'bad/mime_type' } }),
  ],
  [400, 'files.registerFiles, not Cloud Storage', ({ ai }) => ai.files.registerFiles({ auth, uris })],
  [404, 'interactions.get', ({ ai }) => ai.interactions.get('v1_x')],
  [404, 'interactions.cancel', ({ ai }) => ai.interactions.cancel('v1_x')],
  [404, 'interactions.delete', ({ ai }) => ai.interactions.delete('v1_x')],
  [400, 'interactions.create, empty input', ({ ai }) => ai.interactions.create({ model, input: [] })],
  [
    400,
    'interactions.create, unknown type of input',
    ({ ai }) => ai.interactions.create({ model, input: [{ type: 'nonsense' }] as never }),
  ],
  [
    400,
    'interactions.create, unknown tool',
    ({ ai }) => ai.interactions.create({ model, input, tools: [{ type: 'nonsense' }] as never }),
  ],
  [
    404,
    'interactions.create, continues none',
    ({ ai }) => ai.interactions.create({ model, input, previous_interaction_id: 'v1_x' }),
  ],
  [400, 'interactions.cancel, not in the background', ({ ai, interaction }) => ai.interactions.cancel(interaction)],
  [404, 'webhooks.get', ({ ai }) => ai.webhooks.get('x')],
  [404, 'webhooks.update', ({ ai }) => ai.webhooks.update('x', { state: 'disabled' })],
  [404, 'webhooks.ping', ({ ai }) => ai.webhooks.ping('x')],
  [404, 'webhooks.rotateSigningSecret', ({ ai }) => ai.webhooks.rotateSigningSecret('x')],
  [404, 'webhooks.delete', ({ ai }) => ai.webhooks.delete('x')],
  [
    400,
    'webhooks.create, unknown event',
    ({ ai }) => ai.webhooks.create({ ...hook, subscribed_events: ['batch.nonsense' as never] }),
  ],
  [400, 'webhooks.create, not https', ({ ai }) => ai.webhooks.create({ ...hook, uri: 'http://example.com/' })],
];

let simulator: Simulator;
let world: World;

beforeAll(async () => {
  simulator = await startSimulator({ seed: 'test', clock: { manual: true } });
  world = await setUpWorld(simulator);
});

afterAll(async () => {
  await simulator.close();
});

describe('@google/genai', () => {
  test.each(SERVED)('%s', async (_, call) => {
    await call(world);
  });

  test.each(UNIMPLEMENTED)('%s is not implemented, by the name of the simulator', async (_, call) => {
    const error = {
      status: 501,
      message: expect.stringContaining('The Gemini API simulator does not implement') as string,
    };
    await expect(call(world)).rejects.toMatchObject(error);
  });

  test.each(REFUSED)('answers %i: %s', async (status, _, call) => {
    await expect(call(world)).rejects.toMatchObject({ status });
  });
});

async function setUpWorld({ url, clock }: Simulator): Promise<World> {
  const ai = new GoogleGenAI({ apiKey: 'any-key', httpOptions: { baseUrl: url } });
  const file = (await upload(ai)).name ?? '';
  const batch = (await ai.batches.create({ model, src: file })).name ?? '';
  const interaction = (await ai.interactions.create({ model, input })).id;
  await clock.advance(2_000);
  const output = (await ai.batches.get({ name: batch })).dest?.fileName ?? '';
  return { ai, file, batch, output, interaction, hook: (await ai.webhooks.create(hook)).id ?? '' };
}

async function upload(ai: GoogleGenAI) {
  const line = JSON.stringify({ key: 'r1', request: { ...prompt(input), content: { parts: [{ text: input }] } } });
  return await ai.files.upload({ file: new Blob([line]), config: { mimeType: 'application/json' } });
}

async function all(items: PromiseLike<AsyncIterable<unknown>>): Promise<void> {
  for await (const item of await items) expect(item).toBeDefined();
}

/** Answers a function call, with the server's history or with the client's. */
async function answerFunction(ai: GoogleGenAI, isStored: boolean): Promise<void> {
  const first = [{ type: 'user_input' as const, content: [{ type: 'text' as const, text: input }] }];
  const { id, steps } = await ai.interactions.create({ model, input: first, tools: [meeting], store: isStored });
  const calls = steps.flatMap((step) => (step.type === 'function_call' ? [step] : []));
  expect(calls).toHaveLength(1);
  const results = calls.map(({ id: call_id, name }) => ({
    type: 'function_result' as const,
    call_id,
    name,
    result: 'done',
  }));
  const history = isStored ? results : [...first, ...steps, ...results];
  const previous = isStored ? { previous_interaction_id: id } : {};
  const { status } = await ai.interactions.create({
    model,
    input: history,
    tools: [meeting],
    store: isStored,
    ...previous,
  });
  expect(status).toBe('completed');
}
