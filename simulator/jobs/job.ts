import { z } from 'zod';
import { linesSpecSchema } from '../files/content.ts';
import type { WebhookConfig } from '../webhooks/webhooks.ts';

export type JobKind = 'batch' | 'interaction' | 'video';

export const FINAL_STATES = {
  batch: ['succeeded', 'failed', 'cancelled', 'expired', 'partially_succeeded'],
  interaction: ['succeeded', 'requires_action', 'failed', 'cancelled', 'incomplete', 'budget_exceeded'],
  video: ['succeeded', 'failed'],
} as const;

export type FinalState = (typeof FINAL_STATES)[JobKind][number];
export type JobState = 'pending' | 'running' | FinalState;

const textOutputSchema = z.strictObject({
  text: z.string(),
  requests: z.number().int().min(0).optional().describe('`batchStats.requestCount`. Default: the number of lines.'),
});

/** The end of a job. */
export const outcomeSchema = z.strictObject({
  state: z.enum([...new Set(Object.values(FINAL_STATES).flat())]).optional(),
  error: z.strictObject({ code: z.number().int(), message: z.string() }).optional(),
  output: z
    .union([linesSpecSchema, textOutputSchema])
    .optional()
    .describe('Replaces the output file of a batch by one of any size, or by this text.'),
});
export type Outcome = z.output<typeof outcomeSchema>;

export interface Job {
  /** `batches/…`, `v1_…` for an interaction, `models/…/operations/…` for a Veo video. */
  readonly name: string;
  readonly kind: JobKind;
  /** A batch's display name; the prompt of other jobs. */
  readonly displayName: string | undefined;
  readonly createMillis: number;
  readonly webhookConfig: WebhookConfig | undefined;
  state: JobState;
  updateMillis: number;
  endMillis: number | undefined;
  error: Outcome['error'];
}

export function isFinal(job: Job): boolean {
  return job.state !== 'pending' && job.state !== 'running';
}
