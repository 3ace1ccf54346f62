import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Stage } from '../results/harness.ts';
import { eventually, startTied } from '../../../local/process.ts';

const AGENT = join(import.meta.dirname, '../../../examples/typescript/agent.ts');
const ROUTE_KEY = 'route-key-of-a-test-with-32-characters';

test('the agent answers the function call, and the chain ends without polling', async () => {
  const stage = await Stage.open({ settings: { jobs: { runningMillis: 300 } } });
  const jwks = { GEMINI_JWKS_URL: `${stage.simulator.url}/.well-known/jwks.json` };
  const callback = await stage.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, ...jwks }, 'geminiCallback');
  const submit = await stage.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, CALLBACK_URL: callback.url }, 'submitJob');
  await stage.project.push('gemini-events', (await stage.start()).url);
  const { env } = stage.project;
  await stage.project.subscribe('gemini-results', 'agent', 'attributes.route = "agent"');

  const { PATH, HOME } = process.env;
  const surroundings = { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...env, SUBMIT_URL: submit.url };
  const running = await startTied(process.execPath, [AGENT], surroundings);
  onTestFinished(async () => void (await running.end()));
  let output = '';
  running.stdout.on('data', (chunk) => (output += String(chunk)));
  running.stderr.on('data', (chunk) => (output += String(chunk)));

  const line = await eventually('the answer', 20_000, async () => (output.includes('\n') ? output : undefined));
  const [first, second, ...more] = stage.simulator.jobs().map(({ name }) => `interactions/${name}`);
  expect(more).toEqual([]);
  expect(line).toMatch(new RegExp(`^${first} \\S`));
  expect(await stage.record(first ?? '')).toMatchObject({ state: 'requires_action' });
  expect(await stage.record(second ?? '')).toMatchObject({ state: 'succeeded', root: first });
  const asked = stage.simulator.ledger.requests.map(({ method }) => method);
  expect(asked.filter((method) => method === 'interactions.create')).toHaveLength(2);
  expect(asked.filter((method) => method === 'interactions.get')).toHaveLength(2);
});
