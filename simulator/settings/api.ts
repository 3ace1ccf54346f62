import { z } from 'zod';
import { count, duration, HOUR_MILLIS, rate, setting, wallDuration } from './setting.ts';

const EVENT_TYPES = [
  'batch.succeeded',
  'batch.failed',
  'batch.expired',
  'interaction.completed',
  'interaction.failed',
  'interaction.requires_action',
  'video.generated',
];

const ApiFault = z.strictObject({
  method: z.string().describe('As in the ledger, e.g. `batches.get`; `batches.*` and `*` match more than one.'),
  ranged: z.boolean().default(false).describe('Only requests with a `Range`.'),
  rate: rate.default(1).describe('Share of the matching requests.'),
  times: count.optional().describe('Number of hits after which the fault ends. Default: never.'),
  latencyMillis: wallDuration.optional().describe('Answers later, by the wall clock.'),
  status: z.number().int().min(400).max(599).optional().describe('Answers with this error, without an effect.'),
  rpcStatus: z.string().optional().describe('`status` of that error. Default: by its code.'),
  message: z.string().optional().describe('`message` of that error.'),
  reason: z.string().optional().describe('`reason` of an ErrorInfo in the `details` of that error.'),
  retryAfterSeconds: z.number().int().min(0).optional().describe('`retry-after` of that error.'),
  body: z.string().optional().describe('Answers 200 with this text and has no effect.'),
  loseAnswer: z.boolean().default(false).describe('Has its effect, then cuts the connection.'),
  cutAfterBytes: z.number().int().min(0).optional().describe('Bytes after which a download is cut.'),
});
export type ApiFault = z.output<typeof ApiFault>;

export const Api = z.strictObject({
  key: setting(z.string().nullable(), null, 'The only valid API key; null: any.'),
  endpoints: setting(
    z.enum(['public', 'any']),
    'public',
    'Accepts https at public addresses and anything on loopback; or any https and http URI, such as http://receiver:3000/.',
  ),
  // docs/gemini-wire.md 1.3
  v1Webhooks: setting(z.boolean(), true, '`/v1` serves webhooks; otherwise only `/v1beta` does, as in June 2026.'),
  // docs/gemini-wire.md 1.5
  eventTypes: setting(z.array(z.string()).min(1), EVENT_TYPES, 'Types that a webhook can subscribe to.'),
  faults: setting(z.array(ApiFault), [], 'Faults of API requests; the first that matches a request is applied to it.'),
});

export const Files = z.strictObject({
  lifetimeMillis: setting(duration, 48 * HOUR_MILLIS, 'Lifetime of uploaded files and videos.'),
  outputLifetimeMillis: setting(duration, 42 * 24 * HOUR_MILLIS, 'Lifetime of output files of batches.'),
  ranges: setting(z.boolean(), true, 'Downloads honour `Range`; otherwise the whole file is sent.'),
  partBytes: setting(count.nullable(), null, 'Largest answer to a range request in bytes; null: no limit.'),
  contentRange: setting(z.boolean(), true, 'Answers to range requests have a `Content-Range`.'),
  // docs/gemini-wire.md 7.4
  refusedTypes: setting(z.array(z.string()), [], 'Types of uploads that are refused as unsupported.'),
});

export const Jwks = z.strictObject({
  keyIds: setting(z.boolean(), true, 'Keys and tokens name a `kid`.'),
  available: setting(z.boolean(), true, 'The JWKS is served; otherwise its address answers 503.'),
  latencyMillis: setting(wallDuration, 0, 'Time until the JWKS is served, by the wall clock.'),
});
