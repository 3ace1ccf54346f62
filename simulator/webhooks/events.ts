import { isoTime } from '../clock.ts';
import type { Job, JobKind, FinalState } from '../jobs/job.ts';
import type { SettingsValues } from '../settings.ts';
import type { WebhookConfig } from './webhooks.ts';

type DeliverySettings = SettingsValues['deliveries'];

/** An event that is delivered to webhooks. */
export interface GeminiEvent {
  readonly type: string;
  readonly jobName?: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  /** The job's configuration: its URIs replace the registered webhooks, its metadata is part of the event. */
  readonly webhookConfig?: WebhookConfig | undefined;
}

/** Event types by final state. A state without one causes no event (docs/gemini-wire.md 4.3). */
const EVENT_TYPES: Record<JobKind, Partial<Record<FinalState, string>>> = {
  batch: {
    succeeded: 'batch.succeeded',
    failed: 'batch.failed',
    expired: 'batch.expired',
    cancelled: 'batch.cancelled',
  },
  interaction: {
    succeeded: 'interaction.completed',
    requires_action: 'interaction.requires_action',
    failed: 'interaction.failed',
    cancelled: 'interaction.cancelled',
  },
  video: { succeeded: 'video.generated' },
};

/** The events of a job's end. `fileName` is the file of its results, if any. */
export function eventsOf(job: Job, fileName: string | undefined, settings: DeliverySettings): GeminiEvent[] {
  return eventTypes(job, fileName, settings).map((type) => ({
    type,
    jobName: job.name,
    data: { id: dataId(job.name, settings.dataId), ...eventData(type, job, fileName, settings) },
    webhookConfig: job.webhookConfig,
  }));
}

/** The body of a delivery, the same bytes on each attempt. */
export function eventBody(event: GeminiEvent, timeMillis: number, place: DeliverySettings['userMetadata']): object {
  const body = { type: event.type, version: 'v1', timestamp: eventTime(timeMillis), data: event.data };
  const metadata = event.webhookConfig?.userMetadata;
  return metadata === undefined ? body : withMetadata(body, metadata, place);
}

/** Returns the body of a ping, made up because no source describes it (docs/gemini-wire.md 4.5). */
export function pingBody(webhookId: string, timeMillis: number, variant: DeliverySettings['ping']): object {
  if (variant === 'empty') return {};
  const body = { type: 'webhook.ping', version: 'v1', timestamp: eventTime(timeMillis) };
  return variant === 'without_data' ? body : { ...body, data: { id: webhookId } };
}

function eventTypes(job: Job, fileName: string | undefined, settings: DeliverySettings): string[] {
  const type = EVENT_TYPES[job.kind][job.state as FinalState];
  if (type === undefined) return [];
  if (job.state === 'cancelled' && !settings.cancelEvents) return [];
  if (type !== 'interaction.completed' || fileName === undefined) return [type];
  const types = { interaction: [type], video: ['video.generated'], both: [type, 'video.generated'], none: [] };
  return types[settings.omniEvents];
}

function eventData(type: string, job: Job, fileName: string | undefined, settings: DeliverySettings): object {
  if (job.state === 'failed') return { error_code: String(job.error?.code), error_message: job.error?.message };
  if (type === 'interaction.completed' || fileName === undefined) return {};
  const uri = outputFileUri(fileName, settings.outputFileUri);
  return {
    ...(uri === undefined ? {} : { output_file_uri: uri }),
    ...(type === 'video.generated' ? { file_name: fileName } : {}),
  };
}

function dataId(name: string, form: DeliverySettings['dataId']): string {
  return form === 'full' ? name : name.slice(name.lastIndexOf('/') + 1);
}

function outputFileUri(fileName: string, form: DeliverySettings['outputFileUri']): string | undefined {
  const forms = {
    https: downloadUri(fileName),
    name: fileName,
    gs: `gs://generated-results/${fileName.slice('files/'.length)}.jsonl`,
    none: undefined,
  };
  return forms[form];
}

/** The download URI that the API returns. The SDK replaces its origin with the base URL's (docs/gemini-wire.md 1.11). */
export function downloadUri(fileName: string): string {
  return `https://generativelanguage.googleapis.com/v1beta/${fileName}:download?alt=media`;
}

function withMetadata(body: { data: object }, metadata: object, place: DeliverySettings['userMetadata']): object {
  switch (place) {
    case 'user_metadata':
    case 'userMetadata':
      return { ...body, [place]: metadata };
    case 'data.user_metadata':
      return { ...body, data: { ...body.data, user_metadata: metadata } };
    case 'data.userMetadata':
      return { ...body, data: { ...body.data, userMetadata: metadata } };
    case 'metadata.user_metadata':
      return { ...body, metadata: { user_metadata: metadata } };
    case 'none':
      return body;
  }
}

/** Formats a time without fractions of a second, as in the guide's example. */
function eventTime(millis: number): string {
  return isoTime(millis).replace(/\.\d+Z$/, 'Z');
}
