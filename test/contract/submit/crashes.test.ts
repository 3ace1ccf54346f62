import { describe, expect, test } from 'vitest';
import { eventually } from '../../../local/process.ts';
import { Proxy } from '../../support/proxy.ts';
import { forTest } from '../../support/opened.ts';
import { Stage } from '../results/harness.ts';
import {
  batch,
  endLease,
  interaction,
  leaseMillis,
  LONG_AGO_MILLIS,
  outcomeOf,
  start,
  started,
  submit,
} from './support.ts';

/** Opens a stage whose first instance reaches Firestore and Gemini through proxies, and is killed at a moment. */
async function openProxied() {
  const stage = await Stage.open();
  const [firestore, gemini] = await Promise.all([
    Proxy.start(stage.project.env['FIRESTORE_EMULATOR_HOST'] ?? ''),
    Proxy.start(new URL(stage.simulator.url).host),
  ]);
  for (const proxy of [firestore, gemini]) await forTest({ close: () => proxy.refuse() });
  const doomed = await start(stage, {
    FIRESTORE_EMULATOR_HOST: firestore.host,
    GOOGLE_GEMINI_BASE_URL: `http://${gemini.host}`,
  });
  const killedAt = async (moment: () => Promise<unknown>, request: object = batch) => {
    const submitting = submit(doomed, request, 'key').catch(() => undefined);
    await moment();
    await doomed.end('SIGKILL');
    await submitting;
    return await start(stage);
  };
  const written = async (collection: string) =>
    await eventually('it is written', 5_000, async () => (await stage.project.documentIds(collection))[0]);
  return { stage, firestore, gemini, killedAt, written };
}

describe('an instance killed', () => {
  test('before it calls Gemini: the retry starts the job, an interaction too', async () => {
    const { stage, firestore, killedAt, written } = await openProxied();
    const stalled = firestore.at('up', 'fingerprint', () => firestore.stall('down'));
    const running = await killedAt(async () => [await stalled, await written('submissions')], interaction);
    expect(outcomeOf(await submit(running, interaction, 'key'))).toBe('409 SUBMISSION_IN_PROGRESS');
    // Shorter than the lease of a caller whose request is in flight.
    expect(await leaseMillis(stage)).toBeLessThanOrEqual(20_000);
    await endLease(stage);
    expect((await submit(running, interaction, 'key')).status).toBe(202);
    expect(started(stage)).toHaveLength(1);
  });

  test('before Gemini receives the request: the retry starts the job once that is certain', async () => {
    const { stage, gemini, killedAt } = await openProxied();
    gemini.stall('up');
    const running = await killedAt(async () => await gemini.at('up', 'batchGenerateContent'));
    await gemini.refuse();
    await endLease(stage);
    expect(outcomeOf(await submit(running, batch, 'key'))).toBe('503 SUBMISSION_UNKNOWN');
    await endLease(stage, LONG_AGO_MILLIS);
    expect((await submit(running, batch, 'key')).status).toBe(202);
    expect(started(stage)).toHaveLength(1);
  });

  test('after Gemini has started the job: the retry finds it', async () => {
    const { stage, gemini, killedAt } = await openProxied();
    gemini.stall('down');
    const running = await killedAt(
      async () => await eventually('it has started', 5_000, async () => started(stage)[0]),
    );
    expect(outcomeOf(await submit(running, batch, 'key'))).toBe('409 SUBMISSION_IN_PROGRESS');
    await endLease(stage);
    const [job = '', ...others] = started(stage);
    expect(outcomeOf(await submit(running, batch, 'key'))).toBe(`202 ${job}`);
    expect([others, await stage.record(job)]).toEqual([[], expect.objectContaining({ state: 'submitted' })]);
  });

  test.for([
    ['submissions', 'fingerprint'],
    ['jobs', 'submittedAt'],
  ] as const)('after it has written to %s, before the response: one job', async ([collection, field]) => {
    const { stage, firestore, killedAt, written } = await openProxied();
    const stalled = firestore.at('up', field, () => firestore.stall('down'));
    const running = await killedAt(async () => [await stalled, await written(collection)]);
    await endLease(stage, LONG_AGO_MILLIS);
    expect(outcomeOf(await submit(running, batch, 'key'))).toBe(`202 ${started(stage)[0]}`);
    expect(started(stage)).toHaveLength(1);
  });
});
