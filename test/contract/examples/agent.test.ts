import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startTied } from '../../../local/process.ts';
import { observe } from '../../support/observed.ts';
import { ROUTE_KEY, startPipeline } from '../pipeline.ts';
import { Stage } from '../results/harness.ts';

const AGENT = join(import.meta.dirname, '../../../examples/typescript/agent.ts');

test('the agent answers the function call, and the chain ends without polling', async () => {
  const stage = await Stage.open({ settings: { jobs: { runningMillis: 300 } } });
  const env = { DYNAMIC_ROUTE_KEY: ROUTE_KEY, CALLBACK_URL: await startPipeline(stage) };
  const { url: SUBMIT_URL } = await stage.start(env, 'submitJob');
  await stage.project.subscribe('gemini-results', 'agent', 'attributes.route = "agent"');

  const { PATH, HOME } = process.env;
  const surroundings = { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...stage.project.env, SUBMIT_URL };
  const running = await observe(startTied(process.execPath, [AGENT], surroundings));
  await running.says('\n');
  const [first, second, ...more] = stage.simulator.jobs().map(({ name }) => `interactions/${name}`);
  expect(more).toEqual([]);
  expect(running.stdout()).toMatch(new RegExp(`^${first} \\S`));
  expect(await stage.record(first ?? '')).toMatchObject({ state: 'requires_action' });
  expect(await stage.record(second ?? '')).toMatchObject({ state: 'succeeded', root: first });
  const asked = stage.simulator.ledger.requests.map(({ method }) => method);
  expect(asked.filter((method) => method === 'interactions.create')).toHaveLength(2);
  expect(asked.filter((method) => method === 'interactions.get')).toHaveLength(2);
});
