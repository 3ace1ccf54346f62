import { describe, expect, test } from 'vitest';
import { call, expectRefusal, given, JOB_MILLIS, setUp } from './harness.ts';

const model = 'gemini-3.8-flash';
const weather = {
  type: 'function' as const,
  name: 'get_weather',
  description: 'weather',
  parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } },
};

describe('an interaction', () => {
  test('in the foreground is complete at once', async () => {
    const { simulator, ai } = await setUp();
    const interaction = await ai.interactions.create({ model, input: 'hello', labels: { job: 'mine' } });
    expect(interaction).toMatchObject({ status: 'completed', model, labels: { job: 'mine' } });
    expect(interaction.output_text).toContain('hello');
    expect(simulator.ledger.events).toEqual([]);
  });

  test('in the background ends later, sends its event and echoes its webhook config', async () => {
    const { simulator, ai, receiver } = await setUp();
    const webhook_config = { uris: [receiver.url], user_metadata: { job: 'nightly' } };
    const created = await ai.interactions.create({ model, input: 'hello', background: true, webhook_config });
    expect(created).toMatchObject({ status: 'in_progress', webhook_config });
    const id = given(created.id);
    expect(id).toMatch(/^v1_[a-z0-9]+$/);
    await simulator.clock.advance(JOB_MILLIS);
    expect(await ai.interactions.get(id)).toMatchObject({ id, status: 'completed' });
    expect(receiver.received.map(({ body }) => JSON.parse(body) as object)).toEqual([
      {
        type: 'interaction.completed',
        version: 'v1',
        timestamp: '2026-05-28T20:26:42Z',
        data: { id },
        user_metadata: { job: 'nightly' },
      },
    ]);
  });

  test('has the error if it fails', async () => {
    const { simulator, ai, receiver } = await setUp();
    const webhook_config = { uris: [receiver.url] };
    const { id } = await ai.interactions.create({ model, input: '[fail]', background: true, webhook_config });
    await simulator.finish(id);
    const error = { code: 13, message: 'Internal error encountered.' };
    expect(await ai.interactions.get(id)).toMatchObject({ status: 'failed', errors: [error] });
    expect(JSON.parse(given(receiver.received[0]).body)).toMatchObject({
      type: 'interaction.failed',
      data: { id, error_code: '13', error_message: error.message },
    });
  });

  test('can be cancelled while it runs, and deleted', async () => {
    const { simulator, ai } = await setUp();
    const { id } = await ai.interactions.create({ model, input: '[hang]', background: true });
    expect(await ai.interactions.cancel(id)).toMatchObject({ id, status: 'cancelled' });
    expect(simulator.ledger.events.map(({ type }) => type)).toEqual(['interaction.cancelled']);
    expect(await ai.interactions.delete(id)).toBeUndefined();
    await expect(ai.interactions.get(id)).rejects.toMatchObject({ status: 404 });
  });

  test('ends without an event in other states', async () => {
    const { simulator, ai } = await setUp();
    const { id } = await ai.interactions.create({ model, input: 'hello', background: true });
    await simulator.finish(id, { state: 'budget_exceeded' });
    expect((await ai.interactions.get(id)).status).toBe('budget_exceeded');
    expect(simulator.ledger.events).toEqual([]);
    await expect(simulator.finish('v1_unknown')).rejects.toMatchObject({ status: 'NOT_FOUND' });
  });

  test('shows its input on demand', async () => {
    const { ai } = await setUp();
    const { id } = await ai.interactions.create({ model, input: 'my words' });
    const types = (steps: readonly { type: string }[] | undefined) => steps?.map(({ type }) => type);
    expect(types((await ai.interactions.get(id)).steps)).toEqual(['thought', 'model_output']);
    const whole = await ai.interactions.get(id, { include_input: true });
    expect(types(whole.steps)).toEqual(['user_input', 'thought', 'model_output']);
  });

  const uris = ['https://h.test/x'];

  test.each([
    ['webhook_config without background', { webhook_config: { uris } }, 'needs background: true'],
    ['background with store: false', { background: true, store: false }, 'background needs store: true'],
    ['neither model nor agent', { model: undefined }, 'needs either model or agent'],
    ['Deep Research in the foreground', { model: undefined, agent: 'deep-research-preview-04-2026' }, 'background'],
    ['a label with a space', { labels: { 'a b': 'c' } }, 'labels'],
    ['a webhook on another http host', { background: true, webhook_config: { uris: ['http://h.test/x'] } }, 'h.test'],
    ['unknown fields', { webhookConfig: { uris }, nonsense: 1 }, 'Unknown name "webhookConfig": Cannot find field.'],
    ['a misspelt webhook', { background: true, webhook_config: { uri: uris[0] } }, `"uri" at 'webhook_config'`],
    ['a function without a name', { background: true, tools: [{ type: 'function' }] }, 'tools.0.name'],
    ["a function in OpenAI's form", { tools: [{ type: 'function', function: { name: 'act' } }] }, 'tools.0.name'],
    ['a result without its call', { input: [{ type: 'function_result', result: 1 }] }, 'call_id'],
  ])('with %s is refused', async (_, fields, reason) => {
    const { simulator } = await setUp();
    await expectRefusal(simulator, '/v1beta/interactions', { model, input: 'hello', ...fields }, reason);
  });

  test('accepts every field of the SDK', async () => {
    const { ai } = await setUp();
    const interaction = await ai.interactions.create({
      model,
      input: 'hello',
      store: true,
      stream: false,
      background: false,
      labels: { job: 'mine' },
      tools: [{ type: 'google_search' }, { type: 'mcp_server', name: 'mine', url: 'https://mcp.test/' }],
      generation_config: { temperature: 0.2 },
      system_instruction: 'be brief',
      response_format: { type: 'text' },
      response_mime_type: 'text/plain',
      response_modalities: ['text'],
      safety_settings: [],
      service_tier: 'flex',
      cached_content: 'cachedContents/mine',
      environment: 'mine',
    });
    expect(interaction.status).toBe('completed');
  });

  test('cannot be continued if it was not stored', async () => {
    const { ai } = await setUp();
    const { id } = await ai.interactions.create({ model, input: 'hello', store: false });
    const next = ai.interactions.create({ model, input: 'again', previous_interaction_id: given(id) });
    await expect(next).rejects.toMatchObject({ status: 404 });
  });
});

describe('a function call', () => {
  test('waits for its result, then continues under a new id', async () => {
    const { simulator, ai, receiver } = await setUp();
    const shared = { model, background: true, tools: [weather], webhook_config: { uris: [receiver.url] } };
    const first = given((await ai.interactions.create({ ...shared, input: 'weather?' })).id);
    await simulator.clock.advance(JOB_MILLIS);
    const { status, steps } = await ai.interactions.get(first);
    expect(status).toBe('requires_action');
    const called = given(steps?.at(-1));
    expect(called).toMatchObject({
      type: 'function_call',
      name: 'get_weather',
      arguments: { city: expect.any(String) as string, days: expect.any(Number) as number },
    });
    const call_id = 'id' in called ? called.id : '';
    const input = [{ type: 'function_result' as const, call_id, name: 'get_weather', result: { temp: 20 } }];
    const second = given((await ai.interactions.create({ ...shared, input, previous_interaction_id: first })).id);
    expect(second).not.toBe(first);
    await simulator.clock.advance(JOB_MILLIS);
    const answer = await ai.interactions.get(second);
    expect(answer.output_text).toContain('{"temp":20}');
    const types = receiver.received.map(({ body }) => (JSON.parse(body) as { type: string }).type);
    expect(types).toEqual(['interaction.requires_action', 'interaction.completed']);
  });

  test('has a value of the declared type for each argument', async () => {
    const { ai } = await setUp();
    const properties = {
      unit: { type: 'string', enum: ['celsius'] },
      none: { type: 'string', enum: [] },
      exact: { type: 'boolean' },
      days: { type: 'array' },
      place: { type: 'object' },
    };
    const tools = [{ ...weather, parameters: { type: 'object', properties } }];
    const { steps } = await ai.interactions.create({ model, input: 'weather?', tools });
    expect(steps?.at(-1)).toMatchObject({
      arguments: {
        unit: 'celsius',
        none: expect.any(String) as string,
        exact: expect.any(Boolean) as boolean,
        days: [],
        place: {},
      },
    });
  });

  test('is one of several on demand, and each needs its result', async () => {
    const { ai } = await setUp({ settings: { jobs: { functionCalls: 3 } } });
    const tools = [weather, { ...weather, name: 'get_time' }];
    const { id, steps } = await ai.interactions.create({ model, input: 'weather?', tools });
    const calls = steps.flatMap((step) => (step.type === 'function_call' ? step : []));
    expect(calls.map(({ name }) => name)).toEqual(['get_weather', 'get_time', 'get_weather']);
    expect(new Set(calls.map((one) => one.id)).size).toBe(3);
    expect(calls[2]?.arguments).not.toEqual(calls[0]?.arguments);
    const input = calls.map((one) => ({ type: 'function_result' as const, call_id: one.id, result: 'fine' }));
    const go = async (results: typeof input) =>
      await ai.interactions.create({ model, input: results, tools, previous_interaction_id: id });
    await expect(go(input.slice(1))).rejects.toMatchObject({ status: 400 });
    expect((await go(input)).status).toBe('completed');
  });

  test.each([
    ['an answer to another call', [{ type: 'function_result', call_id: 'call_x', name: 'get_weather', result: 1 }]],
    ['no answer at all', 'never mind'],
  ])('refuses %s', async (_, input) => {
    const { simulator, ai } = await setUp();
    const created = await ai.interactions.create({ model, input: 'weather?', tools: [weather] });
    expect(created.status).toBe('requires_action');
    const body = JSON.stringify({ model, input, previous_interaction_id: created.id });
    expect((await call(simulator, '/v1/interactions', { method: 'POST', body })).status).toBe(400);
  });
});
