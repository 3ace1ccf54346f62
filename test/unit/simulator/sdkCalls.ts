import type { GoogleGenAI } from '@google/genai';
import { expect } from 'vitest';
import { prompt } from './harness.ts';

/** Resources that the calls use; every job has ended. */
export interface World {
  readonly ai: GoogleGenAI;
  readonly file: string;
  readonly batch: string;
  readonly output: string;
  readonly interaction: string;
  readonly webhook: string;
}

type Call = (world: World) => Promise<unknown>;
type Row = readonly [name: string, call: Call];
type First<F extends (...args: never[]) => unknown> = Parameters<F>[0];

export const model = 'gemini-3.8-flash';
export const src = [prompt('say hello')];
export const input = 'Why is the sky blue?';
export const hook = { uri: 'https://example.com/webhook', subscribed_events: ['batch.succeeded' as const] };
const uris = [hook.uri];
const unknown = 'batches/0yew7plxupyybd7appsrq5vw7w0lp3l79lab';
const auth = {
  getRequestHeaders: async () => await Promise.resolve(new Headers({ authorization: 'Bearer token' })),
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
const history = [{ type: 'user_input' as const, content: [{ type: 'text' as const, text: input }] }];

const batch =
  (fields: Partial<First<GoogleGenAI['batches']['create']>> = {}): Call =>
  ({ ai }) =>
    ai.batches.create({ model, src, ...fields });
const embeddings =
  (inlinedRequests: NonNullable<First<GoogleGenAI['batches']['createEmbeddings']>['src']>['inlinedRequests']): Call =>
  ({ ai }) =>
    ai.batches.createEmbeddings({ model, src: inlinedRequests === undefined ? {} : { inlinedRequests } });
const upload =
  (mimeType: string, fields: object = {}): Call =>
  ({ ai }) =>
    ai.files.upload({ file: new Blob(['{}']), config: { mimeType, ...fields } });
const interact =
  (fields: object = {}): Call =>
  ({ ai }) =>
    ai.interactions.create({ model, input, ...fields });
const register =
  (fields: object = {}): Call =>
  ({ ai }) =>
    ai.webhooks.create({ ...hook, ...fields });
const research = {
  model: undefined,
  agent: 'deep-research-pro-preview-12-2025',
  background: true,
  agent_config: { type: 'deep-research', thinking_summaries: 'auto' },
};
const sound = { type: 'audio', data: 'AAAA', mime_type: 'audio/mp3' };
const speech = { speech_config: [{ voice: 'achernar', language: 'en-US' }] };
const computer = { type: 'computer_use', environment: 'browser' };
const server = { type: 'mcp_server', name: 'weather', url: 'https://example.com/mcp' };
const noRetries = { maxRetries: 0 };
const atOnce = { revocation_behavior: 'revoke_previous_secrets_immediately' as const };

/** Calls of long jobs and their files. */
export const SERVED: readonly Row[] = [
  ['batches.create', batch()],
  ['batches.create, models/ in the name', batch({ model: `models/${model}` })],
  ['batches.create, requests', batch({ src: { inlinedRequests: src } })],
  ['batches.create, metadata', batch({ src: [{ ...src[0], metadata: { key: '1' } }] })],
  ['batches.create, configuration', batch({ src: [{ ...src[0], config }] })],
  ['batches.create, display name', batch({ config: { displayName: 'Mine' } })],
  ['batches.create, webhook', batch({ config: { webhookConfig: { uris, userMetadata: { id: '1' } } } })],
  ['batches.create, file', ({ ai, file }) => ai.batches.create({ model, src: file })],
  ['batches.create, file by field', ({ ai, file }) => ai.batches.create({ model, src: { fileName: file } })],
  ['batches.createEmbeddings', embeddings({ contents: ['1', '2'] })],
  ['batches.createEmbeddings, dimensions', embeddings({ contents: ['1'], config: { outputDimensionality: 5 } })],
  ['batches.createEmbeddings, file', ({ ai, file }) => ai.batches.createEmbeddings({ model, src: { fileName: file } })],
  ['batches.get', ({ ai, batch: name }) => ai.batches.get({ name })],
  ['batches.list', ({ ai }) => all(ai.batches.list())],
  ['batches.list, pages', ({ ai }) => all(ai.batches.list({ config: { pageSize: 1 } }))],
  ['batches.cancel', ({ ai, batch: name }) => ai.batches.cancel({ name })],
  ['batches.delete', async ({ ai }) => await ai.batches.delete(named(await ai.batches.create({ model, src })))],
  ['files.upload, path', ({ ai }) => ai.files.upload({ file: 'package.json', config: { displayName: 'package' } })],
  ['files.upload, requests', upload('jsonl')],
  ['files.upload, requests by Google’s type', upload('application/vnd.google.generativeai.jsonl')],
  ['files.upload, text', upload('text/plain')],
  ['files.upload, image', upload('image/png')],
  ['files.upload, PDF', upload('application/pdf')],
  ['files.upload, video', upload('video/mp4')],
  ['files.upload, audio', upload('audio/mp4')],
  ['files.upload, name', upload('text/plain', { name: 'mine', displayName: 'Mine' })],
  ['files.get', ({ ai, file }) => ai.files.get({ name: file })],
  ['files.get, by id', ({ ai, file }) => ai.files.get({ name: file.slice('files/'.length) })],
  ['files.list', ({ ai }) => all(ai.files.list())],
  ['files.list, pages', ({ ai }) => all(ai.files.list({ config: { pageSize: 2 } }))],
  ['files.delete', async ({ ai }) => await ai.files.delete(named(await uploadRequests(ai)))],
  ['files.download', ({ ai, output }) => ai.files.download({ file: output, downloadPath: '/dev/null' })],
  ['files.registerFiles', ({ ai }) => ai.files.registerFiles({ auth, uris: ['gs://bucket/object'] })],
  ['models.generateContent', ({ ai }) => ai.models.generateContent({ model, contents: input })],
  ['models.generateContent, configuration', ({ ai }) => ai.models.generateContent({ model, contents: input, config })],
  ['interactions.create', interact()],
  ['interactions.create, agent', interact({ model: undefined, agent: 'some-agent' })],
  ['interactions.create, deep research', interact(research)],
  ['interactions.create, background', interact({ background: true })],
  ['interactions.create, webhook', interact({ background: true, webhook_config: { uris } })],
  ['interactions.create, streamed', ({ ai }) => all(ai.interactions.create({ model, input, stream: true }))],
  ['interactions.create, not stored', interact({ input: history, store: false })],
  ['interactions.create, continued', (world) => interact({ previous_interaction_id: world.interaction })(world)],
  ['interactions.create, instruction', interact({ system_instruction: 'You are helpful' })],
  ['interactions.create, audio in', interact({ input: [{ type: 'text', text: input }, sound] })],
  ['interactions.create, audio out', interact({ response_modalities: ['audio'], generation_config: speech })],
  ['interactions.create, image out', interact({ response_modalities: ['image'] })],
  ['interactions.create, schema', interact({ response_format: { type: 'array', description: 'A list of colors' } })],
  ['interactions.create, code', interact({ tools: [{ type: 'code_execution' }] })],
  ['interactions.create, computer', interact({ tools: [computer] })],
  ['interactions.create, search', interact({ tools: [{ type: 'google_search' }, { type: 'url_context' }] })],
  ['interactions.create, MCP', interact({ tools: [server] })],
  ['interactions.create, function answered', ({ ai }) => answerFunction(ai, true)],
  ['interactions.create, function answered with the client’s history', ({ ai }) => answerFunction(ai, false)],
  ['interactions.get', ({ ai, interaction }) => ai.interactions.get(interaction)],
  ['interactions.get, input', ({ ai, interaction }) => ai.interactions.get(interaction, { include_input: true })],
  ['interactions.get, streamed', ({ ai, interaction }) => all(ai.interactions.get(interaction, { stream: true }))],
  ['interactions.cancel', async ({ ai }) => await ai.interactions.cancel(await background(ai))],
  ['interactions.delete', async ({ ai }) => await ai.interactions.delete(await background(ai))],
  ['webhooks.create', register()],
  ['webhooks.create, name', register({ name: 'Mine' })],
  ['webhooks.get', ({ ai, webhook }) => ai.webhooks.get(webhook)],
  ['webhooks.list', ({ ai }) => ai.webhooks.list()],
  ['webhooks.list, pages', ({ ai }) => ai.webhooks.list({ page_size: 1 })],
  ['webhooks.update', ({ ai, webhook }) => ai.webhooks.update(webhook, { state: 'disabled' })],
  ['webhooks.update, mask', ({ ai, webhook }) => ai.webhooks.update(webhook, { name: 'x', update_mask: 'name' })],
  ['webhooks.rotateSigningSecret', ({ ai, webhook }) => ai.webhooks.rotateSigningSecret(webhook)],
  ['webhooks.rotateSigningSecret, at once', ({ ai, webhook }) => ai.webhooks.rotateSigningSecret(webhook, atOnce)],
  ['webhooks.ping', ({ ai, webhook }) => ai.webhooks.ping(webhook)],
  ['webhooks.delete', async ({ ai }) => await ai.webhooks.delete((await ai.webhooks.create(hook)).id ?? '')],
];

/** Calls without a long job. */
export const UNIMPLEMENTED: readonly Row[] = [
  ['models.list', ({ ai }) => ai.models.list()],
  ['models.get', ({ ai }) => ai.models.get({ model })],
  ['models.generateContentStream', ({ ai }) => ai.models.generateContentStream({ model, contents: input })],
  ['models.countTokens', ({ ai }) => ai.models.countTokens({ model, contents: input })],
  ['models.embedContent', ({ ai }) => ai.models.embedContent({ model, contents: input })],
  ['caches.create', ({ ai }) => ai.caches.create({ model, config: { contents: input } })],
  ['caches.get', ({ ai }) => ai.caches.get({ name: 'cachedContents/x' })],
  ['caches.list', ({ ai }) => ai.caches.list()],
  ['fileSearchStores.create', ({ ai }) => ai.fileSearchStores.create({})],
  ['fileSearchStores.list', ({ ai }) => ai.fileSearchStores.list()],
  ['tunings.get', ({ ai }) => ai.tunings.get({ name: 'tunedModels/x' })],
  ['environments.list', ({ ai }) => ai.environments.list({}, noRetries)],
  ['triggers.list', ({ ai }) => ai.triggers.list({}, noRetries)],
  ['voices.list', ({ ai }) => ai.voices.list({}, noRetries)],
  ['credentials.list', ({ ai }) => ai.credentials.list({}, noRetries)],
  ['agents.list', ({ ai }) => ai.agents.list({}, noRetries)],
];

/** Calls that the API refuses. */
export const REFUSED: readonly (readonly [status: number, ...Row])[] = [
  [404, 'batches.get', ({ ai }) => ai.batches.get({ name: unknown })],
  [404, 'batches.cancel', ({ ai }) => ai.batches.cancel({ name: unknown })],
  [404, 'batches.delete', ({ ai }) => ai.batches.delete({ name: unknown })],
  [400, 'batches.create, no requests', batch({ src: [] })],
  [403, 'batches.create, no such file', batch({ src: 'files/s0pa54alni6w' })],
  [400, 'batches.create, webhook without TLS', batch({ config: { webhookConfig: { uris: ['http://example.com/'] } } })],
  [403, 'files.get', ({ ai }) => ai.files.get({ name: 'files/vjvu9fwk2qj8' })],
  [403, 'files.delete', ({ ai }) => ai.files.delete({ name: 'files/1g583ke2xdsn' })],
  [400, 'files.get, output of a batch', ({ ai, output }) => ai.files.get({ name: output })],
  [400, 'files.upload, unsupported type', upload('bad/mime_type')],
  [400, 'files.upload, archive', upload('application/zip')],
  [400, 'files.registerFiles, not in Cloud Storage', ({ ai }) => ai.files.registerFiles({ auth, uris })],
  [404, 'interactions.get', ({ ai }) => ai.interactions.get('v1_x')],
  [404, 'interactions.cancel', ({ ai }) => ai.interactions.cancel('v1_x')],
  [404, 'interactions.delete', ({ ai }) => ai.interactions.delete('v1_x')],
  [404, 'interactions.create, continues none', interact({ previous_interaction_id: 'v1_x' })],
  [400, 'interactions.create, no input', interact({ input: [] })],
  [400, 'interactions.create, unknown type of input', interact({ input: [{ type: 'nonsense' }] })],
  [400, 'interactions.create, unknown tool', interact({ tools: [{ type: 'nonsense' }] })],
  [400, 'interactions.create, both model and agent', interact({ agent: 'some-agent' })],
  [400, 'interactions.create, webhook in the foreground', interact({ webhook_config: { uris } })],
  [400, 'interactions.cancel, in the foreground', ({ ai, interaction }) => ai.interactions.cancel(interaction)],
  [404, 'webhooks.get', ({ ai }) => ai.webhooks.get('x')],
  [404, 'webhooks.update', ({ ai }) => ai.webhooks.update('x', { state: 'disabled' })],
  [404, 'webhooks.ping', ({ ai }) => ai.webhooks.ping('x')],
  [404, 'webhooks.rotateSigningSecret', ({ ai }) => ai.webhooks.rotateSigningSecret('x')],
  [404, 'webhooks.delete', ({ ai }) => ai.webhooks.delete('x')],
  [400, 'webhooks.create, unknown event', register({ subscribed_events: ['batch.nonsense'] })],
  [400, 'webhooks.create, without TLS', register({ uri: 'http://example.com/' })],
];

/** Uploads a file that is the input of a batch of either kind. */
export async function uploadRequests(ai: GoogleGenAI) {
  const line = JSON.stringify({ key: 'r1', request: { ...prompt(input), content: { parts: [{ text: input }] } } });
  return await ai.files.upload({ file: new Blob([line]), config: { mimeType: 'application/json' } });
}

export function named({ name }: { name?: string | undefined }): { name: string } {
  return { name: name ?? '' };
}

async function background(ai: GoogleGenAI): Promise<string> {
  return (await ai.interactions.create({ model, input, background: true })).id;
}

async function all(items: PromiseLike<AsyncIterable<unknown>>): Promise<void> {
  for await (const item of await items) expect(item).toBeDefined();
}

/** Answers a function call, with the history that the API stores or with the client's. */
async function answerFunction(ai: GoogleGenAI, store: boolean): Promise<void> {
  const { id, steps } = await ai.interactions.create({ model, input: history, tools: [meeting], store });
  const results = steps.flatMap((step) =>
    step.type === 'function_call'
      ? [{ type: 'function_result' as const, call_id: step.id, name: step.name, result: 'done' }]
      : [],
  );
  expect(results).toHaveLength(1);
  const next = store ? { previous_interaction_id: id, input: results } : { input: [...history, ...steps, ...results] };
  const { status } = await ai.interactions.create({ model, tools: [meeting], store, ...next });
  expect(status).toBe('completed');
}
