import { describe, expect, test } from 'vitest';
import { batch, contents, interaction, MODEL, open, outcomeOf, submit } from './support.ts';

const ofBatch = (fields: object) => ({ ...batch, request: { ...batch.request, ...fields } });
const ofPrompt = (fields: object) => ofBatch({ src: [{ contents, ...fields }] });
const ofInteraction = (fields: object) => ({ ...interaction, request: { ...interaction.request, ...fields } });
const WEBHOOK = { uris: ['https://elsewhere.test'] };

/** Requests that submitJob, the SDK or Firestore would refuse, each with the field that the answer names. */
const REFUSED: readonly (readonly [unknown, string])[] = [
  ['{', ''],
  [{ ...batch, kind: 'video' }, 'kind'],
  [{ ...batch, route: 'a/b' }, 'route'],
  [{ ...batch, priority: 1 }, 'priority'],
  [{ ...batch, request: { src: [{ contents }] } }, 'request.model'],
  [ofBatch({ model: 'x?y' }), 'request.model'],
  [ofBatch({ model: '../x' }), 'request.model'],
  [ofBatch({ src: [] }), 'request.src'],
  [ofBatch({ src: 'gs://x/y' }), 'request.src'],
  [ofBatch({ src: [{ contents: 5 }] }), 'request.src'],
  [ofBatch({ src: [{ contents: [] }] }), 'request.src.0.contents'],
  [ofPrompt({ temprature: 1 }), 'request.src.0.temprature: is not a field'],
  [ofPrompt({ config: { temprature: 1 } }), 'request.src.0.config.temprature: is not a field'],
  [ofPrompt({ generationConfig: { tools: [] } }), 'request.src.0.generationConfig.tools'],
  [ofPrompt({ generation_config: { topp: 1 } }), 'request.src.0.generation_config.topp'],
  [ofPrompt({ tools: [], config: { tools: [] } }), 'request.src.0.config.tools: is given twice'],
  [ofPrompt({ toolConfig: {}, tool_config: {} }), 'request.src.0.tool_config: is given twice'],
  [ofBatch({ src: { inlinedRequests: [{ contents, tool: [] }] } }), 'request.src.inlinedRequests.0.tool'],
  [ofBatch({ config: { dest: 'gs://x' } }), 'dest'],
  [ofBatch({ config: { httpOptions: { baseUrl: 'https://elsewhere.test' } } }), 'httpOptions'],
  [ofBatch({ webhook_config: WEBHOOK }), 'request.webhook_config: is set by submitJob'],
  [ofBatch({ config: { webhookConfig: WEBHOOK } }), 'request.config.webhookConfig'],
  [ofBatch({ config: { webhook_config: WEBHOOK } }), 'request.config.webhook_config: is set by submitJob'],
  [{ ...batch, webhookConfig: WEBHOOK }, 'webhookConfig: is set by submitJob'],
  [{ ...interaction, webhook_config: WEBHOOK }, 'webhook_config: is set by submitJob'],
  [ofInteraction({ webhook_config: {} }), 'request.webhook_config'],
  [ofInteraction({ webhookConfig: WEBHOOK }), 'request.webhookConfig: is set by submitJob'],
  [{ ...interaction, request: { input: 'x' } }, 'request.model'],
  [{ ...interaction, request: { model: MODEL } }, 'request.input'],
  [ofInteraction({ background: false }), 'request.background'],
  [ofInteraction({ temperature: 1 }), 'request.temperature: is not a field'],
  [ofInteraction({ systemInstruction: 'x' }), 'request.systemInstruction: is not a field'],
  [ofInteraction({ generation_config: { temprature: 1 } }), 'request.generation_config.temprature'],
  [ofInteraction({ automatic_continuation: false }), 'request.automatic_continuation'],
  [ofInteraction({ labels: 'x' }), 'request.labels'],
  [ofInteraction({ labels: { 'A B': 'x' } }), 'request.labels'],
  [ofInteraction({ api_version: 'v1/webhooks/..' }), 'request.api_version'],
  [{ ...batch, metadata: { a: [[1]] } }, 'metadata'],
  [{ ...batch, metadata: { __x__: 1 } }, 'metadata'],
  [{ ...batch, metadata: { '': 1 } }, 'metadata'],
  [{ ...batch, metadata: { a: '\ud800' } }, 'metadata'],
  [{ ...interaction, metadata: { root: 'mine' } }, 'metadata'],
];

describe('a refused request', () => {
  test('names its field, and starts nothing', async () => {
    const { stage, running } = await open();
    for (const [request, message] of REFUSED) {
      const answer = await submit(running, request, 'key');
      expect([message, outcomeOf(answer)]).toEqual([message, '400 INVALID_ARGUMENT']);
      const error = answer.body['error'] as { message: string; details: { fieldViolations?: { field: string }[] }[] };
      expect(error.message).toContain(message);
      const [field = ''] = message.split(':');
      expect(error.details[1]?.fieldViolations).toContainEqual(
        expect.objectContaining({ field: expect.stringContaining(field) }),
      );
    }
    expect(stage.simulator.ledger.requests).toEqual([]);
    expect(await stage.project.documentIds('submissions')).toEqual([]);
  });

  test('keeps the idempotency key free', async () => {
    const { stage, running } = await open();
    const mixed = ofBatch({ src: [{ contents: [...contents, { text: 'a part' }] }] });
    expect(outcomeOf(await submit(running, mixed, 'key'))).toBe('400 INVALID_ARGUMENT');
    expect(stage.simulator.ledger.requests).toEqual([]);
    expect((await submit(running, batch, 'key')).status).toBe(202);
  });

  test('is nested deeper than 100 levels, is larger than 20 MB, or is no POST', async () => {
    const { running } = await open();
    const nested = `{"kind":"batch","route":"r","request":{"model":"m","src":${'['.repeat(2_500)}${']'.repeat(2_500)}}}`;
    const deep = await submit(running, nested, 'key');
    expect(outcomeOf(deep)).toBe('400 INVALID_ARGUMENT');
    expect(JSON.stringify(deep.body)).toContain('nested deeper than 100 levels');
    const large = await submit(running, ofInteraction({ input: 'x'.repeat(21_000_000) }));
    expect(outcomeOf(large)).toBe('413 REQUEST_TOO_LARGE');
    expect(JSON.stringify(large.body)).toContain('Files API');
    expect((await fetch(running.url)).status).toBe(405);
  });
});
