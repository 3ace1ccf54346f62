import { Log } from '../../functions/observability/log.ts';
import { readSubmitConfig, type SubmitConfig } from '../../functions/submit/config.ts';
import { recordIdOf } from '../../functions/submit/idempotencyKey.ts';
import type { Receipt } from '../../functions/submit/pipeline.ts';
import { parseSubmission } from '../../functions/submit/submission.ts';
import type { Context } from '../context.ts';
import { CliError, reasonOf, usageError } from '../errors.ts';
import { backendError, FIRESTORE } from '../failureReport.ts';
import { GEMINI, STORE } from '../installation/variableGroups.ts';
import { fields } from '../terminal.ts';
import type { JobOutput } from './readOutput.ts';

/** Options of every kind of submission. */
export interface CommonOptions {
  readonly model?: string;
  readonly route: string;
  readonly metadata?: string;
  readonly idempotencyKey?: string;
  readonly wait?: true;
}

interface BatchPrompts {
  readonly model: string | undefined;
  readonly file: string;
  readonly mimeType: string | undefined;
}

export async function batchCommand(
  envelope: object,
  { model, file, mimeType }: BatchPrompts,
  options: CommonOptions,
  context: Context,
): Promise<void> {
  requireSubmission({ ...envelope, request: { model, src: 'files/to-be-uploaded' } }, options);
  const config = await configOf(context);
  const { upload } = await import('./upload.ts');
  const prompts = { path: file, idempotencyKey: options.idempotencyKey, mimeType };
  const src = await upload(config, prompts, context.terminal);
  await run({ ...envelope, request: { model, src } }, options, config, context);
}

export async function interactionCommand(submission: object, options: CommonOptions, context: Context): Promise<void> {
  requireSubmission(submission, options);
  await run(submission, options, await configOf(context), context);
}

/** @throws {CliError} of usage, before anything is read or sent. */
function requireSubmission(submission: object, { idempotencyKey }: CommonOptions): void {
  try {
    parseSubmission(bytesOf(submission));
    recordIdOf(idempotencyKey);
  } catch (error) {
    throw usageError(reasonOf(error));
  }
}

/** @throws {ConfigError} */
async function configOf(context: Context): Promise<SubmitConfig> {
  return readSubmitConfig(await context.settings(...STORE, ...GEMINI, 'CALLBACK_URL', 'DYNAMIC_ROUTE_KEY'));
}

async function run(submission: object, options: CommonOptions, config: SubmitConfig, context: Context): Promise<void> {
  const receipt = await submit(submission, options.idempotencyKey, config, context);
  if (!options.wait) {
    context.terminal.result(receipt, () => fields({ ...receipt }));
    return;
  }
  context.terminal.note(`Started ${receipt.jobId}.`);
  await follow(receipt, config, context);
}

/** Starts the job in this process, by submitJob's own code. */
async function submit(
  submission: object,
  key: string | undefined,
  config: SubmitConfig,
  context: Context,
): Promise<Receipt> {
  const { connectSubmit } = await import('../../functions/submit/runtime.ts');
  const silent = new Log(undefined, () => {});
  try {
    return await connectSubmit(config, silent)(bytesOf(submission), key);
  } catch (error) {
    const isStore = error instanceof Error && 'reason' in error && error.reason === 'STORE_UNAVAILABLE';
    if (isStore) throw backendError(FIRESTORE, error, await context.settings(...STORE));
    if (!(error instanceof Error && 'reason' in error)) throw error;
    throw new CliError(String(error.reason), reasonOf(error), { cause: error });
  }
}

/** Waits for the end of the job by its record, then reads its output from Gemini once. */
async function follow({ jobId }: Receipt, config: SubmitConfig, context: Context): Promise<void> {
  const [{ watchJob }, { jobLines }, { outputLines }, { readOutput }] = await Promise.all([
    import('../jobs/watch.ts'),
    import('../jobs/jobText.ts'),
    import('../jobs/resultText.ts'),
    import('./readOutput.ts'),
  ]);
  const { terminal } = context;
  const { found, failure, remark } = await watchJob(jobId, {}, context);
  if (remark) terminal.note(remark);
  const output: JobOutput = found && !failure ? await readOutput(found.record, config.gemini) : { results: [] };
  if (output.remark) terminal.note(output.remark);
  if (found) {
    const { results } = output;
    terminal.result({ ...found.record, output: results }, () => [jobLines(found), ...outputLines(results)].join('\n'));
  }
  const reason = failure ?? output.failure;
  if (reason) throw reason;
}

function bytesOf(submission: object): Buffer {
  return Buffer.from(JSON.stringify(submission));
}
