import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startTied } from '../../../local/process.ts';
import type { ReceivedMessage } from '../../../local/project.ts';
import { observe } from '../../support/observed.ts';
import { deliver, eventMessage, Stage } from '../results/harness.ts';

const CONSUMER = join(import.meta.dirname, '../../../examples/typescript/consumer.ts');

/** Firestore refuses each as a map: an array in an array, a reserved name, more than 20 levels. */
const DEEP = Array.from({ length: 25 }).reduce<object>((inner) => ({ inner }), {});
const UNFIT = { rows: [[1, 2], [3]], __name__: 'taken', deep: DEEP };

test('the consumer stores each result once, however often it is sent, and a too large one is dead-lettered', async () => {
  const stage = await Stage.open();
  const { env } = stage.project;
  await stage.project.subscribe('gemini-results', 'answers');
  const { PATH, HOME } = process.env;
  const surroundings = { PATH, HOME, METADATA_SERVER_DETECTION: 'none', ...env };
  await observe(startTied(process.execPath, [CONSUMER], surroundings));

  const results = await stage.start();
  const batch = await stage.batch();
  const responses = [UNFIT, { text: 'x'.repeat(1_500_000) }];
  const lines = responses.map((response, index) => JSON.stringify({ key: `r${index}`, response }));
  await stage.simulator.finish(batch, { output: { text: lines.join('\n') } });
  const message = eventMessage('batch.succeeded', batch);
  expect(await deliver(results, message)).toBe(204);
  await stage.project.firestore.doc(`jobs/${batch.replace('/', '~')}`).update({ results: { state: 'pending' } });
  expect(await deliver(results, message)).toBe(204);
  expect(await stage.results()).toHaveLength(6);
  // A message that is no result must not stop the others; `marker` exempts it from the check of schemas.
  await stage.project.publish('gemini-results', { data: Buffer.alloc(0), attributes: { marker: 'elsewhere' } });

  const isTooLarge = ({ attributes }: ReceivedMessage) => attributes['ce-id'] === `${batch}/1`;
  await stage.project.messagesUntil('gemini-dead-letter', isTooLarge, 20_000);
  await expect
    .poll(async () => await stage.project.documentIds('answers'), { timeout: 15_000 })
    .toEqual([`${batch.replace('/', '~')}~0`]);
  const answer = await stage.project.document(`answers/${batch.replace('/', '~')}~0`);
  expect(answer).toMatchObject({ index: '0', key: 'r0' });
  expect(JSON.parse(String(answer?.['data']))).toEqual({ jobId: batch, index: 0, key: 'r0', response: UNFIT });
});
