import { expect, test } from 'vitest';
import { deliver, eventMessage, Stage, tokensOf } from './harness.ts';

test('a completed interaction is one result with its steps and text', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const { id } = await stage.ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hi', background: true });
  await stage.simulator.finish(id);
  const job = `interactions/${id}`;
  expect(await deliver(running, eventMessage('interaction.completed', job))).toBe(204);
  const [result, completed] = await stage.results();
  expect(result?.data).toMatchObject({
    jobId: job,
    index: 0,
    response: { id, status: 'completed', output_text: expect.any(String), steps: [{}, { type: 'model_output' }] },
  });
  expect(completed?.data).toEqual({ jobId: job, total: 1, ok: 1, error: 0, usage: tokensOf(1) });
});

test('an incomplete interaction is an error, even with an output', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const { id } = await stage.ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hi', background: true });
  await stage.simulator.finish(id, { state: 'failed', error: { code: 13, message: 'It broke.' } });
  const job = `interactions/${id}`;
  const steps = [{ type: 'model_output', content: [{ type: 'text', text: 'Once upon' }] }];
  const errorResult = async (event: string, answer?: object) => {
    const faults =
      answer === undefined ? [] : [{ method: 'interactions.get', body: JSON.stringify({ id, ...answer }) }];
    stage.simulator.settings.patch({ api: { faults } });
    await stage.forget(job);
    expect(await deliver(running, eventMessage(event, job))).toBe(204);
    const [result, completed] = await stage.results();
    expect(result?.attributes['result_status']).toBe('error');
    expect(completed?.data).toEqual({ jobId: job, total: 1, ok: 0, error: 1 });
    return result?.data;
  };
  const error = { code: 13, message: 'It broke.' };
  expect(await errorResult('interaction.completed')).toEqual({ jobId: job, index: 0, error });
  for (const status of ['incomplete', 'budget_exceeded', 'requires_continuation']) {
    expect(await errorResult('interaction.incomplete', { status, steps })).toEqual({
      jobId: job,
      index: 0,
      error: { code: status.toUpperCase(), message: expect.stringContaining(status) },
      response: expect.objectContaining({ status, steps, output_text: 'Once upon' }),
    });
  }
});

test('an interaction that waits for function results publishes its calls', async () => {
  const stage = await Stage.open();
  const running = await stage.start();
  const { id } = await stage.ai.interactions.create({
    model: 'gemini-3.8-flash',
    input: 'weather?',
    background: true,
    tools: [{ type: 'function', name: 'get_weather', parameters: { properties: { city: { type: 'string' } } } }],
  });
  await stage.simulator.finish(id);
  const job = `interactions/${id}`;
  expect(await deliver(running, eventMessage('interaction.requires_action', job))).toBe(204);
  expect(await deliver(running, eventMessage('interaction.requires_action', job))).toBe(204);
  const messages = await stage.results();
  expect(messages).toHaveLength(1);
  expect(messages[0]).toMatchObject({
    attributes: { 'ce-type': 'job.action_required', 'ce-id': `${job}/job.action_required`, job_id: job },
    data: {
      jobId: job,
      calls: [{ id: expect.stringMatching(/^call_/), name: 'get_weather', arguments: { city: expect.any(String) } }],
    },
  });
});

test.for([
  ['by its address', true, { uri: expect.stringContaining('/files/'), bytes: 65_536 }],
  ['inline', false, { response: { type: 'video', mime_type: 'video/mp4', data: expect.any(String) } }],
] as const)(
  'an Omni video returned %s is a separate result beside the interaction',
  async ([, omniUriOnGet, expected]) => {
    const stage = await Stage.open({ settings: { jobs: { omniUriOnGet } } });
    const [plain, copying] = [await stage.start(), await stage.start({ RESULTS_BUCKET: 'results' })];
    const { id } = await stage.ai.interactions.create({
      model: 'gemini-omni-1.1-flash',
      input: 'a cat',
      background: true,
      response_format: { type: 'video', delivery: 'uri' },
    });
    await stage.simulator.finish(id);
    const job = `interactions/${id}`;
    const steps = [{ type: 'model_output', content: [] }];
    const usage = expect.objectContaining({ total_output_tokens: expect.any(Number) }) as object;
    const spoken = { jobId: job, index: 0, response: expect.objectContaining({ id, steps, usage }) as object };
    expect(await deliver(copying, eventMessage('interaction.completed', job))).toBe(204);
    expect((await stage.results()).map(({ data }) => data)).toEqual([
      spoken,
      expect.objectContaining({ jobId: job, index: 1, uri: `gs://results/interactions~${id}/1.mp4`, bytes: 65_536 }),
      { jobId: job, total: 2, ok: 2, error: 0, usage: tokensOf(1) },
    ]);
    await stage.forget(job);
    expect(await deliver(plain, eventMessage('interaction.completed', job))).toBe(204);
    const [first, second] = await stage.results();
    expect(first?.data).toEqual(spoken);
    expect(second?.data).toMatchObject(expected);
  },
);
