import { randomBytes } from 'node:crypto';

/** Data of the event types of Gemini's guide, and of a ping (docs/gemini-wire.md 4.3, 4.5). */
const SAMPLES: Readonly<Record<string, (id: string) => Readonly<Record<string, unknown>>>> = {
  'batch.succeeded': (id) => ({ id: `batches/${id}`, output_file_uri: `files/batch-${id}` }),
  'batch.failed': (id) => ({
    id: `batches/${id}`,
    error_code: '3',
    error_message: 'The input file has no valid line.',
  }),
  'batch.expired': (id) => ({ id: `batches/${id}` }),
  'batch.cancelled': (id) => ({ id: `batches/${id}` }),
  'interaction.completed': (id) => ({ id: `v1_${id}` }),
  'interaction.requires_action': (id) => ({ id: `v1_${id}` }),
  'interaction.failed': (id) => ({
    id: `v1_${id}`,
    error_code: '13',
    error_message: 'The model had an internal error.',
  }),
  'interaction.cancelled': (id) => ({ id: `v1_${id}` }),
  'video.generated': (id) => ({
    id: `models/veo-3.1-generate-preview/operations/${id}`,
    output_file_uri: `https://generativelanguage.googleapis.com/v1/files/${id}:download?alt=media`,
    file_name: `files/${id}`,
  }),
  ping: (id) => ({ id }),
};

/** The types that `events trigger` sends. */
export const TRIGGER_TYPES: readonly string[] = Object.keys(SAMPLES);

/** Fields that replace those of a sample. */
interface SampleFields {
  readonly job?: string | undefined;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** Returns a plausible event; its job does not exist at Gemini. */
export function sampleEvent(type: string, { job, data, metadata }: SampleFields, now = new Date()): object {
  const id = randomBytes(8).toString('hex');
  return {
    type: type === 'ping' ? 'webhook.ping' : type,
    version: 'v1',
    timestamp: now.toISOString(),
    data: { ...SAMPLES[type]?.(id), ...(job === undefined ? {} : { id: job }), ...data },
    ...(metadata === undefined ? {} : { user_metadata: metadata }),
  };
}
