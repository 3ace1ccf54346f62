import { z } from 'zod';
import { count, duration, HOUR_MILLIS, rate, setting, wallDuration } from './setting.ts';

const METADATA_PLACES = [
  'user_metadata',
  'userMetadata',
  'data.user_metadata',
  'data.userMetadata',
  'metadata.user_metadata',
  'none',
] as const;

/** The comments name the sections of docs/gemini-wire.md that leave the choice open. */
export const Deliveries = z.strictObject({
  // 5.2, 5.3
  scheme: setting(z.enum(['v1a', 'RS256', 'EdDSA']), 'v1a', 'Signature of dynamic deliveries: Ed25519 or a JWT.'),
  timestamp: setting(
    z.enum(['machine', 'clock']),
    'machine',
    "Time that is signed: the machine's, as endpoints know it, however the clock was moved; or the clock's.",
  ),
  audience: setting(z.string().nullable(), null, '`aud` of a JWT; null: the URI it is sent to.'),
  // 4.6
  retryDelaysMillis: setting(
    z.array(duration).min(1),
    [0, 5_000, 300_000, 1_800_000, 2 * HOUR_MILLIS, 5 * HOUR_MILLIS, 10 * HOUR_MILLIS],
    'Delay of each attempt after the end of the one before it.',
  ),
  giveUpAfterMillis: setting(duration, 24 * HOUR_MILLIS, 'Time after an event in which attempts are made.'),
  timeoutMillis: setting(wallDuration, 10_000, 'Time an endpoint has to answer, by the wall clock.'),
  disableAfterGivenUp: setting(count, 3, 'Number of deliveries given up in a row that disables a webhook.'),
  // 4.7
  sharedId: setting(z.boolean(), false, 'All deliveries of an event have the same webhook-id.'),
  // 4.4
  userMetadata: setting(z.enum(METADATA_PLACES), 'user_metadata', 'Where a delivery has the metadata of its job.'),
  // 1.8
  dataId: setting(z.enum(['full', 'bare']), 'full', '`data.id` as a resource name, or only its last part.'),
  // 1.7
  outputFileUri: setting(z.enum(['https', 'name', 'gs', 'none']), 'https', 'Form of `data.output_file_uri`.'),
  // 4.5
  ping: setting(z.enum(['full', 'without_data', 'empty']), 'full', 'Body of a ping.'),
  // 1.5
  cancelEvents: setting(z.boolean(), true, 'A cancelled job causes an event.'),
  // 10.1
  omniEvents: setting(
    z.enum(['interaction', 'video', 'both', 'none']),
    'interaction',
    'Events of a finished Omni interaction; none: the job ends without a webhook (google-gemini/cookbook#1297).',
  ),
});

export const Faults = z.strictObject({
  duplicate: setting(rate, 0, 'Share of deliveries that are sent twice at the same time.'),
  reorder: setting(rate, 0, 'Share of deliveries that are sent after the next one to the same URI, or after a minute.'),
  delay: setting(rate, 0, 'Share of deliveries that are delayed by `delayMillis`.'),
  delayMillis: setting(duration, 10_000, 'Delay of a delayed delivery.'),
  drop: setting(rate, 0, 'Share of deliveries that are never sent.'),
  unknownType: setting(rate, 0, 'Share of events that are preceded by an event of an unknown type.'),
  stale: setting(rate, 0, 'Share of attempts with a timestamp that is `staleMillis` old.'),
  staleMillis: setting(duration, 600_000, 'Age of a stale timestamp.'),
  unsigned: setting(rate, 0, 'Share of attempts without a signature.'),
  wrongSignature: setting(rate, 0, 'Share of attempts that are signed with a key that is not published.'),
  lostAnswer: setting(rate, 0, 'Share of attempts whose answer is lost, so that they are retried.'),
});
