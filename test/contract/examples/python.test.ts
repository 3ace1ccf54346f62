import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePort, startTied } from '../../../local/process.ts';
import { observe, type Observed } from '../../support/observed.ts';
import { hasPython } from '../../support/requirements.ts';
import { ROUTE_KEY, startPipeline } from '../pipeline.ts';
import { Stage } from '../results/harness.ts';

const EXAMPLES = join(import.meta.dirname, '../../../examples/python');
const PUSHED = join(import.meta.dirname, 'pushed.py');

/** The interpreter: another one than `python3` where its packages are elsewhere. */
const PYTHON = process.env['PYTHON'] ?? 'python3';
/** Empty where the packages cannot be imported: the push below runs everywhere in their place. */
const WITH_PACKAGES = canImport('google.cloud.pubsub_v1, google.cloud.firestore') ? ['the real packages'] : [];

function canImport(modules: string): boolean {
  try {
    execFileSync(PYTHON, ['-c', `import ${modules}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Runs a program of Python until the test ends. */
async function runPython(stage: Stage, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Observed> {
  const { PATH, HOME, PYTHONPATH } = process.env;
  return await observe(startTied(PYTHON, args, { PATH, HOME, PYTHONPATH, ...stage.project.env, ...env }));
}

/** Starts all functions, and returns the variables of an agent. */
async function startFunctions(stage: Stage): Promise<{ readonly SUBMIT_URL: string }> {
  const env = { DYNAMIC_ROUTE_KEY: ROUTE_KEY, CALLBACK_URL: await startPipeline(stage) };
  return { SUBMIT_URL: (await stage.start(env, 'submitJob')).url };
}

/** Waits for the agent's answer, and returns it with the chain: a function call and the interaction that answers it. */
async function chainOf(stage: Stage, { says, stdout }: Observed) {
  await says(/^interactions\/\S+ \S/m);
  const names = stage.simulator.jobs().map(({ name }) => `interactions/${name}`);
  const [first, last] = [names[0] ?? '', names.at(-1) ?? ''];
  const answer = stdout()
    .split('\n')
    .find((line) => line.startsWith(first));
  return { count: names.length, answer, isRooted: (await stage.record(last))?.['root'] === first };
}

const CHAIN = { count: 2, answer: expect.stringContaining('"celsius":21'), isRooted: true };

test.for(WITH_PACKAGES)('the agent in Python answers the function call, with %s', async () => {
  const stage = await Stage.open({ settings: { jobs: { runningMillis: 300 } } });
  await stage.project.subscribe('gemini-results', 'agent', 'attributes.route = "agent"');
  const agent = await runPython(stage, [join(EXAMPLES, 'agent.py')], await startFunctions(stage));
  expect(await chainOf(stage, agent)).toEqual(CHAIN);
});

test.for(WITH_PACKAGES)('the consumer in Python stores each result once, with %s', async () => {
  const stage = await Stage.open();
  await stage.project.subscribe('gemini-results', 'answers');
  const consumer = await runPython(stage, [join(EXAMPLES, 'consumer.py')]);
  const message = (type: string, id: string) => ({
    data: Buffer.from(JSON.stringify({ jobId: 'batches/b', index: 0, key: 'r0', response: { text: 'yes' } })),
    attributes: { 'ce-id': id, 'ce-type': type, result_index: '0', result_key: 'r0', marker: 'elsewhere' },
  });
  await stage.project.publish('gemini-results', message('job.results.completed', 'batches/b/job.results.completed'));
  for (const id of ['batches/b/0', 'batches/b/0', 'batches/b/1'])
    await stage.project.publish('gemini-results', message('job.result', id));
  await consumer.says(/\n.*\n/);
  expect(consumer.stdout().trim().split('\n').toSorted()).toEqual(['stored batches/b/0', 'stored batches/b/1']);
  expect(await stage.project.documentIds('answers')).toEqual(['batches~b~0', 'batches~b~1']);
});

test.skipIf(!hasPython)("the agent's messages in Python, pushed by HTTP to the standard library", async () => {
  const stage = await Stage.open({ settings: { jobs: { runningMillis: 300 } } });
  const env = await startFunctions(stage);
  const port = await freePort();
  await stage.project.push('gemini-results', `http://127.0.0.1:${port}`);
  const agent = await runPython(stage, [PUSHED, EXAMPLES, String(port)], env);
  expect(await chainOf(stage, agent)).toEqual(CHAIN);
});
