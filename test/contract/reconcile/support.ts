import { Timestamp } from '@google-cloud/firestore';
import { expect } from 'vitest';
import { jobDocumentId, type JobKind } from '../../../functions/model/jobName.ts';
import type { RunningFunction } from '../../../local/functions.ts';
import { signV1 } from '../../../simulator/signing.ts';
import type { SimulatorOptions } from '../../../simulator/simulator.ts';
import { Stage } from '../results/harness.ts';

export const NOTHING = { republished: 0, recovered: 0, overdue: 0, resumed: 0, errors: 0 };
export const AT_ONCE = { RECONCILE_JOB_SECONDS: '0', JOB_OVERDUE_SECONDS: '86400' };

export const secondsAgo = (seconds: number) => Timestamp.fromMillis(Date.now() - seconds * 1_000);

/** Runs the reconciler once and returns its summary. */
export async function reconcile({ url }: RunningFunction): Promise<typeof NOTHING> {
  const response = await fetch(url, { method: 'POST' });
  expect(response.status).toBe(200);
  return (await response.json()) as typeof NOTHING;
}

/** Starts a reconciler on the given stage, or on a new one. */
export async function openReconciler(
  env: NodeJS.ProcessEnv = AT_ONCE,
  { stage: given, ...options }: SimulatorOptions & { stage?: Stage } = {},
) {
  const stage = given ?? (await Stage.open(options));
  const reconciler = await stage.start(env, 'reconcileJobs');
  return { stage, reconciler, run: async () => await reconcile(reconciler) };
}

export const documentOf = ({ project }: Stage, jobId: string) => project.firestore.doc(`jobs/${jobDocumentId(jobId)}`);

/** Records a job as `submitJob` does. */
export async function register(
  stage: Stage,
  jobId: string,
  kind: JobKind,
  { ageMillis = 0, ...more }: { ageMillis?: number; [field: string]: unknown } = {},
): Promise<void> {
  const at = Timestamp.fromMillis(Date.now() - ageMillis);
  const times = { createdAt: at, updatedAt: at, submittedAt: at };
  const record = { jobId, kind, state: 'submitted', ...times, ...more };
  await documentOf(stage, jobId).set(record);
}

/** Sends an event of a batch as Gemini does, and returns the status of the answer. */
export async function sendEvent({ url }: RunningFunction, secret: string, id: string, job: string): Promise<number> {
  const body = JSON.stringify({ type: 'batch.succeeded', timestamp: new Date().toISOString(), data: { id: job } });
  const timestampSeconds = Math.floor(Date.now() / 1_000);
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signV1(secret, { id, timestampSeconds, body }),
  };
  return (await fetch(url, { method: 'POST', body, headers })).status;
}

export async function eventsOf(stage: Stage) {
  const messages = await stage.project.messages('gemini-events');
  return messages.map(({ data, attributes, orderingKey }) => ({ data, attributes, orderingKey }));
}
