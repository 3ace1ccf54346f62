import type { JobState } from '../../functions/model/eventTypes.ts';

export const JOB_STATES: readonly JobState[] = [
  'submitted',
  'running',
  'requires_action',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
  'unknown',
];
