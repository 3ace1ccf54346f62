import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PubSub } from '@google-cloud/pubsub';
import { expect, onTestFinished, test } from 'vitest';
import { deliver, eventMessage, Stage } from '../results/harness.ts';
import { startTied } from '../support/process.ts';

const README = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
const examples = [...README.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code = '']) => code);

test("README's consumer brings each result into Firestore once, however often it is sent", async () => {
  const stage = await Stage.open();
  const { projectId, env } = stage.project;
  await new PubSub({ projectId }).createSubscription('gemini-results', 'answers');
  const consumer = examples.find((code) => code.includes("subscription('answers')")) ?? '';
  const { PATH, HOME } = process.env;
  const surroundings = { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...env };
  const running = await startTied(process.execPath, ['--input-type=module', '--eval', consumer], surroundings);
  onTestFinished(async () => void (await running.end()));

  const results = await stage.start();
  const batch = await stage.batch(['one', 'two']);
  await stage.simulator.finish(batch);
  const message = eventMessage('batch.succeeded', batch);
  expect(await deliver(results, message)).toBe(204);
  await stage.project.firestore.doc(`jobs/${batch.replace('/', '~')}`).update({ results: { state: 'pending' } });
  expect(await deliver(results, message)).toBe(204);
  expect(await stage.results()).toHaveLength(6);
  // What is nobody's result must not stop the others.
  await new PubSub({ projectId }).topic('gemini-results').publishMessage({ attributes: { from: 'somebody' } });

  await expect
    .poll(async () => await stage.project.documentIds('answers'), { timeout: 15_000 })
    .toEqual(['0', '1', 'job.results.completed'].map((end) => `${batch.replace('/', '~')}~${end}`));
  expect(await stage.project.document(`answers/${batch.replace('/', '~')}~1`)).toMatchObject({ index: 1, key: 'r1' });
});
