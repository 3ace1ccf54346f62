import type { GoogleGenAI } from '@google/genai';
import { isFinal } from '../../functions/model/eventTypes.ts';
import { connect, geminiFailure } from '../connect.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { GEMINI } from '../installation/variableGroups.ts';
import { withStore } from '../store.ts';
import { type JobRecord, requireJob } from './records.ts';

/** @throws {CliError} `JOB_ENDED`, `NOT_CANCELLABLE`, `GEMINI_…` */
export async function cancelCommand(id: string, context: Context): Promise<void> {
  await withStore(
    context,
    async (firestore, variables) => {
      const { record } = await requireJob(firestore, id);
      const { jobId } = record;
      requireCancellable(record);
      const { ai } = connect(variables);
      await context.confirm(`cancel ${jobId} at Gemini`);
      const state = await cancel(ai, record).catch((error: unknown) => {
        throw geminiFailure(error, { ifUnknown: 'The job may have been cancelled.' });
      });
      context.terminal.result(
        { jobId, state },
        () => `Gemini accepted the cancellation of ${jobId}, which is ${state} now. Its record follows.`,
      );
    },
    GEMINI,
  );
}

function requireCancellable({ jobId, kind, state }: JobRecord): void {
  if (isFinal(state)) throw new CliError('JOB_ENDED', `${jobId} has already ended: ${state}.`);
  if (kind !== 'batch' && kind !== 'interaction')
    throw new CliError('NOT_CANCELLABLE', `Gemini cancels batches and interactions only, and ${jobId} is neither.`);
}

/** @returns the job's state as Gemini answers it. */
async function cancel(ai: GoogleGenAI, { jobId, kind }: JobRecord): Promise<string> {
  if (kind === 'interaction') return (await ai.interactions.cancel(jobId.replace(/^interactions\//, ''))).status;
  await ai.batches.cancel({ name: jobId });
  const { state } = await ai.batches.get({ name: jobId });
  return (state ?? 'unknown').replace(/^JOB_STATE_/, '').toLowerCase();
}
