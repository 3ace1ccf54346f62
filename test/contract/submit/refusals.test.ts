import { describe, expect, test } from 'vitest';
import { Stage } from '../results/harness.ts';
import { batch, contents, interaction, MODEL, reasonOf, start, submit } from './support.ts';

describe('a refused request', () => {
  test('names its field', async () => {
    const stage = await Stage.open();
    const running = await start(stage);
    for (const [request, field] of [
      ['{', ''],
      [{ ...batch, kind: 'video' }, 'kind'],
      [{ ...batch, route: 'a/b' }, 'route'],
      [{ ...batch, priority: 1 }, 'priority'],
      [{ ...batch, request: { src: [{ contents }] } }, 'request.model'],
      [{ ...batch, request: { model: MODEL, src: [] } }, 'request.src'],
      [{ ...batch, request: { model: MODEL, src: 'gs://x/y' } }, 'request.src'],
      [
        { ...batch, request: { ...batch.request, config: { webhookConfig: { uris: [] } } } },
        'request.config.webhookConfig',
      ],
      [{ ...interaction, request: { ...interaction.request, webhook_config: {} } }, 'request.webhook_config'],
      [{ ...interaction, request: { input: 'x' } }, 'request.model'],
      [{ ...interaction, request: { model: MODEL } }, 'request.input'],
      [{ ...interaction, request: { ...interaction.request, background: false } }, 'request.background'],
    ] as const) {
      const answer = await submit(running, request, 'key');
      expect([field, answer.status, reasonOf(answer)]).toEqual([field, 400, 'INVALID_ARGUMENT']);
      const { details } = answer.body['error'] as { details: { fieldViolations?: { field: string }[] }[] };
      expect(details[1]?.fieldViolations?.map((violation) => violation.field)).toContain(field);
    }
    expect(stage.simulator.ledger.requests).toEqual([]);
    expect(await stage.project.documentIds('submissions')).toEqual([]);
  });

  test('names the field that the SDK or Firestore would refuse', async () => {
    const stage = await Stage.open();
    const running = await start(stage);
    const ofBatch = (fields: object) => ({ ...batch, request: { ...batch.request, ...fields } });
    const ofInteraction = (fields: object) => ({ ...interaction, request: { ...interaction.request, ...fields } });
    const webhook = { uris: ['https://elsewhere.test'] };
    const cases: readonly [object, string][] = [
      [ofBatch({ src: [{ contents: [] }] }), 'request.src.0.contents'],
      [ofBatch({ src: [{ contents, temprature: 1 }] }), 'request.src.0.temprature: is not a field'],
      [ofBatch({ src: [{ contents, config: { temprature: 1 } }] }), 'request.src.0.config.temprature: is not a field'],
      [ofBatch({ src: [{ contents, generationConfig: { tools: [] } }] }), 'request.src.0.generationConfig.tools'],
      [ofBatch({ src: [{ contents, generation_config: { topp: 1 } }] }), 'request.src.0.generation_config.topp'],
      [ofBatch({ src: { inlinedRequests: [{ contents, tool: [] }] } }), 'request.src.inlinedRequests.0.tool'],
      [
        ofBatch({ src: [{ contents, tools: [], config: { tools: [] } }] }),
        'request.src.0.config.tools: is given twice',
      ],
      [ofBatch({ src: [{ contents, toolConfig: {}, tool_config: {} }] }), 'request.src.0.tool_config: is given twice'],
      [ofInteraction({ temperature: 1 }), 'request.temperature: is not a field'],
      [ofInteraction({ systemInstruction: 'x' }), 'request.systemInstruction: is not a field'],
      [ofInteraction({ generation_config: { temprature: 1 } }), 'request.generation_config.temprature'],
      [ofBatch({ src: [{ contents: 5 }] }), 'request.src'],
      [ofBatch({ config: { dest: 'gs://x' } }), 'dest'],
      [ofBatch({ config: { httpOptions: { baseUrl: 'https://elsewhere.test' } } }), 'httpOptions'],
      [ofBatch({ model: 'x?y' }), 'request.model'],
      [ofBatch({ model: '../x' }), 'request.model'],
      [ofBatch({ webhook_config: webhook }), 'request.webhook_config: is set by submitJob'],
      [ofBatch({ config: { webhook_config: webhook } }), 'request.config.webhook_config: is set by submitJob'],
      [ofInteraction({ webhookConfig: webhook }), 'request.webhookConfig: is set by submitJob'],
      [{ ...batch, webhookConfig: webhook }, 'webhookConfig: is set by submitJob'],
      [{ ...interaction, webhook_config: webhook }, 'webhook_config: is set by submitJob'],
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
    for (const [request, message] of cases) {
      const answer = await submit(running, request, 'key');
      expect([answer.status, reasonOf(answer)]).toEqual([400, 'INVALID_ARGUMENT']);
      expect((answer.body['error'] as { message: string }).message).toContain(message);
    }
    expect(stage.simulator.ledger.requests).toEqual([]);
    expect(await stage.project.documentIds('submissions')).toEqual([]);
  });

  test('keeps the idempotency key free', async () => {
    const stage = await Stage.open();
    const running = await start(stage);
    const mixed = { ...batch, request: { model: MODEL, src: [{ contents: [...contents, { text: 'a part' }] }] } };
    const answer = await submit(running, mixed, 'key');
    expect([answer.status, reasonOf(answer)]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(stage.simulator.ledger.requests).toEqual([]);
    expect((await submit(running, batch, 'key')).status).toBe(202);
  });

  test('limits JSON to 100 levels', async () => {
    const stage = await Stage.open();
    const nested = `{"kind":"batch","route":"r","request":{"model":"m","src":${'['.repeat(2_500)}${']'.repeat(2_500)}}}`;
    const answer = await submit(await start(stage), nested, 'key');
    expect([answer.status, reasonOf(answer)]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(JSON.stringify(answer.body)).toContain('nested deeper than 100 levels');
  });

  test('limits the request to 20 MB and recommends an upload', async () => {
    const stage = await Stage.open();
    const text = 'x'.repeat(21_000_000);
    const answer = await submit(await start(stage), { ...interaction, request: { model: MODEL, input: text } });
    expect([answer.status, reasonOf(answer)]).toEqual([413, 'REQUEST_TOO_LARGE']);
    expect(JSON.stringify(answer.body)).toContain('Files API');
  });

  test('accepts POST only', async () => {
    const stage = await Stage.open();
    const { url } = await start(stage);
    expect((await fetch(url)).status).toBe(405);
  });
});
