import { describe, expect, test } from 'vitest';
import { Stage } from '../results/harness.ts';
import { eventually } from '../../../local/process.ts';
import { Proxy } from '../../support/proxy.ts';
import {
  batch,
  endLease,
  interaction,
  leaseMillis,
  LONG_AGO_MILLIS,
  reasonOf,
  start,
  started,
  submit,
} from './support.ts';

describe('an instance killed', () => {
  test('before it calls Gemini: the retry starts the job, an interaction too', async () => {
    const stage = await Stage.open();
    const firestore = await Proxy.start(stage.project.env['FIRESTORE_EMULATOR_HOST'] ?? '');
    const doomed = await start(stage, { FIRESTORE_EMULATOR_HOST: firestore.host });
    const written = firestore.at('up', 'fingerprint', () => firestore.stall('down'));
    const submitting = submit(doomed, interaction, 'key').catch(() => undefined);
    await written;
    await eventually('it is written', 5_000, async () => (await stage.project.documentIds('submissions'))[0]);
    await doomed.end('SIGKILL');
    await submitting;
    const running = await start(stage);
    expect((await submit(running, interaction, 'key')).status).toBe(409);
    // Shorter than the lease of a caller whose request is in flight.
    expect(await leaseMillis(stage)).toBeLessThanOrEqual(20_000);
    await endLease(stage);
    expect((await submit(running, interaction, 'key')).status).toBe(202);
    expect(started(stage)).toHaveLength(1);
    await firestore.refuse();
  });

  test('before Gemini receives the request: the retry starts the job once that is certain', async () => {
    const stage = await Stage.open();
    const simulated = await Proxy.start(new URL(stage.simulator.url).host);
    simulated.stall('up');
    const doomed = await start(stage, { GOOGLE_GEMINI_BASE_URL: `http://${simulated.host}` });
    const asked = simulated.at('up', 'batchGenerateContent');
    const submitting = submit(doomed, batch, 'key').catch(() => undefined);
    await asked;
    await doomed.end('SIGKILL');
    await submitting;
    await simulated.refuse();
    const running = await start(stage);
    await endLease(stage);
    expect(reasonOf(await submit(running, batch, 'key'))).toBe('SUBMISSION_UNKNOWN');
    await endLease(stage, LONG_AGO_MILLIS);
    expect((await submit(running, batch, 'key')).status).toBe(202);
    expect(started(stage)).toHaveLength(1);
  });

  test('after Gemini has started the job: the retry finds it', async () => {
    const stage = await Stage.open();
    const simulated = await Proxy.start(new URL(stage.simulator.url).host);
    const doomed = await start(stage, { GOOGLE_GEMINI_BASE_URL: `http://${simulated.host}` });
    simulated.stall('down');
    const submitting = submit(doomed, batch, 'key').catch(() => undefined);
    await eventually('it has started', 5_000, async () => (started(stage).length > 0 ? true : undefined));
    await doomed.end('SIGKILL');
    await submitting;
    const running = await start(stage);
    expect((await submit(running, batch, 'key')).status).toBe(409);
    await endLease(stage);
    expect(await submit(running, batch, 'key')).toMatchObject({ status: 202, body: { jobId: started(stage)[0] } });
    expect(started(stage)).toHaveLength(1);
    expect(await stage.record(started(stage)[0] ?? '')).toMatchObject({ state: 'submitted' });
    await simulated.refuse();
  });

  test.for([
    ['submission', 'fingerprint'],
    ['job', 'submittedAt'],
  ] as const)('after it has written the %s, before the response: one job', async ([, field]) => {
    const stage = await Stage.open();
    const firestore = await Proxy.start(stage.project.env['FIRESTORE_EMULATOR_HOST'] ?? '');
    const doomed = await start(stage, { FIRESTORE_EMULATOR_HOST: firestore.host });
    const written = firestore.at('up', field, () => firestore.stall('down'));
    const submitting = submit(doomed, batch, 'key').catch(() => undefined);
    await written;
    await eventually('it is written', 5_000, async () => {
      const [id = ''] = await stage.project.documentIds(field === 'submittedAt' ? 'jobs' : 'submissions');
      return id === '' ? undefined : id;
    });
    await doomed.end('SIGKILL');
    await submitting;
    await endLease(stage, LONG_AGO_MILLIS);
    const answer = await submit(await start(stage), batch, 'key');
    expect(answer).toMatchObject({ status: 202, body: { jobId: started(stage)[0] } });
    expect(started(stage)).toHaveLength(1);
    await firestore.refuse();
  });
});
