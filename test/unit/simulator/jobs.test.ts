import { expect, onTestFinished, test, vi } from 'vitest';
import { createCore } from '../../../simulator/core.ts';
import { JOB_MILLIS } from './harness.ts';

test('a job whose results the simulator cannot make fails, and the simulator keeps running', async () => {
  const logged = vi.spyOn(console, 'error').mockReturnValue();
  onTestFinished(() => logged.mockRestore());
  const { clock, jobs, ledger } = createCore({ clock: { manual: true } });
  const broken = new TypeError('broken');
  const job = jobs.start({
    name: 'v1_broken',
    kind: 'interaction',
    webhookConfig: undefined,
    markers: '',
    conclude: ({ state }) => {
      if (state !== 'failed') throw broken;
      return undefined;
    },
  });
  await clock.advance(JOB_MILLIS);
  expect(job).toMatchObject({ state: 'failed', error: { code: 13 } });
  expect(ledger.events).toMatchObject([{ type: 'interaction.failed', jobName: job.name }]);
  expect(logged.mock.calls).toEqual([[broken]]);
});
