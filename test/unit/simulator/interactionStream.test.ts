import type { Interactions } from '@google/genai';
import { describe, expect, test } from 'vitest';
import { call, given, JOB_MILLIS, setUp } from './harness.ts';

const model = 'gemini-3.8-flash';
const tools = [
  { type: 'function' as const, name: 'act', parameters: { type: 'object', properties: { a: { type: 'string' } } } },
];

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const events: T[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

function joined(events: readonly Interactions.InteractionSSEEvent[], field: 'text' | 'arguments'): string {
  const deltas = events.flatMap((event) => (event.event_type === 'step.delta' ? [event.delta] : []));
  return deltas.map((delta) => String(Object(delta)[field] ?? '')).join('');
}

describe('a streamed interaction', () => {
  test('sends its text in deltas', async () => {
    const { ai } = await setUp();
    const events = await all(await ai.interactions.create({ model, input: 'hello', stream: true }));
    const types = events.map(({ event_type: type }) => type);
    expect([types[0], types.at(-1)]).toEqual(['interaction.created', 'interaction.completed']);
    expect(types.filter((type) => type === 'step.delta').length).toBeGreaterThan(2);
    expect(joined(events, 'text')).toContain('(You asked: hello)');
    expect(events.at(-1)).toMatchObject({ interaction: { status: 'completed' } });
  });

  test('sends the arguments of a function call as JSON', async () => {
    const { ai } = await setUp();
    const events = await all(await ai.interactions.create({ model, input: 'hello', stream: true, tools }));
    expect(JSON.parse(joined(events, 'arguments'))).toEqual({ a: expect.any(String) as string });
    expect(events.at(-1)).toMatchObject({ interaction: { status: 'requires_action' } });
  });

  test('in the background waits for the end of its job', async () => {
    const { simulator, ai } = await setUp();
    const stream = await ai.interactions.create({ model, input: 'hello', background: true, stream: true });
    const events = all(stream);
    const first = simulator.jobs()[0];
    expect(first?.state).toBe('pending');
    await simulator.clock.advance(JOB_MILLIS);
    expect(joined(await events, 'text')).toContain('hello');
  });

  test('names the error of a failed job', async () => {
    const { simulator, ai } = await setUp();
    const stream = await ai.interactions.create({ model, input: '[fail]', background: true, stream: true });
    const events = all(stream);
    await simulator.clock.advance(JOB_MILLIS);
    expect((await events).slice(-3)).toMatchObject([
      { event_type: 'error', error: { message: 'Internal error encountered.' } },
      { event_type: 'interaction.status_update', status: 'failed' },
      { event_type: 'interaction.completed' },
    ]);
  });

  test('resumes after the last received event', async () => {
    const { ai } = await setUp();
    const { id } = await ai.interactions.create({ model, input: 'hello' });
    const events = await all(await ai.interactions.get(given(id), { stream: true }));
    const last_event_id = given(events[3]?.event_id);
    const rest = await all(await ai.interactions.get(given(id), { stream: true, last_event_id }));
    expect(rest).toEqual(events.slice(4));
  });

  test('ends when the simulator closes', async () => {
    const { simulator, ai } = await setUp();
    await ai.interactions.create({ model, input: '[hang]', background: true });
    const [job] = simulator.jobs();
    const response = await call(simulator, `/v1beta/interactions/${job?.name}?stream=true`);
    const text = response.text().catch(() => 'cut off');
    await simulator.close();
    expect(await text).toBeDefined();
  });
});
