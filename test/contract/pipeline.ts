import type { Simulator } from '../../simulator/simulator.ts';
import { call } from '../unit/simulator/harness.ts';
import type { Stage } from './results/harness.ts';

export const ROUTE_KEY = 'route-key-of-a-test-with-32-characters';

/** Starts `geminiCallback` for dynamic webhooks and `fetchResults` behind it, and returns the callback's URL. */
export async function startPipeline(stage: Stage): Promise<string> {
  const [callback, results] = await Promise.all([startCallback(stage), stage.start()]);
  await stage.project.push('gemini-events', results.url);
  return callback;
}

/** Starts `geminiCallback` for dynamic webhooks, and returns its URL. */
export async function startCallback(stage: Stage): Promise<string> {
  const env = { DYNAMIC_ROUTE_KEY: ROUTE_KEY, GEMINI_JWKS_URL: `${stage.simulator.url}/.well-known/jwks.json` };
  return (await stage.start(env, 'geminiCallback')).url;
}

/** Starts a video at Gemini and returns its name. */
export async function startVideo(simulator: Simulator, prompt = 'a cat', parameters: object = {}): Promise<string> {
  const response = await call(simulator, '/v1/models/veo-3.1:predictLongRunning', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instances: [{ prompt }], parameters }),
  });
  return ((await response.json()) as { name: string }).name;
}

/** Starts an interaction in the background, and returns its id. */
export async function startInteraction({ ai }: Stage): Promise<string> {
  return (await ai.interactions.create({ model: 'gemini-3.8-flash', input: 'hello', background: true })).id;
}
