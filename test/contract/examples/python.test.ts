import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, freePort, startTied } from '../../../local/process.ts';
import { hasPython } from '../../support/requirements.ts';
import { Stage } from '../results/harness.ts';

const EXAMPLES = join(import.meta.dirname, '../../../examples/python');
const PUSHED = join(import.meta.dirname, 'pushed.py');
const ROUTE_KEY = 'route-key-of-a-test-with-32-characters';

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

/** Runs a program of Python until the test ends; returns its output so far. */
async function runPython(stage: Stage, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<() => string> {
  const { PATH, HOME, PYTHONPATH } = process.env;
  const surroundings = { PATH, HOME, PYTHONPATH, ...stage.project.env, ...env };
  const running = await startTied(PYTHON, args, surroundings);
  onTestFinished(async () => void (await running.end()));
  let output = '';
  for (const stream of [running.stdout, running.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  return () => output;
}

async function startFunctions(stage: Stage): Promise<{ readonly submitUrl: string }> {
  const jwks = { GEMINI_JWKS_URL: `${stage.simulator.url}/.well-known/jwks.json` };
  const callback = await stage.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, ...jwks }, 'geminiCallback');
  const submit = await stage.start({ DYNAMIC_ROUTE_KEY: ROUTE_KEY, CALLBACK_URL: callback.url }, 'submitJob');
  await stage.project.push('gemini-events', (await stage.start()).url);
  return { submitUrl: submit.url };
}

/** Waits for the agent's answer, and returns it with the chain: a function call and the interaction that answers it. */
async function chainOf(stage: Stage, output: () => string) {
  await eventually('the answer', 25_000, async () => /^interactions\/\S+ \S/m.test(output()) || undefined);
  const names = stage.simulator.jobs().map(({ name }) => `interactions/${name}`);
  const [first, last] = [names[0] ?? '', names.at(-1) ?? ''];
  const answer = output()
    .split('\n')
    .find((line) => line.startsWith(first));
  return { count: names.length, answer, isRooted: (await stage.record(last))?.['root'] === first };
}

const CHAIN = { count: 2, answer: expect.stringContaining('"celsius":21'), isRooted: true };

test.for(WITH_PACKAGES)('the agent in Python answers the function call, with %s', async () => {
  const stage = await Stage.open({ settings: { jobs: { runningMillis: 300 } } });
  await stage.project.subscribe('gemini-results', 'agent', 'attributes.route = "agent"');
  const { submitUrl } = await startFunctions(stage);
  const output = await runPython(stage, [join(EXAMPLES, 'agent.py')], { SUBMIT_URL: submitUrl });
  expect(await chainOf(stage, output)).toEqual(CHAIN);
});

test.for(WITH_PACKAGES)('the consumer in Python stores each result once, with %s', async () => {
  const stage = await Stage.open();
  await stage.project.subscribe('gemini-results', 'answers');
  const output = await runPython(stage, [join(EXAMPLES, 'consumer.py')]);
  const message = (type: string, id: string) => ({
    data: Buffer.from(JSON.stringify({ jobId: 'batches/b', index: 0, key: 'r0', response: { text: 'yes' } })),
    attributes: { 'ce-id': id, 'ce-type': type, result_index: '0', result_key: 'r0', marker: 'elsewhere' },
  });
  await stage.project.publish('gemini-results', message('job.results.completed', 'batches/b/job.results.completed'));
  for (const id of ['batches/b/0', 'batches/b/0', 'batches/b/1'])
    await stage.project.publish('gemini-results', message('job.result', id));
  await eventually('both', 20_000, async () => output().trim().split('\n').length > 1 || undefined);
  expect(output().trim().split('\n').toSorted()).toEqual(['stored batches/b/0', 'stored batches/b/1']);
  expect(await stage.project.documentIds('answers')).toEqual(['batches~b~0', 'batches~b~1']);
});

test.skipIf(!hasPython)("the agent's messages in Python, pushed by HTTP to the standard library", async () => {
  const stage = await Stage.open({ settings: { jobs: { runningMillis: 300 } } });
  const { submitUrl } = await startFunctions(stage);
  const port = await freePort();
  await stage.project.push('gemini-results', `http://127.0.0.1:${port}`);
  const output = await runPython(stage, [PUSHED, EXAMPLES, String(port)], { SUBMIT_URL: submitUrl });
  expect(await chainOf(stage, output)).toEqual(CHAIN);
});
