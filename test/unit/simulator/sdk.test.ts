import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSimulator } from '../../../simulator/simulator.ts';
import type { Simulator } from '../../../simulator/simulator.ts';
import { JOB_MILLIS } from './harness.ts';
import { hook, input, model, named, REFUSED, SERVED, UNIMPLEMENTED, uploadRequests } from './sdkCalls.ts';
import type { World } from './sdkCalls.ts';

describe('@google/genai', () => {
  let simulator: Simulator;
  let world: World;

  beforeAll(async () => {
    simulator = await startSimulator({ seed: 'test', clock: { manual: true } });
    const ai = new GoogleGenAI({ apiKey: 'any-key', httpOptions: { baseUrl: simulator.url } });
    const { name: file } = named(await uploadRequests(ai));
    const { name: batch } = named(await ai.batches.create({ model, src: file }));
    const { id: interaction } = await ai.interactions.create({ model, input });
    const { id: webhook = '' } = await ai.webhooks.create(hook);
    await simulator.clock.advance(JOB_MILLIS);
    const { dest: { fileName: output = '' } = {} } = await ai.batches.get({ name: batch });
    world = { ai, file, batch, output, interaction, webhook };
  });

  afterAll(async () => {
    await simulator.close();
  });

  test.each(SERVED)('%s', async (_, call) => {
    await expect(call(world)).resolves.not.toThrow();
  });

  test.each(UNIMPLEMENTED)('%s answers UNIMPLEMENTED, which names the simulator', async (_, call) => {
    const message = expect.stringContaining('The Gemini API simulator does not implement') as string;
    await expect(call(world)).rejects.toMatchObject({ status: 501, message });
  });

  test.each(REFUSED)('answers %i: %s', async (status, _, call) => {
    await expect(call(world)).rejects.toMatchObject({ status });
  });
});
