import { z } from 'zod';
import { count, duration, HOUR_MILLIS, rate, setting } from './setting.ts';

export const Jobs = z.strictObject({
  pendingMillis: setting(duration, 500, 'Time from the creation of a job to its start.'),
  runningMillis: setting(
    duration.nullable(),
    1_500,
    'Time from the start of a job to its end; null: it runs until it is finished.',
  ),
  batchExpiryMillis: setting(duration, 48 * HOUR_MILLIS, 'Age at which a batch that is not final expires.'),
  failureRate: setting(rate, 0, 'Share of jobs that fail.'),
  requestErrorRate: setting(rate, 0, 'Share of requests of a batch that are answered with an error.'),
  inlineOrder: setting(
    z.enum(['requests', 'changing']),
    'requests',
    'Order of inline responses: that of the requests, or another one in each answer (googleapis/python-genai#1909).',
  ),
  // docs/gemini-wire.md 10.3
  omniUriOnGet: setting(
    z.boolean(),
    false,
    'GET of an Omni interaction shows the requested URI; otherwise always inline data.',
  ),
  functionCalls: setting(
    count,
    1,
    'Number of calls of an interaction that requires action, of the declared functions in turn.',
  ),
  // docs/gemini-wire.md 7.4
  outputDelayMillis: setting(duration, 0, 'Time between the end of a batch and the naming of its output.'),
  outputIn: setting(
    z.enum(['both', 'metadata', 'response']),
    'both',
    'Where the operation of a batch names its output: `metadata.output`, `response`, or both.',
  ),
  stateInMetadata: setting(z.boolean(), true, 'The operation of a batch has `metadata.state`; otherwise only `done`.'),
  videoBytes: setting(
    z
      .number()
      .int()
      .min(64)
      .max(2 ** 30),
    65_536,
    'Size of a made-up video.',
  ),
});
